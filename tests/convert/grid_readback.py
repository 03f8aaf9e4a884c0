"""Scales, zero points and constants read back from artifacts, and where they are not the grid's.

Other libraries read the files (LiteRT, onnx, coremltools); a .pte, which none opens this far, this project's reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.coreml_writer import identifier
from convert.torch_view import OIHW
from runtime_py.program import Program, Tensor
from runtime_py.readers import read
from training.graph import StudentGraph
from training.quantize import Grid


@dataclass(frozen=True)
class Held:
    """What a file says of a tensor in one `place`: its scales, its zero points, the integers of a constant."""

    tensor: str
    place: str
    scale: NDArray[Any]
    zero_point: NDArray[Any]
    integers: NDArray[Any] | None = None


Steps = tuple[NDArray[Any], NDArray[Any]]
"""Scales (float32) and zero points, one or one per channel."""

Differences = dict[tuple[str, str], tuple[float, int]]
"""Tensor and place -> the first scale and zero point there."""


def steps_of(grid: Grid, graph: StudentGraph) -> dict[str, Steps]:
    """Every tensor of the integer student by name, weights and biases too, as the stored grid has them."""
    found: dict[str, Steps] = {
        name: (np.array([s.scale], np.float32), np.array([s.zero_point])) for name, s in grid.tensors.items()
    }
    for layer in graph.layers:
        if layer.weight is not None:
            scales = np.array(grid.weights[layer.name], np.float32)
            zeros = np.zeros(scales.size, np.int64)
            found[f"{layer.name}.weight"] = scales, zeros
            found[f"{layer.name}.bias"] = np.float32(grid.tensors[layer.inputs[0]].scale) * scales, zeros
    return found


def differences(target: str, path: Path, program: Program, steps: Mapping[str, Steps]) -> Differences:
    """Where the artifact at `path` does not hold `steps`; asserts that it tells of every tensor of them, and that its
    constants are the integers of `program`, and nothing is missing."""
    constants = {t.name: t.data for t in program.tensors if t.data is not None}
    seen: set[str] = set()
    checked: set[str] = set()
    found: Differences = {}
    for held in READERS[target](path, program):
        scale, zero = steps[held.tensor]
        seen.add(held.tensor)
        if not (np.array_equal(held.scale.reshape(-1), scale) and np.array_equal(held.zero_point.reshape(-1), zero)):
            found[held.tensor, held.place] = float(held.scale.flat[0]), int(held.zero_point.flat[0])
        if held.integers is not None:
            np.testing.assert_array_equal(held.integers, constants[held.tensor], err_msg=f"{target}: {held.tensor}")
            checked.add(held.tensor)
    assert seen == set(steps), f"{target} tells nothing of {sorted(set(steps) - seen)}"
    assert checked == set(constants), f"{target} holds no {sorted(set(constants) - checked)}"
    return found


SUMS = "a convolution's sum is rounded to whole steps and multiplied by their share of the output's step beforehand"
INPUTS = (
    "an input is multiplied by 1 / scale beforehand, as XNNPACK does it; to divide rounds otherwise near a boundary"
)


def explained(target: str, graph: StudentGraph, steps: Mapping[str, Steps]) -> dict[tuple[str, str], tuple[str, Any]]:
    """Every difference that is meant: tensor and place -> why, and the scale and zero point that it has instead.

    Core ML alone has any: some tensors reach `quantize` counted in their own steps, so that its scale is 1.
    """
    if target != "coreml":
        return {}
    why = {layer.name: SUMS for layer in graph.layers if layer.weight is not None} | dict.fromkeys(graph.inputs, INPUTS)
    return {(name, "quantize"): (reason, (1.0, int(steps[name][1][0]))) for name, reason in why.items()}


def unexplained(target: str, path: Path, program: Program, grid: Grid, graph: StudentGraph) -> dict[Any, Any]:
    """What differs and is not `explained`, and what is explained and does not differ as it is said to."""
    steps = steps_of(grid, graph)
    found = differences(target, path, program, steps)
    meant = {key: numbers for key, (_, numbers) in explained(target, graph, steps).items()}
    return {key: found.get(key) for key in {*found, *meant} if found.get(key) != meant.get(key)}


def _tflite(path: Path, program: Program) -> Iterator[Held]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), experimental_preserve_all_tensors=True, num_threads=1)
    details = {d["name"]: d for d in interpreter.get_tensor_details()}
    for tensor in program.tensors:
        detail = details[tensor.name]
        parameters = detail["quantization_parameters"]
        assert np.dtype(detail["dtype"]).name == tensor.dtype, tensor.name
        if tensor.quant is not None and tensor.quant.per_channel:
            assert parameters["quantized_dimension"] == tensor.quant.axis, tensor.name
        scales, zeros, integers = parameters["scales"], parameters["zero_points"], None
        if tensor.data is not None:
            integers = interpreter.get_tensor(detail["index"])
            if integers.shape != tensor.shape:
                scales, zeros, integers = _out_of_blocks(tensor, scales, zeros, integers)
        yield Held(tensor.name, "tensor", scales, zeros, integers)


def _out_of_blocks(
    tensor: Tensor, scales: NDArray[Any], zeros: NDArray[Any], stored: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Steps and integers of a weight or bias that was written for pixel blocks (`convert.pixel_blocks`).

    Its channels occur in several copies on the same steps, and between zeros each holds the integers of the weight,
    all of them in every copy or shared among the copies. Where they must stand only the results tell.
    """
    assert tensor.quant is not None
    assert tensor.data is not None
    channels = tensor.quant.scale.size
    copies = scales.size // channels
    np.testing.assert_array_equal(scales, np.tile(scales[:channels], copies), err_msg=tensor.name)
    np.testing.assert_array_equal(zeros, np.tile(zeros[:channels], copies), err_msg=tensor.name)
    apart = np.moveaxis(stored.reshape(copies, channels, -1), 0, 1).reshape(channels, -1)
    for found, meant in zip(apart, tensor.data.reshape(channels, -1), strict=True):
        found, meant = np.sort(found[found != 0]), meant[meant != 0]
        times = max(found.size // max(meant.size, 1), 1)
        assert times in (1, copies), tensor.name
        np.testing.assert_array_equal(found, np.sort(np.tile(meant, times)), err_msg=tensor.name)
    return scales[:channels], zeros[:channels], tensor.data


def _onnx(path: Path, program: Program) -> Iterator[Held]:
    import onnx

    model = onnx.load(path)
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    order = _weight_orders(program)
    places = {"QuantizeLinear": "quantize", "DequantizeLinear": "dequantize"}
    for node in (n for n in model.graph.node if n.op_type in places):
        name = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
        scale, zero = values[node.input[1]], values[node.input[2]]
        integers = None
        if name in values:
            axis = next(a.i for a in node.attribute if a.name == "axis")
            assert values[name].shape[axis] == scale.size, name
            integers = values[name].transpose(np.argsort(order[name])) if name in order else values[name]
        yield Held(name, places[node.op_type], np.ravel(scale), np.ravel(zero), integers)


def _weight_orders(program: Program) -> dict[str, tuple[int, ...]]:
    """Name of a weight -> how its axes stand in NCHW frameworks."""
    return {program.tensors[op.inputs[1]].name: OIHW[op.kind] for op in program.ops if op.kind in OIHW}


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


def _mil_steps(operation: Any) -> Steps:
    """Scale and zero point of a quantise or a dequantise, uint8 counted as int8 shifted by 128."""
    dtype = operation.inputs.get("output_dtype")
    is_unsigned = dtype.val == "uint8" if dtype is not None else dtype_of(operation.input) == "uint8"
    zero = operation.inputs.get("zero_point")
    shifted = (0 if zero is None else int(zero.val)) - (128 if is_unsigned else 0)
    return np.array([operation.scale.val], np.float32), np.array([shifted])


def _mlpackage(path: Path, program: Program) -> Iterator[Held]:
    """A bias is float32: its steps are what its convolution's sum is divided by, and with them it is an integer."""
    names = {identifier(t.name): t.name for t in program.tensors}
    order = _weight_orders(program)
    for op in mil_operations(path):
        made = op.outputs[0].name if op.outputs else ""
        if op.op_type in ("quantize", "dequantize"):
            short = made if made in names else made.removesuffix("_real").removesuffix("_int8")
            yield Held(names[short], op.op_type, *_mil_steps(op))
        elif op.op_type == "constexpr_affine_dequantize":
            name = names[made]
            integers = np.transpose(op.quantized_data.val, np.argsort(order[name]))
            assert integers.dtype == np.int8, name
            scale = np.ravel(op.scale.val)
            yield Held(name, op.op_type, scale, np.broadcast_to(np.ravel(op.zero_point.val), scale.shape), integers)
        elif op.op_type == "real_div":
            convolution = op.x.op
            name = f"{names[convolution.weight.name].removesuffix('.weight')}.bias"
            step = np.ravel(op.y.val)
            integers = np.rint(convolution.bias.val.astype(np.float64) / step.astype(np.float64)).astype(np.int32)
            yield Held(name, op.op_type, step, np.zeros(step.size, np.int64), integers)


def _pte(path: Path, program: Program) -> Iterator[Held]:
    """An XNNPACK delegate has no names: its operations are the program's in order, but for those that move integers.

    A transposed convolution may be a convolution on pixel blocks.
    """
    found = read(path)
    computing = [op for op in found.ops if op.kind not in ("transpose", "reshape", "pad")]
    for ours, theirs in zip(program.ops, computing, strict=True):
        assert ours.kind == theirs.kind or (ours.kind, theirs.kind) == ("transpose_conv2d", "conv2d")
        for index, other in zip((*ours.inputs, *ours.outputs), (*theirs.inputs, *theirs.outputs), strict=True):
            tensor, stored = program.tensors[index], found.tensors[other]
            assert stored.quant is not None, tensor.name
            assert stored.dtype == tensor.dtype, tensor.name
            scales, zeros, integers = stored.quant.scale, stored.quant.zero_point, stored.data
            if integers is not None and integers.shape != tensor.shape:
                scales, zeros, integers = _out_of_blocks(tensor, scales, zeros, integers)
            place = f"{'output' if index in ours.outputs else 'input'} of {program.tensors[ours.outputs[0]].name}"
            yield Held(tensor.name, place, scales, zeros, integers)


READERS: Mapping[str, Callable[[Path, Program], Iterator[Held]]] = {
    "litert": _tflite,
    "executorch": _pte,
    "coreml": _mlpackage,
    "onnx": _onnx,
}
