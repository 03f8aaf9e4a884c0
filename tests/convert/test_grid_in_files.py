"""Scales, zero points and weights, read back from the files by other libraries, are the grid's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from grid_readback import READERS, differences, dtype_of, explained, mil_operations, steps_of, unexplained

from convert.artifact import Artifact
from convert.lower import lower
from convert.meaning import Meaning
from convert.precision import at_precision
from convert.targets import TARGETS, export
from runtime_py.files import sha256_of
from runtime_py.program import Program
from training.calibration import stored_grid, traced
from training.checkpoint import SHIPPED, load_checkpoint
from training.graph import StudentGraph
from training.quantize import Grid, adjusted

Exports = Mapping[tuple[str, str], Artifact]


@dataclass(frozen=True)
class Exported:
    """A student, its grid, the integer program that became files, and the int8 files by target."""

    graph: StudentGraph
    grid: Grid
    program: Program
    paths: Mapping[str, Path]


@pytest.fixture(scope="module")
def tiny(exports: Exports, graph: StudentGraph, grid: Grid) -> Exported:
    program = at_precision(lower(graph), "int8", grid)
    return Exported(graph, grid, program, {name: exports[name, "int8"].path for name in TARGETS})


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    checkpoint = load_checkpoint(SHIPPED)
    grid = stored_grid(checkpoint)
    assert grid is not None
    size = (checkpoint.size_multiple * 2,) * 2
    graph = traced(checkpoint, size)
    meaning = Meaning("shipped", checkpoint.working_width, checkpoint.output_stride)
    made = export(graph, meaning, list(TARGETS), "int8", tmp_path_factory.mktemp("shipped"), grid)
    program = at_precision(lower(adjusted(graph, grid)), "int8", grid)
    return Exported(graph, grid, program, {artifact.target: artifact.path for artifact in made})


@pytest.mark.filterwarnings("ignore:Warning. Enabling")
@pytest.mark.parametrize("target", READERS)
@pytest.mark.parametrize("which", ["tiny", "shipped"])
def test_every_tensor_weight_and_bias_is_on_the_grid(which: str, target: str, request: pytest.FixtureRequest) -> None:
    """Each activation, each channel of each weight and of each bias; `explained` lists what differs, and why."""
    student: Exported = request.getfixturevalue(which)
    found = unexplained(target, student.paths[target], student.program, student.grid, student.graph)
    assert found == {}, f"{target} has (tensor, place): (scale, zero point) that are not the grid's"


@pytest.mark.filterwarnings("ignore:Warning. Enabling")
def test_another_grid_is_told_from_the_files(tiny: Exported) -> None:
    """A scale that is one float32 step off, of any one tensor or channel, is a difference in every target."""
    steps = steps_of(tiny.grid, tiny.graph)
    for target in READERS:
        for name in ("stem", "disparity" if "disparity" in steps else "head", "up_wide.weight", "down.bias"):
            moved = steps[name][0].copy()
            moved[-1] = np.nextafter(moved[-1], np.float32(1))
            found = differences(target, tiny.paths[target], tiny.program, {**steps, name: (moved, steps[name][1])})
            assert name in {tensor for tensor, _ in found}, (target, name)


def test_what_differs_is_a_quantise_of_core_ml_that_is_given_steps(shipped: Exported) -> None:
    """Convolutions' outputs and the inputs, at scale 1; what is dequantised has the grid's numbers everywhere."""
    steps = steps_of(shipped.grid, shipped.graph)
    assert {target for target in READERS if explained(target, shipped.graph, steps)} == {"coreml"}
    meant = explained("coreml", shipped.graph, steps)
    assert set(meant) == {(name, "quantize") for name in (*shipped.grid.weights, "left", "right")}
    assert {numbers[0] for _, numbers in meant.values()} == {1.0}


def test_opening_a_package_with_coremltools_keeps_its_hash(exports: Exports) -> None:
    """coremltools rewrites the package's table of contents when it opens one."""
    artifact = exports["coreml", "fp32"]
    mil_operations(artifact.path)
    assert sha256_of(artifact.path) == artifact.manifest.sha256


def test_mlpackage_computes_in_the_precision_of_its_name(exports: Exports) -> None:
    for precision, expected in (("fp32", "fp32"), ("fp16", "fp16"), ("int8-weights", "fp16"), ("int8", "fp32")):
        convolutions = [op for op in mil_operations(exports["coreml", precision].path) if op.op_type == "conv"]
        assert len(convolutions) == 8
        assert {dtype_of(op.outputs[0]) for op in convolutions} == {expected}, precision


def test_a_pte_is_one_delegate_with_integers_at_its_boundary(exports: Exports) -> None:
    from executorch.runtime import Runtime

    data = exports["executorch", "int8"].path.read_bytes()
    meta = Runtime.get().load_program(data).load_method("forward").metadata
    tensors = [meta.input_tensor_meta(i) for i in (0, 1)] + [meta.output_tensor_meta(0)]
    assert [t.sizes() for t in tensors] == [(1, 1, 32, 48)] * 2 + [(1, 1, 16, 24)]
    assert all("Char" in str(t) for t in tensors)
    assert data.count(b"XnnpackBackend") == 1
    assert not any(name in data for name in (b"aten::", b"quantized_decomposed::"))
