from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_py.arithmetic import (
    activation_limits,
    exact_sum_dtype,
    high_multiply,
    multiply_by_quantized,
    multiply_by_quantized_upward,
    quantize_multiplier,
    round_half_away,
    rounding_shift,
)
from runtime_py.dialects import DIALECTS, dialect_named
from runtime_py.errors import DpocketError
from runtime_py.requantize import SumGrid

int32s = st.integers(-(2**31) + 1, 2**31 - 1)


def nearest(value: Fraction, tie: int) -> int:
    """Round to nearest in exact rationals; ties go away from zero (tie=0) or upwards (tie=1)."""
    floor = value.numerator // value.denominator
    rest = value - floor
    if rest == Fraction(1, 2):
        return floor + 1 if tie == 1 or value > 0 else floor
    return floor + (rest > Fraction(1, 2))


def test_ties_go_away_from_zero() -> None:
    given_ = np.float32([0.5, -0.5, 1.5, -2.5, 2.4999998, 0.49999997])
    np.testing.assert_array_equal(round_half_away(given_), [1, -1, 2, -3, 2, 0])


def test_a_third_as_a_fixed_point_multiplier() -> None:
    multiplier, exponent = quantize_multiplier(1 / 3)
    # 1/3 = 0.6667 * 2**-1 and 0.66666667 * 2**31 = 1431655765.33
    assert (int(multiplier), int(exponent)) == (1431655765, -1)


@given(st.floats(2.0**-30, 2.0**20))
def test_a_multiplier_is_within_half_a_step_of_its_number(real: float) -> None:
    multiplier, exponent = (int(v) for v in quantize_multiplier(real))
    assert 2**30 <= multiplier < 2**31
    assert abs(Fraction(multiplier) * Fraction(2) ** (exponent - 31) - Fraction(real)) <= Fraction(2) ** (exponent - 32)


@given(int32s, int32s)
def test_high_multiply_rounds_the_exact_product_with_ties_upwards(a: int, b: int) -> None:
    assert int(high_multiply(a, b)) == nearest(Fraction(a * b, 2**31), tie=1)


@given(int32s, st.integers(0, 31))
def test_rounding_shift_rounds_the_exact_quotient_with_ties_away_from_zero(x: int, n: int) -> None:
    assert int(rounding_shift(x, n)) == nearest(Fraction(x, 2**n), tie=0)


@given(st.integers(-(2**24), 2**24), st.integers(2**30, 2**31 - 1), st.integers(-20, 2))
def test_two_roundings_stay_within_one_step_of_the_exact_product(x: int, multiplier: int, exponent: int) -> None:
    exact = Fraction(x * multiplier) * Fraction(2) ** (exponent - 31)
    for scaled in (multiply_by_quantized, multiply_by_quantized_upward):
        assert abs(int(scaled(x, multiplier, exponent)) - exact) < 1


def test_two_roundings_can_differ_from_one() -> None:
    # 0.49999999 is 0.99999998 halves: 3 of those are 2.99999994 halves, first rounded to 3, and 3/2 becomes 2.
    multiplier, exponent = quantize_multiplier(0.49999999)
    assert int(multiply_by_quantized(3, multiplier, exponent)) == 2
    assert round(3 * 0.49999999) == 1


@pytest.mark.parametrize(("activation", "wanted"), [("none", (-128, 127)), ("relu", (-8, 127)), ("relu6", (-8, 112))])
def test_activation_limits_on_a_grid_of_a_twentieth(activation: str, wanted: tuple[int, int]) -> None:
    for dialect in DIALECTS.values():
        assert activation_limits(activation, np.float32(0.05), -8, dialect.round_limit) == wanted


def test_an_unknown_dialect_lists_those_that_exist() -> None:
    with pytest.raises(DpocketError, match="xnnpack, litert-reference"):
        dialect_named("cuda")


def test_float32_is_chosen_exactly_while_the_worst_sum_is_below_two_to_the_24() -> None:
    weights = np.full((1, 2**24 // (128 * 128)), 128 - 1, np.int8)
    assert exact_sum_dtype(weights, 0, None) is np.float32
    assert exact_sum_dtype(weights, 127, None) is np.float64
    assert exact_sum_dtype(weights, 0, np.array([-(2**24)], np.int32)) is np.float64


def grid(scale: float, count: int) -> SumGrid:
    one = np.float32(1)
    return SumGrid(one, np.full(count, scale, np.float32), one, 3, (-100, 90), 1)


@given(st.lists(st.integers(-(2**23), 2**23), min_size=1, max_size=40), st.floats(2.0**-20, 40.0))
def test_the_fast_fixed_point_path_equals_the_integers(sums: list[int], scale: float) -> None:
    """The path through float32 against the definition in integers, one channel."""
    requantize = DIALECTS["litert-reference"].requantizer(grid(scale, 1))
    out = np.empty((len(sums), 1), np.int8)
    requantize(np.float32(sums)[:, None], out)
    scaled = multiply_by_quantized(sums, *quantize_multiplier(np.float64(np.float32(scale))))
    np.testing.assert_array_equal(out[:, 0], np.clip(scaled + 3, -100, 90))


def test_the_fast_fixed_point_path_equals_the_integers_around_every_tie() -> None:
    for scale in (3.0, 1 / 3, 0.25, 0.1, 0.01, 0.0117, 2.0**-9, 2.0**-9 * (1 + 2.0**-20), 1e-4):
        steps = np.arange(-140, 140) + 0.5
        centres = np.rint(steps / np.float64(np.float32(scale))).astype(np.int64)
        sums = (centres[:, None] + np.arange(-6, 7)).reshape(-1)
        sums = sums[np.abs(sums) < 2**24]
        out = np.empty((sums.size, 1), np.int8)
        DIALECTS["litert-reference"].requantizer(grid(scale, 1))(sums.astype(np.float32)[:, None], out)
        scaled = multiply_by_quantized(sums, *quantize_multiplier(np.float64(np.float32(scale))))
        np.testing.assert_array_equal(out[:, 0], np.clip(scaled + 3, -100, 90))
