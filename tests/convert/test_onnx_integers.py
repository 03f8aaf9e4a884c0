"""What ONNX Runtime's integers are: where they leave XNNPACK's, by which rule, and the file that keeps XNNPACK's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from vendor_runtimes import litert

from convert.addition_factors import pair_factors
from convert.artifact import Artifact
from convert.lower import lower
from convert.meaning import Meaning, contract_of_program
from convert.onnx_exact import to_exact_onnx
from convert.precision import at_precision
from runtime_py.program import Quant
from runtime_py.runners.reference import ReferenceRunner
from training.graph import StudentGraph
from training.quantize import Grid

Exports = Mapping[tuple[str, str], Artifact]
Views = dict[str, NDArray[np.int8]]

LEAVE_XNNPACK = {"Add", "ConvTranspose"}


@pytest.fixture(scope="module")
def plain(exports: Exports) -> Path:
    return exports["onnx", "int8"].path


@pytest.fixture(scope="module")
def exact(graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = at_precision(lower(graph), "int8", grid)
    path: Path = tmp_path_factory.mktemp("exact") / "exact.onnx"
    path.write_bytes(to_exact_onnx(program, contract_of_program(program, meaning, "NCHW", False)))
    return path


def _session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _quantised_tensors(path: Path, views: Views) -> dict[str, NDArray[np.int8]]:
    """Every int8 tensor as ONNX Runtime has it, in order; the copy with more outputs is fused as the file is."""
    import onnx

    model = onnx.load(path)
    outputs = {value.name for value in model.graph.output}
    made = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    for name in (name for name in made if name not in outputs):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT8, None))
    results = _session(model.SerializeToString()).run(made, views)
    for name, value in zip(outputs, _session(path.read_bytes()).run(list(outputs), views), strict=True):
        np.testing.assert_array_equal(results[made.index(name)], value)
    return dict(zip(made, results, strict=True))


def _reference_tensors(path: Path, views: Views, dialect: str) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    ReferenceRunner(path, dialect).run(views, lambda name, value: found.__setitem__(name, value))
    return found


def _differing(path: Path, views: Views, dialect: str) -> list[str]:
    """The tensors, in order, of which ONNX Runtime has another integer than the reference."""
    reference = _reference_tensors(path, views, dialect)
    differing = []
    for name, value in _quantised_tensors(path, views).items():
        theirs = reference[name]
        theirs = theirs if theirs.shape == value.shape else theirs.transpose(0, 3, 1, 2)
        if not np.array_equal(theirs, value):
            differing.append(name)
    return differing


def test_the_dialect_of_onnx_has_every_integer_of_onnx_runtime(plain: Path, int8_views: Views) -> None:
    assert _differing(plain, int8_views, "onnx-qdq") == []


def test_additions_and_transposed_convolutions_are_where_xnnpack_is_left(plain: Path, int8_views: Views) -> None:
    """Of the operations themselves: what follows one that differs has other operands."""
    import onnx

    makers = {n.output[0]: n.op_type for n in onnx.load(plain).graph.node}
    first = _differing(plain, int8_views, "xnnpack")[:1]
    assert {makers[f"{name}.float"] for name in first} <= LEAVE_XNNPACK


def test_the_exact_file_has_xnnpacks_integers_in_onnx_runtime(exact: Path, exports: Exports, int8_views: Views) -> None:
    assert _differing(exact, int8_views, "xnnpack") == []
    assert _differing(exact, int8_views, "onnx-qdq") == []
    expected = litert(exports["litert", "int8"].path, int8_views)
    np.testing.assert_array_equal(_quantised_tensors(exact, int8_views)["disparity"], expected)


def test_the_exact_file_states_the_grid_at_every_tensor(exact: Path, grid: Grid) -> None:
    """But where a transposed convolution's sum, in whole steps of the output already, is quantised."""
    import onnx

    model = onnx.load(exact)
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    in_steps = {n.output[0].removesuffix(".sum") for n in model.graph.node if n.op_type == "ConvTranspose"}
    assert len(in_steps) == 2
    for node in (n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")):
        name = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
        if name in grid.tensors:
            whole = node.op_type == "QuantizeLinear" and name in in_steps
            expected = 1.0 if whole else np.float32(grid.tensors[name].scale)
            assert (values[node.input[1]], values[node.input[2]]) == (expected, grid.tensors[name].zero_point), name


GRIDS = ((0.07178207, -128), (0.1133013, 64), (0.0328571, -128)), ((0.031, -128), (0.0247, 3), (0.047, -20))
"""Additions: a student's, of a ReLU'd operand and a signed one; one of round numbers, rich in halves of steps."""


@dataclass(frozen=True)
class Addition:
    """The grids of two operands and their sum."""

    a: Quant
    b: Quant
    y: Quant

    @staticmethod
    def of(numbers: Sequence[tuple[float, int]]) -> Addition:
        return Addition(*(Quant(np.array([s], np.float32), np.array([z])) for s, z in numbers))


def _added_in_onnx_runtime(
    addition: Addition, factors: tuple[np.float32, np.float32] | None
) -> tuple[NDArray[Any], NDArray[Any], Any]:
    """All 65,536 pairs of operands, and what ONNX Runtime adds them to."""
    from onnx import TensorProto, helper, numpy_helper

    numbers = vars(addition)
    constants = [numpy_helper.from_array(np.float32(q.scale[0]), f"{n}.scale") for n, q in numbers.items()]
    constants += [numpy_helper.from_array(np.int8(q.zero_point[0]), f"{n}.zero") for n, q in numbers.items()]
    nodes = []
    for i, name in enumerate("ab"):
        nodes.append(helper.make_node("DequantizeLinear", [name, f"{name}.scale", f"{name}.zero"], [f"{name}.real"]))
        if factors is not None:
            constants.append(numpy_helper.from_array(np.float32(factors[i]), f"{name}.factor"))
            nodes.append(helper.make_node("Mul", [f"{name}.real", f"{name}.factor"], [f"{name}.scaled"]))
    ends = [f"{name}.{'real' if factors is None else 'scaled'}" for name in "ab"]
    nodes.append(helper.make_node("Add", ends, ["y.real"]))
    nodes.append(helper.make_node("QuantizeLinear", ["y.real", "y.scale", "y.zero"], ["y"]))
    ports = [helper.make_tensor_value_info(name, TensorProto.INT8, [65536]) for name in "aby"]
    graph = helper.make_graph(nodes, "addition", ports[:2], ports[2:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    a, b = (q.reshape(-1).astype(np.int8) for q in np.meshgrid(*[np.arange(-128, 128)] * 2))
    return a, b, _session(model.SerializeToString()).run(None, {"a": a, "b": b})[0]


def _xnnpack(addition: Addition, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.int64]:
    """XNNPACK `qs8-vadd`: both ratios as 21-bit integers on one shift, half added, shifted down."""
    ratios = [np.float32(q.scale[0] / addition.y.scale[0]) for q in (addition.a, addition.b)]
    shift = 20 - int(np.floor(np.log2(max(ratios))))
    whole = [round(float(ratio) * 2.0**shift) for ratio in ratios]
    operands = (a.astype(np.int64) - addition.a.zero_point[0], b.astype(np.int64) - addition.b.zero_point[0])
    fine = whole[0] * operands[0] + whole[1] * operands[1] + (1 << (shift - 1))
    return np.clip((fine >> shift) + addition.y.zero_point[0], -128, 127)


@pytest.mark.parametrize("numbers", GRIDS)
def test_onnx_runtime_adds_in_float32_and_xnnpack_in_21_bits(numbers: Sequence[tuple[float, int]]) -> None:
    """So they differ by one step, and only next to half a step, within what 21 bits of a ratio can miss."""
    addition = Addition.of(numbers)
    a, b, found = _added_in_onnx_runtime(addition, None)
    real = np.zeros(a.size)
    for grid, q in ((addition.a, a), (addition.b, b)):
        ratio = np.float64(grid.scale[0]) / np.float64(addition.y.scale[0])
        real += (q.astype(np.float64) - grid.zero_point[0]) * ratio
    deviation = found - _xnnpack(addition, a, b)
    from_half = np.abs(real - np.floor(real) - 0.5)
    assert np.abs(deviation).max() == 1
    largest_ratio = max(q.scale[0] for q in (addition.a, addition.b)) / addition.y.scale[0]
    assert from_half[deviation != 0].max() < 2 * 255 * max(largest_ratio, 1) * 2.0**-21
    nearest = np.clip(np.rint(real) + addition.y.zero_point[0], -128, 127)
    np.testing.assert_array_equal(found[from_half > 1e-4], nearest[from_half > 1e-4])


def test_factors_of_the_operands_make_onnx_runtime_add_as_xnnpack() -> None:
    students, of_halves = (Addition.of(numbers) for numbers in GRIDS)
    differing = []
    for addition in (students, of_halves):
        factors = pair_factors(addition.a, addition.b, addition.y)
        for tried in (None, factors):
            a, b, found = _added_in_onnx_runtime(addition, tried)
            differing.append(int(np.count_nonzero(found != _xnnpack(addition, a, b))))
    plain, exact, plain_of_halves, exact_of_halves = differing
    assert exact == 0 < plain
    # No pair of factors serves every tie of so many.
    assert exact_of_halves < plain_of_halves / 10
