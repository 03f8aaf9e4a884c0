"""The int8 student behind a float32 boundary: the integers of the int8 artifact, from the same real inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convert.artifact import Artifact
from convert.executorch import to_pte
from convert.float_io import with_float_boundary
from convert.litert import to_tflite
from convert.lower import lower
from convert.meaning import Meaning, contract_of_program
from convert.onnx import to_onnx
from convert.precision import at_precision
from convert.targets import TARGETS, export
from runtime_py import load_student
from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import DpocketError
from runtime_py.manifest import contract_of
from runtime_py.parity.matrix import run_parity
from runtime_py.parity.samples import Sample
from runtime_py.program import Op, Program, Quant, Tensor
from runtime_py.readers import read
from runtime_py.runners import open_runner
from training.graph import StudentGraph
from training.quantize import Grid

Exports = Mapping[tuple[str, str], Artifact]
Codes = Mapping[str, NDArray[np.int8]]

WAYS = (
    ("litert", "litert", "xnnpack"),
    ("litert", "litert", "litert-reference"),
    ("litert", "reference", "xnnpack"),
    ("litert", "reference", "litert-reference"),
    ("executorch", "executorch", None),
    ("executorch", "reference", None),
    ("onnx", "onnxruntime", None),
    ("onnx", "reference", None),
    ("coreml", "reference", None),
)
"""Target, runtime, dialect; Core ML itself runs nowhere here."""


@pytest.fixture(scope="module")
def float_io(graph: StudentGraph, grid: Grid, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Artifact]:
    meaning, targets = Meaning("tiny", working_width=96, output_stride=2), ["litert", "executorch", "coreml", "onnx"]
    made = export(graph, meaning, targets, "int8", tmp_path_factory.mktemp("float-io"), grid, float_io=True)
    return {artifact.target: artifact for artifact in made}


def _real(artifact: Artifact, codes: Codes, runtime: str, dialect: str | None) -> NDArray[np.float32]:
    """The disparity in px that an artifact gives for the real values of `codes`, N1HW."""
    contract = artifact.contract
    inputs: dict[str, NDArray[Any]] = {}
    for spec in contract.inputs:
        stored = codes[spec.name].reshape(spec.shape)
        inputs[spec.name] = stored if spec.dtype == "int8" else replace(spec, dtype="int8").dequantize(stored)
    found = open_runner(artifact.path, runtime, dialect, contract).run(inputs)["disparity"]
    spec = contract.output("disparity")
    assert found.dtype == np.dtype(spec.dtype)
    return spec.dequantize(found).reshape(1, 1, *spec.plane())


@pytest.mark.parametrize(("target", "runtime", "dialect"), WAYS)
def test_outputs_are_the_integer_artifacts_dequantised(
    target: str,
    runtime: str,
    dialect: str | None,
    exports: Exports,
    float_io: Mapping[str, Artifact],
    int8_views: Codes,
) -> None:
    expected = _real(exports[target, "int8"], int8_views, runtime, dialect)
    found = _real(float_io[target], int8_views, runtime, dialect)
    assert len(np.unique(expected)) > 30
    np.testing.assert_array_equal(found, expected)


def test_real_inputs_off_the_grid_give_the_same_integers_in_every_runtime(float_io: Mapping[str, Artifact]) -> None:
    rng = np.random.default_rng(3)
    planes = {n: rng.uniform(-3.2, 3.2, (32, 48)).astype(np.float32) for n in ("left", "right")}
    paths = [float_io[name].path for name in ("litert", "executorch", "onnx")]
    parity = run_parity(paths, [Sample("real numbers", planes)])
    exact = [row for row in parity.rows if row.status != "unavailable" and row.runtime != "onnxruntime"]
    assert {row.runtime for row in exact} >= {"litert", "executorch", "reference"}
    assert {row.differing_integers for row in exact} == {0}
    assert parity.within_budget


@pytest.mark.parametrize("target", ["litert", "executorch", "onnx"])
def test_a_student_behind_either_boundary_predicts_the_same_tiled_map(
    target: str, exports: Exports, float_io: Mapping[str, Artifact]
) -> None:
    rng = np.random.default_rng(8)
    left, right = (rng.uniform(0.1, 0.9, (90, 130)).astype(np.float32) for _ in range(2))
    expected = load_student(exports[target, "int8"].path, "vendor").predict(left, right).disparity
    found = load_student(float_io[target].path, "vendor").predict(left, right).disparity
    assert float(np.ptp(expected)) > 0
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("target", ["litert", "executorch", "coreml", "onnx"])
def test_the_contract_is_float32_with_the_grid_stated(
    target: str, exports: Exports, float_io: Mapping[str, Artifact]
) -> None:
    artifact = float_io[target]
    assert artifact.path.name == f"tiny_int8_float-io{TARGETS[target].suffix}"
    assert artifact.manifest.precision == "int8"
    assert contract_of(artifact.path) == artifact.contract
    whole = exports[target, "int8"].contract
    as_float = [tuple(replace(s, dtype="float32") for s in specs) for specs in (whole.inputs, whole.outputs)]
    assert [artifact.contract.inputs, artifact.contract.outputs] == as_float
    program = read(artifact.path)
    assert {program.tensors[i].dtype for i in (*program.inputs, *program.outputs)} == {"float32"}


def test_core_mls_int8_package_has_that_boundary_already(exports: Exports, float_io: Mapping[str, Artifact]) -> None:
    assert float_io["coreml"].manifest.sha256 == exports["coreml", "int8"].manifest.sha256


@pytest.mark.parametrize("target", ["litert", "executorch", "onnx"])
def test_the_scales_inside_are_the_grids(target: str, grid: Grid, float_io: Mapping[str, Artifact]) -> None:
    program = read(float_io[target].path)
    expected = {(float(np.float32(s.scale)), s.zero_point) for s in grid.tensors.values()}
    # ONNX counts steps before it rounds them, with a scale of 1.
    unit = {(1.0, grid.tensors[name].zero_point) for name in ("left", "right")} if target == "onnx" else set()
    stored = [t for t in program.tensors if t.dtype == "int8" and t.data is None]
    found = {(float(t.quant.scale[0]), int(t.quant.zero_point[0])) for t in stored if t.quant is not None}
    assert found == expected | unit


def test_the_one_delegate_of_the_tflite_quantises_too(float_io: Mapping[str, Artifact]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(float_io["litert"].path), num_threads=1)
    interpreter.allocate_tensors()
    nodes = interpreter._get_ops_details()
    names = [node["op_name"] for node in nodes]
    assert (names.count("QUANTIZE"), names.count("DEQUANTIZE"), names.count("DELEGATE")) == (2, 1, 1)
    (delegate,) = [node for node in nodes if node["op_name"] == "DELEGATE"]
    details = {int(d["index"]): d for d in interpreter.get_tensor_details()}
    assert {int(i) for i in delegate["outputs"]} == {int(d["index"]) for d in interpreter.get_output_details()}
    fed = {int(i) for i in delegate["inputs"]} & {int(d["index"]) for d in interpreter.get_input_details()}
    assert {details[i]["name"] for i in fed} == {"left", "right"}
    floats = {d["name"] for d in details.values() if d["dtype"] == np.float32 and d["name"]}
    assert floats == {"left", "right", "disparity"}


def test_only_the_boundary_of_the_pte_is_float(float_io: Mapping[str, Artifact]) -> None:
    program = read(float_io["executorch"].path)
    boundary = {"quantize", "dequantize", "transpose", "reshape"}
    for op in program.ops:
        dtypes = {program.tensors[i].dtype for i in (*op.inputs, *op.outputs) if i >= 0}
        assert op.kind in boundary or "float32" not in dtypes, op
    assert [op.kind for op in program.ops].count("quantize") == 2
    assert [op.kind for op in program.ops].count("dequantize") == 1


def test_between_the_boundary_nodes_the_program_is_unchanged(graph: StudentGraph, grid: Grid) -> None:
    program = at_precision(lower(graph), "int8", grid)
    behind = with_float_boundary(program)
    assert behind.ops[2:-1] == program.ops
    assert [op.kind for op in (*behind.ops[:2], behind.ops[-1])] == ["quantize", "quantize", "dequantize"]
    assert behind.input_names() == program.input_names()
    assert behind.output_names() == program.output_names()
    assert len({t.name for t in behind.tensors}) == len(behind.tensors)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-weights"])
def test_other_precisions_have_no_float_io(
    precision: str, graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path: Path
) -> None:
    with pytest.raises(DpocketError, match=f"--float-io is for int8: {precision} takes and gives float32"):
        export(graph, meaning, ["litert"], precision, tmp_path, grid, float_io=True)
    with pytest.raises(DpocketError, match="is float32, so that it needs no float boundary"):
        with_float_boundary(lower(graph))
    assert not list(tmp_path.iterdir())


GRIDS = [(3 / 127, 0), (0.031, 5), (1 / 255, -128), (0.5, 0)]
PLANE = (24, 96)


def _joining(scale: float, zero_point: int) -> Program:
    """Two inputs side by side: what comes out is what the inputs were quantised to."""
    quant = Quant(np.array([scale], np.float32), np.array([zero_point], np.int64))
    shapes = {"left": 1, "right": 1, "disparity": 2}
    tensors = tuple(Tensor(name, (1, *PLANE, c), "int8", quant) for name, c in shapes.items())
    return Program(tensors, (Op("concat", (0, 1), (2,), {"axis": 3, "activation": "none"}, "join"),), (0, 1), (2,))


def _next_to_boundaries(scale: float, zero_point: int) -> NDArray[np.float32]:
    """Halves between any two integers of the grid and beyond its ends, up to three float32 numbers to either side of
    them, the integers themselves, zeros, and what is far outside; the rest is random."""
    steps = np.arange(-131 - zero_point, 131 - zero_point)
    halves = ((steps + 0.5) * np.float64(np.float32(scale))).astype(np.float32)
    found = [halves, (steps * np.float64(scale)).astype(np.float32), np.float32([0.0, -0.0, -1e6, 1e6])]
    for towards in (np.float32(-np.inf), np.float32(np.inf)):
        moved = halves
        for _ in range(3):
            moved = np.nextafter(moved, towards)
            found.append(moved)
    known = np.concatenate(found)
    reach = 140 * scale
    fill = np.random.default_rng(1).uniform(-reach, reach, 2 * PLANE[0] * PLANE[1] - known.size)
    return np.concatenate([known, fill.astype(np.float32)])


def _write(target: str, program: Program, contract: Contract, folder: Path) -> Path:
    writers: Mapping[str, Callable[[Program, Contract], bytes]] = {
        "litert": to_tflite,
        "executorch": to_pte,
        "onnx": to_onnx,
    }
    path = folder / f"probe{TARGETS[target].suffix}"
    path.write_bytes(writers[target](with_float_boundary(program), contract))
    return path


def _codes_of(path: Path, runtime: str, dialect: str | None, contract: Contract, real: Any) -> NDArray[np.int64]:
    left, right = (half.reshape(contract.inputs[0].shape) for half in np.split(real, 2))
    found = open_runner(path, runtime, dialect, contract).run({"left": left, "right": right})["disparity"]
    joined = found.reshape(*PLANE, 2).transpose(2, 0, 1) if contract.inputs[0].layout == "NHWC" else found
    spec = contract.inputs[0]
    return np.rint(joined.reshape(-1) / np.float32(spec.scale)).astype(np.int64) + (spec.zero_point or 0)


PROBES = [
    (target, *grid)
    for target, grids in (("litert", GRIDS), ("onnx", GRIDS), ("executorch", GRIDS[1:3]))
    for grid in grids
]
"""Without Core ML, which has no package for a program without weights."""


@pytest.mark.parametrize(("target", "scale", "zero_point"), PROBES)
def test_inputs_next_to_a_rounding_boundary_become_the_contracts_integers(
    target: str, scale: float, zero_point: int, tmp_path: Path
) -> None:
    program = _joining(scale, zero_point)
    contract = contract_of_program(program, Meaning("probe", PLANE[1], 1), TARGETS[target].layout, float_boundary=True)
    path = _write(target, program, contract, tmp_path)
    real = _next_to_boundaries(scale, zero_point)
    expected = replace(contract.inputs[0], dtype="int8").quantize(real)
    for way in WAYS:
        if way[0] == target and way[2] != "litert-reference":
            np.testing.assert_array_equal(_codes_of(path, way[1], way[2], contract, real), expected, err_msg=str(way))


@pytest.mark.parametrize("target", ["litert", "executorch", "onnx", "coreml"])
def test_a_student_takes_real_inputs_for_the_contracts_integers(
    target: str, float_io: Mapping[str, Artifact], exports: Exports
) -> None:
    """Every float32 number near a half of this student's grid, through all its layers."""
    spec = exports["litert", "int8"].contract.input("left")
    assert spec.scale is not None
    views = _next_to_boundaries(spec.scale, 0)[: 2 * 32 * 48].reshape(2, 32, 48)
    contract = float_io[target].contract
    names = [s.name for s in contract.inputs]
    runner = open_runner(float_io[target].path, "reference" if target == "coreml" else "vendor", None, contract)
    shapes = {s.name: s.shape for s in contract.inputs}
    real = runner.run({n: v.reshape(shapes[n]) for n, v in zip(names, views, strict=True)})["disparity"]
    on_grid = [spec.dequantize(spec.quantize(v)) for v in views]
    assert not np.array_equal(on_grid, views)
    expected = runner.run({n: v.reshape(shapes[n]) for n, v in zip(names, on_grid, strict=True)})["disparity"]
    np.testing.assert_array_equal(real, expected)


