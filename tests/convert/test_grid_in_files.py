"""Scales, zero points and weights, read back from the files by other libraries, are the grid's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from grid_readback import (
    dtype_of,
    mil_operations,
    require_mlpackage_holds,
    require_onnx_holds,
    require_pte_holds,
    require_tflite_holds,
)

from convert.artifact import Artifact
from convert.lower import lower
from convert.precision import at_precision
from runtime_py.files import sha256_of
from runtime_py.program import Program
from training.graph import StudentGraph
from training.quantize import Grid

Exports = Mapping[tuple[str, str], Artifact]


@pytest.fixture(scope="module")
def program(graph: StudentGraph, grid: Grid) -> Program:
    return at_precision(lower(graph), "int8", grid)


@pytest.mark.filterwarnings("ignore:Warning. Enabling")
def test_tflite_holds_the_grid(exports: Exports, program: Program) -> None:
    require_tflite_holds(exports["litert", "int8"].path, program)


def test_onnx_holds_the_grid(exports: Exports, grid: Grid) -> None:
    require_onnx_holds(exports["onnx", "int8"].path, grid)


def test_mlpackage_holds_the_grid(exports: Exports, grid: Grid, program: Program) -> None:
    require_mlpackage_holds(exports["coreml", "int8"].path, grid, program)


def test_pte_holds_the_grid(exports: Exports, grid: Grid, program: Program) -> None:
    require_pte_holds(exports["executorch", "int8"].path, grid, program)


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
