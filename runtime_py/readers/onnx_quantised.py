"""QuantizeLinear and DequantizeLinear, and the operators that name their grids as inputs (QLinearConv and its like)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from runtime_py.program import Quant
from runtime_py.readers.onnx_build import Builder, Slot, Step
from runtime_py.readers.onnx_graph import OnnxNode
from runtime_py.readers.onnx_pointwise import average, binary, softmax, unary
from runtime_py.readers.onnx_weighted import NONE, convolution, product, reordered


def quantize(b: Builder, node: OnnxNode) -> None:
    """QuantizeLinear; constants at once."""
    index, step = b.any(node.input(0), node), b.step(node)
    if step is None or step.dtype not in ("int8", "uint8"):
        raise node.error("computes its scale, or gives another type than int8 and uint8, which is not supported")
    data = b[index].data
    if data is None:
        b.emit("quantize", (index,), Slot(node.output, "int8", step.quant), node)
        return
    quant = fitting(node, node.input(0), data.shape, step.quant)
    along = [1] * data.ndim
    if quant.per_channel:
        along[quant.axis] = -1
    whole = np.rint(data / quant.scale.reshape(along)) + quant.zero_point.reshape(along)
    stored = np.clip(np.nan_to_num(whole), -128, 127).astype(np.int8)
    b.values[node.output] = b.assembly.constant(node.output, stored, quant)


def dequantize(b: Builder, node: OnnxNode) -> None:
    """DequantizeLinear, remembered until somebody needs the real values."""
    step = b.step(node)
    if step is None:
        raise node.error("computes its scale while running, which is not supported: it must be a constant")
    b.stored[node.output] = on_grid(b, node, node.input(0), step)


def on_grid(b: Builder, node: OnnxNode, name: str, step: Step) -> int:
    """Stored values of a name as a tensor with the grid, int8 where the file has uint8."""
    index = b.any(name, node)
    tensor = b[index]
    quant = fitting(node, name, tensor.shape, step.quant)
    if tensor.data is not None:
        data = tensor.data
        if data.dtype == np.uint8:
            data = (data ^ np.uint8(0x80)).view(np.int8)
        return b.assembly.constant(f"{name}.stored", data, quant)
    if tensor.dtype == "uint8":
        return b.emit(
            "quantize", (_gridded(b, node, index, shifted(quant)),), Slot(f"{name}.int8", "int8", quant), node
        )
    return _gridded(b, node, index, quant)


def fitting(node: OnnxNode, name: str, shape: tuple[int, ...], quant: Quant) -> Quant:
    """The grid with its axis counted from the front. Raises ArtifactError when the shape has no such axis."""
    axis, size = quant.axis, quant.scale.size
    if size > 1 and (not -len(shape) <= axis < len(shape) or shape[axis] != size):
        raise node.error(f"has {size} scales along axis {axis} of '{name}', whose shape is {list(shape)}")
    return quant if axis >= 0 or not shape else Quant(quant.scale, quant.zero_point, axis % len(shape))


def shifted(quant: Quant) -> Quant:
    """The grid of uint8 values that are kept as int8."""
    return Quant(quant.scale, quant.zero_point + 128, quant.axis)


def _gridded(b: Builder, node: OnnxNode, index: int, quant: Quant) -> int:
    known = b[index].quant
    if known is None:
        b.assembly.set_grid(index, quant, node.where)
        return index
    if np.array_equal(known.scale, quant.scale) and np.array_equal(known.zero_point, quant.zero_point):
        return index
    return b.emit("cast", (index,), Slot(f"{node.output}.regridded", b[index].dtype, quant), node)


@dataclass(frozen=True)
class Layout:
    """Where an operator of this family has its values: each followed by scale and zero point, or with both behind."""

    values: tuple[int, ...]
    out_scale: int
    axis: int = 0
    """Along which the second value, weights, may have scales of its own."""


def _operands(b: Builder, node: OnnxNode, layout: Layout) -> tuple[list[int], Slot]:
    indices = [
        on_grid(b, node, node.input(p), _step(b, node, p + 1, node.input(p), layout.axis if p else 0))
        for p in layout.values
    ]
    out = _step(b, node, layout.out_scale, "")
    return indices, Slot(node.output, "int8", out.quant, out.dtype == "uint8")


def _step(b: Builder, node: OnnxNode, position: int, name: str, axis: int = 0) -> Step:
    scale = b.required(node.input(position), "scale", node)
    zero = b.constant(node.optional(position + 1), node)
    if zero is None and node.optional(position + 1):
        raise node.error("computes a zero point while running, which is not supported")
    dtype = str(zero.dtype) if zero is not None else "uint8"
    if name and zero is None:
        dtype = b[b.any(name, node)].dtype
    return Step(b.grid(scale, zero, axis, node), dtype)


def qlinear_conv(b: Builder, node: OnnxNode) -> None:
    (image, weights), slot = _operands(b, node, Layout((0, 3), 6))
    _symmetric(b, node, weights)
    bias = NONE
    if node.optional(8):
        bias = b.assembly.constant(f"{node.input(8)}.used", b.required(node.input(8), "bias", node))
    convolution(b, node, (image, weights, bias), slot)


def qlinear_matmul(b: Builder, node: OnnxNode) -> None:
    (rows, weights), slot = _operands(b, node, Layout((0, 3), 6, axis=1))
    _symmetric(b, node, weights)
    product(b, node, rows, reordered(b, weights, (1, 0), 0), None, slot)


def qgemm(b: Builder, node: OnnxNode) -> None:
    if not node.optional(7) or node.integer("transA") or node.real("alpha", 1.0) != 1:
        raise node.error("gives real values, transposes its rows or scales them, which is not supported")
    (rows, weights), slot = _operands(b, node, Layout((0, 3), 7, axis=0 if node.integer("transB") else 1))
    _symmetric(b, node, weights)
    bias = None
    if node.optional(6):
        bias = b.assembly.constant(f"{node.input(6)}.used", b.required(node.input(6), "bias", node).reshape(-1))
    kept = weights if node.integer("transB") else reordered(b, weights, (1, 0), 0)
    product(b, node, rows, kept, bias, slot)


def _symmetric(b: Builder, node: OnnxNode, weights: int) -> None:
    quant = b[weights].quant
    if b[weights].data is None or quant is None or quant.zero_point.any():
        raise node.error("has weights that are computed, or have a zero point other than 0, which is not supported")


def qlinear_binary(b: Builder, node: OnnxNode) -> None:
    indices, slot = _operands(b, node, Layout((0, 3), 6))
    binary(b, node, indices, slot, BINARY[node.kind])


def qlinear_unary(b: Builder, node: OnnxNode) -> None:
    indices, slot = _operands(b, node, Layout((0,), 3))
    unary(b, node, indices[0], slot, UNARY[node.kind])


def qlinear_softmax(b: Builder, node: OnnxNode) -> None:
    indices, slot = _operands(b, node, Layout((0,), 3))
    softmax(b, node, indices[0], slot)


def qlinear_average(b: Builder, node: OnnxNode) -> None:
    if node.integer("channels_last"):
        raise node.error("has its channels last, which is not supported")
    indices, slot = _operands(b, node, Layout((0,), 3))
    average(b, node, indices[0], slot)


def qlinear_concat(b: Builder, node: OnnxNode) -> None:
    if (len(node.inputs) - 2) % 3:
        raise node.error(f"has {len(node.inputs)} inputs")
    positions = tuple(range(2, len(node.inputs), 3))
    indices, slot = _operands(b, node, Layout(positions, 0))
    b.emit("concat", indices, slot, node, axis=node.integer("axis"), activation="none")


MICROSOFT = "com.microsoft."

BINARY: Mapping[str, str] = {MICROSOFT + "QLinearAdd": "add", MICROSOFT + "QLinearMul": "mul"}
UNARY: Mapping[str, str] = {
    MICROSOFT + "QLinearLeakyRelu": "leaky_relu",
    MICROSOFT + "QLinearSigmoid": "logistic",
}

QUANTISED: Mapping[str, Callable[[Builder, OnnxNode], None]] = {
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
    MICROSOFT + "QuantizeLinear": quantize,
    MICROSOFT + "DequantizeLinear": dequantize,
    MICROSOFT + "QGemm": qgemm,
    MICROSOFT + "QLinearAveragePool": qlinear_average,
    MICROSOFT + "QLinearConcat": qlinear_concat,
    MICROSOFT + "QLinearGlobalAveragePool": qlinear_average,
    MICROSOFT + "QLinearSoftmax": qlinear_softmax,
    **dict.fromkeys(BINARY, qlinear_binary),
    **dict.fromkeys(UNARY, qlinear_unary),
}
"""Operators of this family."""
