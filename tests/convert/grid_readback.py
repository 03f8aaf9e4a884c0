"""Scales, zero points and weights read back from artifacts by other libraries, and held against the grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from convert.grid import WEIGHT_AXIS
from runtime_py.program import Program
from runtime_py.readers import read
from training.quantize import Grid


def require_tflite_holds(path: Path, program: Program) -> None:
    """The file's tensors have the integer program's scales, zero points and constants, as LiteRT tells them."""
    from ai_edge_litert.interpreter import Interpreter

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


def require_onnx_holds(path: Path, grid: Grid) -> None:
    """The Q and DQ nodes have the grid's numbers, and every tensor and weight has one."""
    import onnx

    model = onnx.load(path)
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
            np.testing.assert_array_equal(scale, np.array(grid.weights[name.removesuffix(".weight")], np.float32))
            axis = next(a.i for a in node.attribute if a.name == "axis")
            assert values[name].shape[axis] == scale.size
            assert not zero.any()
            seen.add(name)
    assert seen == set(grid.tensors) | {f"{name}.weight" for name in grid.weights}


def mil_operations(path: Path) -> list[Any]:
    """The operations of the ML program as coremltools' own reader finds them in the file."""
    import coremltools as ct
    from coremltools.converters.mil.frontend.milproto.load import load

    model = ct.models.MLModel(str(path), skip_model_load=True)
    spec = model.get_spec()
    return list(load(spec, spec.specificationVersion, model.weights_dir).functions["main"].operations)


def dtype_of(variable: Any) -> str:
    from coremltools.converters.mil.mil import types

    return str(types.builtin_to_string(variable.dtype))


def _steps_of(operation: Any) -> tuple[float, int]:
    """Scale and zero point, uint8 counted as int8 shifted by 128."""
    dtype = operation.inputs.get("output_dtype")
    is_unsigned = dtype.val == "uint8" if dtype is not None else dtype_of(operation.input) == "uint8"
    zero = operation.inputs.get("zero_point")
    return float(operation.scale.val), (0 if zero is None else int(zero.val)) - (128 if is_unsigned else 0)


def require_mlpackage_holds(path: Path, grid: Grid, program: Program) -> None:
    """Whatever is dequantised, tensor or weight, has the grid's numbers, and the weights are the program's integers.

    A tensor is quantised on the same grid, or by its zero point after division by its scale.
    """
    operations = mil_operations(path)
    expected = {(float(np.float32(s.scale)), s.zero_point) for s in grid.tensors.values()}
    assert {_steps_of(op) for op in operations if op.op_type == "dequantize"} == expected
    divided = {(1.0, zero) for _, zero in expected}
    assert {_steps_of(op) for op in operations if op.op_type == "quantize"} <= expected | divided

    constants = {t.name: t for t in program.tensors if t.data is not None}
    weights = {op.name.split("_weight")[0]: op for op in operations if op.op_type == "constexpr_affine_dequantize"}
    assert set(weights) == {name.replace(".", "_") for name in grid.weights}
    for name, scales in grid.weights.items():
        op = weights[name.replace(".", "_")]
        np.testing.assert_array_equal(np.float32(op.scale.val), np.array(scales, np.float32), err_msg=name)
        data = constants[f"{name}.weight"].data
        assert data is not None
        assert op.quantized_data.val.dtype == np.int8
        np.testing.assert_array_equal(np.sort(op.quantized_data.val, axis=None), np.sort(data, axis=None), err_msg=name)


def require_pte_holds(path: Path, grid: Grid, program: Program) -> None:
    """The same for a .pte, which no other library opens this far: by this project's reader, in execution order."""
    found = read(path)
    quantised = [t.quant for t in found.tensors if t.dtype == "int8" and t.data is None and t.quant is not None]
    expected = {(float(np.float32(s.scale)), s.zero_point) for s in grid.tensors.values()}
    assert {(float(q.scale[0]), int(q.zero_point[0])) for q in quantised} == expected
    pairs = [[p.tensors[op.inputs[1]] for op in p.ops if op.kind in WEIGHT_AXIS] for p in (found, program)]
    for ours, theirs in zip(*pairs, strict=True):
        assert ours.quant is not None
        assert theirs.quant is not None
        np.testing.assert_array_equal(ours.quant.scale, theirs.quant.scale, err_msg=theirs.name)
        np.testing.assert_array_equal(np.ravel(ours.data), np.ravel(theirs.data), err_msg=theirs.name)
