"""ONNX's operators without weights that compute: activations, sums, products, means, pools and softmax."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from runtime_py.readers.layout import MOVED
from runtime_py.readers.onnx_build import Builder, Slot
from runtime_py.readers.onnx_graph import DTYPES, OnnxNode
from runtime_py.readers.onnx_shapes import moved, whole_axes
from runtime_py.readers.onnx_weighted import window_attrs

FUSED_BINARY = ("Add", "Mul")
FUSED_UNARY = ("LeakyRelu", "Sigmoid")
"""Kinds that ONNX Runtime has integer kernels for; all others are float32 between the grids."""

BINARY: Mapping[str, str] = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}
UNARY: Mapping[str, str] = {
    "LeakyRelu": "leaky_relu", "Relu": "relu", "Round": "round", "Sigmoid": "logistic", "Tanh": "tanh",
}  # fmt: skip


def binary_node(b: Builder, node: OnnxNode) -> None:
    """Add, Sub, Mul or Div."""
    found = b.group(node, (0, 1)) if node.kind in FUSED_BINARY else None
    if found is not None:
        b.take(node)
    indices, slot = found or ([b.any(node.input(i), node) for i in (0, 1)], b.slot(node))
    binary(b, node, indices, slot, BINARY[node.kind])


def binary(b: Builder, node: OnnxNode, indices: Sequence[int], slot: Slot, kind: str) -> None:
    b.emit(kind, indices, slot, node, activation="none")


def unary_node(b: Builder, node: OnnxNode) -> None:
    """LeakyRelu, Relu, Round (half to even), Sigmoid or Tanh."""
    found = b.group(node, (0,)) if node.kind in FUSED_UNARY else None
    if found is not None:
        b.take(node)
    indices, slot = found or ([b.any(node.input(0), node)], b.slot(node))
    unary(b, node, indices[0], slot, UNARY[node.kind])


def unary(b: Builder, node: OnnxNode, index: int, slot: Slot, kind: str) -> None:
    attrs: dict[str, Any] = {"alpha": node.real("alpha", 0.01)} if kind == "leaky_relu" else {}
    b.emit(kind, (index,), slot, node, **attrs)


def clip(b: Builder, node: OnnxNode) -> None:
    low, high = b.limits(node)
    b.emit("clamp", (b.any(node.input(0), node),), b.slot(node), node, low=low, high=high)


def prelu(b: Builder, node: OnnxNode) -> None:
    b.emit("prelu", [b.any(node.input(i), node) for i in (0, 1)], b.slot(node), node)


def hard_sigmoid(b: Builder, node: OnnxNode) -> None:
    attrs: dict[str, Any] = {"alpha": node.real("alpha", 0.2), "beta": node.real("beta", 0.5)}
    b.emit("hard_sigmoid", (b.any(node.input(0), node),), b.slot(node), node, **attrs)


def hard_swish(b: Builder, node: OnnxNode) -> None:
    """As ONNX defines it: x times a hard sigmoid of slope 1/6."""
    index, gate = b.any(node.input(0), node), replace(b.slot(node), name=f"{node.output}.gate")
    gated = b.emit("hard_sigmoid", (index,), gate, node, alpha=1 / 6, beta=0.5)
    b.emit("mul", (index, gated), b.slot(node), node, activation="none")


def softmax_node(b: Builder, node: OnnxNode) -> None:
    found = b.group(node, (0,))
    if found is not None:
        b.take(node)
    indices, slot = found or ([b.any(node.input(0), node)], b.slot(node))
    softmax(b, node, indices[0], slot)


def softmax(b: Builder, node: OnnxNode, index: int, slot: Slot) -> None:
    """Over one axis since opset 13, before that over all from the axis on."""
    shape = b[index].shape
    newer = node.integer("opset", b.opset) >= 13
    (axis,) = whole_axes(node, (node.integer("axis", -1 if newer else 1),), len(shape))
    if axis == len(shape) - 1:
        b.emit("softmax", (index,), slot, node, beta=1.0)
        return
    inner = replace(slot, name=slot.name + MOVED)
    if newer:
        order = (*(i for i in range(len(shape)) if i != axis), axis)
        rows = b.emit("softmax", (b.turned(index, order, node),), inner, node, beta=1.0)
        back = tuple(order.index(i) for i in range(len(order)))
        b.emit("transpose", (rows,), slot, node, permutation=back)
        return
    flat = replace(b.slot(node, index), name=f"{slot.name}.flat")
    rows = b.emit("reshape", (index,), flat, node, (math.prod(shape[:axis]), math.prod(shape[axis:])))
    b.emit("reshape", (b.emit("softmax", (rows,), inner, node, beta=1.0),), slot, node, shape)


def reduce_mean(b: Builder, node: OnnxNode) -> None:
    axes = b.integers(node, "axes", 1)
    index = b.any(node.input(0), node)
    if not axes:
        if node.integer("noop_with_empty_axes"):
            b.emit("reshape", (index,), b.slot(node, index), node, b[index].shape)
            return
        axes = tuple(range(len(b[index].shape)))
    attrs: dict[str, Any] = {"axes": axes, "keep_dims": bool(node.integer("keepdims", 1))}
    b.emit("mean", (index,), b.slot(node), node, **attrs)


def average_node(b: Builder, node: OnnxNode) -> None:
    """AveragePool or GlobalAveragePool."""
    found = b.group(node, (0,))
    if found is not None:
        b.take(node)
    indices, slot = found or ([b.any(node.input(0), node)], b.slot(node))
    average(b, node, indices[0], slot)


def average(b: Builder, node: OnnxNode, index: int, slot: Slot) -> None:
    shape = b[index].shape
    if node.kind.endswith("GlobalAveragePool"):
        if len(shape) < 3:
            raise node.error(f"averages over {list(shape)}")
        b.emit("mean", (index,), slot, node, axes=tuple(range(2, len(shape))), keep_dims=True)
        return
    attrs = pool_attrs(b, node, index)
    counted = bool(node.integer("count_include_pad"))
    b.emit_spatial("average_pool2d", (index,), slot, node, **attrs, count_padding=counted)


def max_pool(b: Builder, node: OnnxNode) -> None:
    if any(node.outputs[1:]) or node.integer("storage_order"):
        raise node.error("gives the places of its maxima, which is not supported")
    index, slot = moved(b, node)
    b.emit_spatial("max_pool2d", (index,), slot, node, **pool_attrs(b, node, index))


def pool_attrs(b: Builder, node: OnnxNode, index: int) -> dict[str, Any]:
    """Window, stride, dilation and padding; with `ceil_mode` as many more cells at the end as a last window needs."""
    window, size = node.integers("kernel_shape") or (), b[index].shape[2:]
    if len(window) != 2 or len(size) != 2 or min(window) < 1:
        raise node.error(f"has a window {list(window)} over {list(b[index].shape)}; only images are pooled")
    attrs = window_attrs(node, (window[0], window[1]), size)
    if node.integer("ceil_mode"):
        padding = []
        for i, (before, after) in enumerate(attrs["padding"]):
            stride, extent = attrs["stride"][i], (window[i] - 1) * attrs["dilation"][i] + 1
            over = -(size[i] + before + after - extent) % stride
            # A window that would begin in the padding at the end is left out.
            begins = size[i] + before + after + over - extent
            padding.append((before, after + (over if begins < size[i] + before else 0)))
        if node.integer("count_include_pad") and tuple(padding) != attrs["padding"]:
            raise node.error("counts padding in windows that hang over the end, which is not supported")
        attrs["padding"] = tuple(padding)
    return {**attrs, "window": (window[0], window[1]), "activation": "none"}


def cast(b: Builder, node: OnnxNode) -> None:
    code, index = node.integer("to"), b.any(node.input(0), node)
    if code not in DTYPES:
        raise node.error(f"casts to type number {code}")
    if b[index].quant is not None:
        raise node.error("casts stored integers of a grid, which is not supported")
    if DTYPES[code] == "float16":
        # Half floats are computed on as float32; this is where they lose their last bits.
        half = b.emit("cast", (index,), Slot(f"{node.output}.half", "float16"), node)
        b.emit("cast", (half,), Slot(node.output, "float32"), node)
        return
    b.emit("cast", (index,), Slot(node.output, DTYPES[code]), node)
