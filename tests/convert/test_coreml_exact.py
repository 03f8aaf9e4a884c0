"""The int8 package of Core ML, whose float32 operations must land on the integers of XNNPACK's kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from grid_readback import dtype_of, mil_operations
from hypothesis import given, settings
from hypothesis import strategies as st
from mil_in_torch import outputs_of
from numpy.typing import NDArray
from vendor_runtimes import litert

from convert.addition_factors import pair_factors
from convert.artifact import Artifact
from convert.grid import WEIGHT_AXIS
from convert.lower import lower
from convert.precision import at_precision
from runtime_py.program import Quant
from runtime_py.runners import open_runner
from training.graph import StudentGraph
from training.quantize import Grid

Exports = Mapping[tuple[str, str], Artifact]
Views = dict[str, NDArray[np.int8]]


@pytest.fixture(scope="module")
def on_litert(exports: Exports, int8_views: Views) -> NDArray[np.int8]:
    return litert(exports["litert", "int8"].path, int8_views)


def _reals(artifact: Artifact, codes: Views) -> dict[str, NDArray[np.float32]]:
    scale = np.float32(artifact.contract.inputs[0].scale or 0)
    return {name: value.astype(np.float32) * scale for name, value in codes.items()}


def test_the_reference_runtime_gives_the_integers_of_litert(
    exports: Exports, int8_views: Views, on_litert: NDArray[np.int8]
) -> None:
    artifact = exports["coreml", "int8"]
    found = open_runner(artifact.path, "reference", None, artifact.contract).run(_reals(artifact, int8_views))
    spec = artifact.contract.output("disparity")
    codes = np.rint(found["disparity"] / np.float32(spec.scale or 0)) + (spec.zero_point or 0)
    np.testing.assert_array_equal(codes, on_litert)


@pytest.mark.parametrize(("sums", "disturb"), [(torch.float32, 0.0), (torch.float64, 0.0), (torch.float32, 0.4)])
def test_torch_gives_the_same_integers_however_it_adds(
    exports: Exports, int8_views: Views, on_litert: NDArray[np.int8], sums: torch.dtype, disturb: float
) -> None:
    artifact = exports["coreml", "int8"]
    inputs = {name: torch.from_numpy(value) for name, value in _reals(artifact, int8_views).items()}
    values = outputs_of(mil_operations(artifact.path), inputs, sums, disturb)
    np.testing.assert_array_equal(values["disparity_int8"].numpy(), on_litert)


def test_factors_are_the_grids(exports: Exports, graph: StudentGraph, grid: Grid) -> None:
    """A sum's step is input scale times weight scale, and is turned into steps of the output, as in XNNPACK."""
    program = at_precision(lower(graph), "int8", grid)
    operations = mil_operations(exports["coreml", "int8"].path)
    divisors = [op.y.val.reshape(-1) for op in operations if op.op_type == "real_div"]
    users = [op.outputs[0].child_ops[0] for op in operations if op.op_type == "round"]
    factors = [op.y.val.reshape(-1) for op in users]
    expected = []
    for op in program.ops:
        if op.kind in WEIGHT_AXIS:
            x, weight, out = (program.tensors[i].quant for i in (op.inputs[0], op.inputs[1], op.outputs[0]))
            assert x is not None
            assert weight is not None
            assert out is not None
            expected.append((x.scale[0] * weight.scale, x.scale[0] * weight.scale / out.scale[0]))
    key = lambda pair: tuple(np.concatenate(pair))  # noqa: E731
    found = sorted(zip(divisors, factors, strict=True), key=key)
    for ours, theirs in zip(found, sorted(expected, key=key), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_every_convolution_is_rounded_once_and_every_tensor_quantised_once(exports: Exports, grid: Grid) -> None:
    operations = mil_operations(exports["coreml", "int8"].path)
    kinds = Counter(op.op_type for op in operations)
    convolutions = kinds["conv"] + kinds["conv_transpose"]
    assert convolutions == kinds["round"] == kinds["real_div"] == len(grid.weights)
    assert kinds["constexpr_affine_dequantize"] == len(grid.weights)
    assert kinds["quantize"] == kinds["dequantize"] == len(grid.tensors)
    assert {dtype_of(op.outputs[0]) for op in operations if op.op_type == "quantize"} == {"int8"}


def _added_wrongly(first: Quant, second: Quant, out: Quant, factors: tuple[np.float32, np.float32]) -> int:
    """Of all pairs, those that float32 adds otherwise than XNNPACK: factors round(ratio * 2**shift), then a shift."""
    a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    ratios = [np.float32(q.scale[0] / out.scale[0]) for q in (first, second)]
    shift = 20 - int(np.floor(np.log2(max(ratios))))
    whole = [round(float(ratio) * 2.0**shift) for ratio in ratios]
    fine = whole[0] * (a - first.zero_point[0]) + whole[1] * (b - second.zero_point[0]) + (1 << (shift - 1))
    wanted = np.clip((fine >> shift) + out.zero_point[0], -128, 127)
    reals = [
        (q - g.zero_point[0]).astype(np.float32) * g.scale[0] * f
        for q, g, f in zip((a, b), (first, second), factors, strict=True)
    ]
    found = np.clip(np.rint((reals[0] + reals[1]) / out.scale[0]) + out.zero_point[0], -128, 127)
    return int(np.count_nonzero(found != wanted))


def _quant(scale: float, zero_point: int) -> Quant:
    return Quant(np.array([scale], np.float32), np.array([zero_point], np.int64))


scales = st.floats(0.004, 0.2)
zeros = st.integers(-128, 127)


@settings(max_examples=25, deadline=None)
@given(scales, zeros, scales, zeros, zeros)
def test_an_addition_keeps_all_but_at_most_two_of_its_65536_results(
    scale_a: float, zero_a: int, scale_b: float, zero_b: int, zero: int
) -> None:
    """An output's range covers what its operands add up to, as calibration finds it."""
    first, second, out = _quant(scale_a, zero_a), _quant(scale_b, zero_b), _quant((scale_a + scale_b) * 0.7, zero)
    factors = pair_factors(first, second, out)
    one = np.float32(1)
    assert _added_wrongly(first, second, out, factors) <= min(2, _added_wrongly(first, second, out, (one, one)))
