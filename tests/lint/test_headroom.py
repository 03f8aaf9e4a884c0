"""Sums, weights and ratios of integer programs, against sums that are added up one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime_py.interpreter import Interpreter
from runtime_py.lint.headroom import audited, largest_sums, untied
from runtime_py.program import Op, Program, Quant, Tensor


def quant(scale: Any, zero: int = 0, axis: int = 0) -> Quant:
    scales = np.atleast_1d(np.asarray(scale, np.float32))
    return Quant(scales, np.full(scales.size, zero, np.int64), axis)


def convolution(weight: Any, bias: Any, zero: int = -128, scales: tuple[float, float, float] = (1, 1, 1)) -> Program:
    """A 1x1 int8 convolution: `weight` (out, in), `bias` (out); scales of the input, the weights and the output."""
    w = np.asarray(weight, np.int8)[:, None, None, :]
    b = np.asarray(bias, np.int32)
    given, weights, out = scales
    tensors = (
        Tensor("x", (1, 1, 1, w.shape[3]), "int8", quant(given, zero)),
        Tensor("w", w.shape, "int8", quant([weights] * len(w)), w),
        Tensor("b", b.shape, "int32", quant([given * weights] * len(w)), b),
        Tensor("y", (1, 1, 1, len(w)), "int8", quant(out)),
    )
    attrs = {"stride": (1, 1), "dilation": (1, 1), "padding": "valid", "activation": "none"}
    return Program(tensors, (Op("conv2d", (0, 1, 2), (3,), attrs, "conv"),), (0,), (3,))


def addition(first: float, second: float, out: float) -> Program:
    shape = (1, 1, 1, 1)
    tensors = tuple(
        Tensor(n, shape, "int8", quant(s)) for n, s in (("a", first), ("b", second), ("y", out))
    )  # fmt: skip
    return Program(tensors, (Op("add", (0, 1), (2,), {"activation": "none"}, "add"),), (0, 1), (2,))


def checks(program: Program) -> dict[str, str]:
    """Status by check."""
    return {j.check: j.status for _, _, judgements in audited(program) for j in judgements}


@given(
    weights=st.lists(st.lists(st.integers(-127, 127), min_size=3, max_size=3), min_size=1, max_size=2),
    bias=st.integers(-1000, 1000),
    zero=st.integers(-128, 127),
)
@settings(max_examples=40, deadline=None)
def test_no_input_and_no_order_of_adding_exceeds_the_largest_sum(
    weights: list[list[int]], bias: int, zero: int
) -> None:
    program = convolution(weights, [bias] * len(weights), zero)
    weight = program.tensors[1].data
    assert weight is not None
    bounds = largest_sums(weight, np.full(len(weights), bias), zero, program.ops[0])
    for row, bound in zip(weights, bounds, strict=True):
        terms = [[w * (q - zero) for q in (-128, zero, 127)] for w in row]
        reached = [
            max(abs(sum(order[:n])) for order in itertools.permutations((*chosen, bias)) for n in range(1, 5))
            for chosen in itertools.product(*terms)
        ]
        assert max(reached) == bound


def test_the_pixels_of_a_transposed_convolution_see_one_phase_of_its_taps() -> None:
    """A 2x2 kernel of stride 2: every output pixel is one tap times one input pixel of 255 steps."""
    op = Op("transpose_conv2d", (0, 1, 2), (3,), {"stride": (2, 2)})
    weight = np.array([[1, -3], [2, 7]], np.int8).reshape(1, 2, 2, 1)
    assert largest_sums(weight, np.zeros(1), -128, op).tolist() == [7 * 255]


def test_a_sum_that_int32_cannot_hold_is_refused() -> None:
    assert checks(convolution([[127] * 8], [2**31 - 1]))["accumulator"] == "refused"


def test_a_sum_beyond_what_float32_counts_concerns_core_ml_alone() -> None:
    """520 channels of 127 * 255 are 2^24 and a little more, 518 a little less."""
    (_, _, found), *_ = audited(convolution([[127] * 520], [0]))
    assert [(j.check, j.status, j.targets) for j in found] == [("accumulator", "warning", ("coreml",))]
    assert checks(convolution([[127] * 517], [0])) == {}


@pytest.mark.parametrize(("bias", "expected"), [(2**21, {}), (2**21 + 1, {"bias": "warning"})])
def test_a_bias_survives_up_to_21_bits(bias: int, expected: dict[str, str]) -> None:
    assert checks(convolution([[127]], [bias])) == expected


def test_a_bias_of_21_bits_is_the_last_that_a_product_and_a_quotient_in_float32_keep() -> None:
    """ExecuTorch gets `bias * scale` as float32 and divides by that scale: above the limit it can be a step off."""
    rng = np.random.default_rng(0)
    scale = rng.uniform(1e-6, 1, 20000).astype(np.float32)
    for bits, kept in ((21, True), (25, False)):
        whole = rng.integers(2 ** (bits - 1), 2**bits, scale.size)
        real = whole.astype(np.float32) * scale
        assert np.array_equal(np.rint(real / scale), whole) is kept


def test_a_channel_of_few_weight_steps_is_told_but_one_that_says_nothing_is_not() -> None:
    assert checks(convolution([[127, 1], [31, 2]], [0, 0])) == {"weights": "warning"}
    program = convolution([[127, 1], [31, 2]], [0, 0])
    silent = Tensor("w", program.tensors[1].shape, "int8", quant([1.0, 1e-3]), program.tensors[1].data)
    tensors = (program.tensors[0], silent, *program.tensors[2:])
    assert checks(Program(tensors, program.ops, (0,), (3,))) == {}


@pytest.mark.parametrize(
    ("first", "out", "status"),
    [(2.0**-10, 1.0, None), (2.0**-10 * 0.99, 1.0, "refused"), (255.0, 1.0, None), (256.0, 1.0, "refused")],
)
def test_additions_of_scales_that_xnnpack_refuses(first: float, out: float, status: str | None) -> None:
    program = addition(first, 1.0, out)
    assert checks(program).get("addends") == status
    Interpreter(program, "xnnpack")  # the reference runtime has LiteRT's own kernel for what XNNPACK refuses


def test_a_convolution_whose_steps_grow_256_fold_is_refused() -> None:
    assert checks(convolution([[127]], [0], scales=(16.0, 15.9, 1.0))) == {}
    assert checks(convolution([[127]], [0], scales=(16.0, 16.0, 1.0))) == {"ratio": "refused"}


def test_a_concatenation_names_the_input_that_is_on_another_grid() -> None:
    shape = (1, 1, 1, 1)
    tensors = (
        Tensor("a", shape, "int8", quant(0.5)),
        Tensor("b", shape, "int8", quant(0.25)),
        Tensor("y", (1, 1, 1, 2), "int8", quant(0.5)),
    )
    op = Op("concat", (0, 1), (2,), {"axis": 3, "activation": "none"})
    assert untied(Program(tensors, (op,), (0, 1), (2,)), op) == ["b"]