@pytest.mark.parametrize(("scale", "zero_point"), GRIDS)
def test_litert_reference_kernels_divide_and_round_halves_away(scale: float, zero_point: int, tmp_path: Path) -> None:
    program = _joining(scale, zero_point)
    contract = contract_of_program(program, Meaning("probe", PLANE[1], 1), "NHWC", float_boundary=True)
    path = _write("litert", program, contract, tmp_path)
    real = _next_to_boundaries(scale, zero_point)
    quotient = (real / np.float32(scale)).astype(np.float64)
    away = np.trunc(quotient + np.copysign(0.5, quotient))
    expected = np.clip(away + zero_point, -128, 127).astype(np.int64)
    for runtime in ("litert", "reference"):
        found = _codes_of(path, runtime, "litert-reference", contract, real)
        np.testing.assert_array_equal(found, expected, err_msg=runtime)
    others = replace(contract.inputs[0], dtype="int8").quantize(real)
    differing = found != others
    assert differing.any()
    # They part only within four units in the last place of a half, and by one step.
    assert np.abs(found - others)[differing].max() == 1
    off = np.abs(np.abs(quotient[differing]) % 1 - 0.5)
    assert (off <= 4 * np.spacing(np.float32(np.abs(quotient[differing])))).all()


@given(
    real=st.floats(-4, 4, width=32),
    scale=st.floats(np.float32(0.001).item(), np.float32(0.1).item(), width=32),
    zero_point=st.integers(-128, 127),
)
def test_the_contracts_integer_is_the_nearest_or_its_neighbour_at_a_half(
    real: float, scale: float, zero_point: int
) -> None:
    """Held against exact rational arithmetic: multiplying by a rounded reciprocal errs by two roundings at most."""
    spec = TensorSpec("left", (1, 1, 1, 1), "NHWC", "int8", "1", (-4, 4), "", scale, zero_point)
    found = int(spec.quantize(np.array([real], np.float32))[0])
    exact = Fraction(real) / Fraction(scale)
    reach = Fraction(1, 2) + abs(exact) * Fraction(2, 2**23)
    if found > -128:
        assert found - reach <= exact + zero_point
    if found < 127:
        assert exact + zero_point <= found + reach
