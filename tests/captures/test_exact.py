"""The plain formulas that every language can repeat, against the libraries that they stand in for."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_py.captures.exact import BLOCK, box_mean, mean_in_order, mirrored, natural_log, sine_ramp
from runtime_py.captures.preprocess import preprocess, resize_to_width
from runtime_py.captures.resize import enlarge, shrink
from runtime_py.contract import Preprocess
from runtime_py.errors import ContractError

GENERATOR = np.random.default_rng(6)


def _ulps(found: np.ndarray, exact: np.ndarray) -> float:
    return float((np.abs(found.astype(np.longdouble) - exact) / np.spacing(np.abs(found))).max())


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="this machine has no longer float to compare with")
def test_a_logarithm_is_within_two_units_in_the_last_place() -> None:
    near_one = 1.0 + GENERATOR.normal(size=60_000) * 1e-3
    anywhere = np.ldexp(GENERATOR.uniform(1, 2, 120_000), GENERATOR.integers(-1022, 1024, 120_000))
    usual = GENERATOR.uniform(0.05, 20, 120_000)
    for x in (near_one, anywhere, usual):
        assert _ulps(natural_log(x), np.log(x.astype(np.longdouble))) < 2


def test_logarithms_of_one_and_of_the_ends_of_the_range() -> None:
    ends = np.array([1.0, np.finfo(float).tiny, np.finfo(float).max, math.nextafter(1.0, 2.0)])
    np.testing.assert_allclose(natural_log(ends), [math.log(x) for x in ends], rtol=4e-16, atol=0)
    assert natural_log(ends)[0] == 0


def test_no_logarithm_depends_on_where_it_stands() -> None:
    x = GENERATOR.uniform(0.05, 9, (3, BLOCK))
    np.testing.assert_array_equal(natural_log(x)[1:, 1:], natural_log(np.ascontiguousarray(x[1:, 1:])))


def test_a_ramp_is_a_squared_sine() -> None:
    t = np.linspace(0, 1, 10_001)
    np.testing.assert_allclose(sine_ramp(t), np.sin(np.pi / 2 * t) ** 2, atol=1e-15)


@given(st.integers(1, 9), st.integers(0, 30), st.integers(0, 30))
def test_mirroring_is_numpys_reflection(length: int, before: int, after: int) -> None:
    expected = np.pad(np.arange(length), (before, after), mode="reflect")
    np.testing.assert_array_equal(mirrored(-before, before + length + after, length), expected)


@pytest.mark.parametrize(
    ("size", "side"), [((40, 50), 31), ((9, 7), 5), ((12, 12), 4), ((4, 30), 15), ((600, 70), 31), ((5, 5), 1)]
)
def test_a_box_mean_is_that_of_opencv(size: tuple[int, int], side: int) -> None:
    plane = GENERATOR.normal(size=size)
    expected = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(box_mean(plane, side), expected, atol=1e-12)


def test_a_mean_goes_down_the_columns_first() -> None:
    plane = np.array([[2.0**53, -(2.0**53)], [1.0, 1.0]])  # along the rows it would be 1/2
    assert mean_in_order(plane) == 0.25
    assert mean_in_order(np.full((1, 3), 0.5, np.float32)) == 0.5


@pytest.mark.parametrize("width", [256, 217, 96, 31, 1])
def test_shrinking_averages_areas_as_opencv_does(width: int) -> None:
    view = GENERATOR.random((151, 300), np.float32)
    height = round(151 * width / 300)
    # OpenCV leaves out a share of a sample below a thousandth.
    expected = cv2.resize(view.astype(np.float64), (width, max(1, height)), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(resize_to_width(view, width), expected, atol=1e-3 if width > 200 else 1e-5)


@pytest.mark.parametrize("width", [301, 450, 900])
def test_enlarging_interpolates_as_opencv_does(width: int) -> None:
    view = GENERATOR.random((151, 300), np.float32)
    expected = cv2.resize(view, (width, round(151 * width / 300)), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(resize_to_width(view, width), expected, atol=1e-4 if width < 450 else 1e-5)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_shrinking_keeps_the_mean_and_both_keep_a_constant(rows: int, columns: int, seed: int) -> None:
    plane = np.random.default_rng(seed).random((rows, columns))
    small = shrink(plane, (rows + 1) // 2, (columns + 2) // 3)
    assert math.isclose(small.mean(), plane.mean(), rel_tol=1e-12)
    np.testing.assert_allclose(shrink(np.full_like(plane, 0.7), 1, columns), 0.7, rtol=1e-12)
    np.testing.assert_allclose(enlarge(np.full_like(plane, 0.7), rows + 3, 2 * columns), 0.7, rtol=1e-12)


def test_the_front_end_is_the_one_that_opencv_and_float32_logarithms_make() -> None:
    """How it was computed before its order of operations was fixed; students were trained on that."""
    view = (GENERATOR.gamma(2.0, 0.1, (120, 160)) - 0.02).astype(np.float32)
    settings = Preprocess()
    light = np.maximum(view, np.float32(0))
    g = np.log(light / np.float32(light.mean(dtype=np.float64)) + np.float32(settings.floor))
    local = cv2.blur(g, (settings.box, settings.box), borderType=cv2.BORDER_REFLECT_101)
    expected = np.clip((g - local) * settings.gain, -settings.limit, settings.limit)
    np.testing.assert_allclose(preprocess(view, settings), expected, atol=1e-5)


def test_settings_without_a_box_or_a_floor_are_refused() -> None:
    for settings in (Preprocess(box=0), Preprocess(floor=0.0), Preprocess(floor=float("nan"))):
        with pytest.raises(ContractError, match="correct the contract"):
            preprocess(np.ones((20, 20), np.float32), settings)
