"""Scales, zero points and weights, read back from the files by other libraries, are the grid's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    from ai_edge_litert.interpreter import Interpreter

    path = exports["litert", "int8"].path
    interpreter = Interpreter(str(path), experimental_preserve_all_tensors=True, num_threads=1)
    found = {d["name"]: d for d in interpreter.get_tensor_details()}
    for tensor in program.tensors:
        parameters = found[tensor.name]["quantization_parameters"]
        assert tensor.quant is not None
        np.testing.assert_array_equal(parameters["scales"], tensor.quant.scale, err_msg=tensor.name)
        np.testing.assert_array_equal(parameters["zero_points"], tensor.quant.zero_point, err_msg=tensor.name)
        if tensor.quant.per_channel:
            assert parameters["quantized_dimension"] == tensor.quant.axis
        if tensor.data is not None:
            stored = interpreter.get_tensor(found[tensor.name]["index"])
            np.testing.assert_array_equal(stored, tensor.data, err_msg=tensor.name)


def test_onnx_holds_the_grid(exports: Exports, grid: Grid) -> None:
    import onnx

    model = onnx.load(exports["onnx", "int8"].path)
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    nodes = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    seen = set()
    for node in nodes:
        name = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
        scale, zero = values[node.input[1]], values[node.input[2]]
        if name in grid.tensors:
            assert (float(scale), int(zero)) == (grid.tensors[name].scale, grid.tensors[name].zero_point), name
            seen.add(name)
        elif name.endswith(".weight"):
            np.testing.assert_array_equal(scale, np.float32(grid.weights[name.removesuffix(".weight")]))
            axis = next(a.i for a in node.attribute if a.name == "axis")
            assert values[name].shape[axis] == scale.size
            assert not zero.any()
            seen.add(name)
    assert seen == set(grid.tensors) | {f"{name}.weight" for name in grid.weights}


def _mil_operations(path: Path) -> list[Any]:
    """The operations of the ML program as coremltools' own reader finds them in the file."""
    import coremltools as ct
    from coremltools.converters.mil.frontend.milproto.load import load

    model = ct.models.MLModel(str(path), skip_model_load=True)
    spec = model.get_spec()
    return list(load(spec, spec.specificationVersion, model.weights_dir).functions["main"].operations)


def _dtype(variable: Any) -> str:
    from coremltools.converters.mil.mil import types

    return str(types.builtin_to_string(variable.dtype))


def _steps_of(operation: Any) -> tuple[float, int]:
    """Scale and zero point, uint8 counted as int8 shifted by 128."""
    dtype = operation.inputs.get("output_dtype")
    is_unsigned = dtype.val == "uint8" if dtype is not None else _dtype(operation.input) == "uint8"
    zero = operation.inputs.get("zero_point")
    return float(operation.scale.val), (0 if zero is None else int(zero.val)) - (128 if is_unsigned else 0)


def test_mlpackage_holds_the_grid(exports: Exports, grid: Grid, program: Program) -> None:
    operations = _mil_operations(exports["coreml", "int8"].path)
    quantises = [op for op in operations if op.op_type in ("quantize", "dequantize")]
    expected = {(float(np.float32(s.scale)), s.zero_point) for s in grid.tensors.values()}
    assert {_steps_of(op) for op in quantises} == expected

    constants = {t.name: t for t in program.tensors if t.data is not None}
    weights = {op.name.split("_weight")[0]: op for op in operations if op.op_type == "constexpr_affine_dequantize"}
    assert set(weights) == {name.replace(".", "_") for name in grid.weights}
    for name, scales in grid.weights.items():
        op = weights[name.replace(".", "_")]
        np.testing.assert_array_equal(np.float32(op.scale.val), np.float32(scales), err_msg=name)
        data = constants[f"{name}.weight"].data
        assert data is not None
        np.testing.assert_array_equal(np.sort(op.quantized_data.val, axis=None), np.sort(data, axis=None), err_msg=name)


def test_opening_a_package_with_coremltools_keeps_its_hash(exports: Exports) -> None:
    """coremltools rewrites the package's table of contents when it opens one."""
    artifact = exports["coreml", "fp32"]
    _mil_operations(artifact.path)
    assert sha256_of(artifact.path) == artifact.manifest.sha256


def test_mlpackage_computes_in_the_precision_of_its_name(exports: Exports) -> None:
    for precision, expected in (("fp32", "fp32"), ("fp16", "fp16"), ("int8-weights", "fp16"), ("int8", "fp32")):
        convolutions = [op for op in _mil_operations(exports["coreml", precision].path) if op.op_type == "conv"]
        assert len(convolutions) == 8
        assert {_dtype(op.outputs[0]) for op in convolutions} == {expected}, precision


def test_a_pte_is_one_delegate_with_integers_at_its_boundary(exports: Exports) -> None:
    from executorch.runtime import Runtime

    data = exports["executorch", "int8"].path.read_bytes()
    meta = Runtime.get().load_program(data).load_method("forward").metadata
    tensors = [meta.input_tensor_meta(i) for i in (0, 1)] + [meta.output_tensor_meta(0)]
    assert [t.sizes() for t in tensors] == [(1, 1, 32, 48)] * 2 + [(1, 1, 16, 24)]
    assert all("Char" in str(t) for t in tensors)
    assert data.count(b"XnnpackBackend") == 1
    assert not any(name in data for name in (b"aten::", b"quantized_decomposed::"))
