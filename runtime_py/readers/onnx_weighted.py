"""ONNX's operators with weights: Conv, ConvTranspose, Gemm, MatMul and BatchNormalization, float and between grids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from runtime_py.program import Quant
from runtime_py.readers.onnx_build import Builder, Slot
from runtime_py.readers.onnx_graph import OnnxNode

NONE = -1


def conv(b: Builder, node: OnnxNode) -> None:
    """Conv; between int8 grids ONNX Runtime's QLinearConv."""
    found = b.group(node, (0,))
    weights = stored_weights(b, node, 0) if found else None
    bias = stored_bias(b, node, found[0][0], weights) if found and weights is not None else None
    if found is None or weights is None or (bias is None and node.optional(2)):
        images = [b.any(node.input(0), node)]
        weights = b.assembly.constant(f"{node.input(1)}.used", b.required(node.input(1), "weights", node))
        bias, slot = real_bias(b, node), b.slot(node)
    else:
        images, slot = found
        b.take(node)
    convolution(b, node, (images[0], weights, NONE if bias is None else bias), slot)


def convolution(b: Builder, node: OnnxNode, operands: tuple[int, int, int], slot: Slot) -> None:
    """A Conv of image, weights OIHW and bias as a depthwise or an ordinary convolution."""
    image, weights, bias = operands
    if len(b[image].shape) != 4 or len(b[weights].shape) != 4:
        raise node.error(f"has weights {list(b[weights].shape)} for {list(b[image].shape)}; only images are convolved")
    filters, per_group, height, width = b[weights].shape
    groups, channels = node.integer("group", 1), b[image].shape[1]
    if groups < 1 or per_group * groups != channels or filters % groups:
        raise node.error(f"cannot share {channels} channels among {filters} filters in {groups} groups")
    attrs = window_attrs(node, (height, width), b[image].shape[2:])
    depthwise = groups == channels and groups > 1
    order, axis = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
    moved = reordered(b, weights, order, axis)
    inputs = (image, moved) if bias == NONE else (image, moved, bias)
    b.emit_spatial("depthwise_conv2d" if depthwise else "conv2d", inputs, slot, node, activation="none", **attrs)


def conv_transpose(b: Builder, node: OnnxNode) -> None:
    """ConvTranspose, always in float32: ONNX Runtime has no integer kernel for it."""
    image = b.any(node.input(0), node)
    weights = b.required(node.input(1), "weights", node)
    if len(b[image].shape) != 4 or weights.ndim != 4:
        raise node.error(f"has weights {list(weights.shape)} for {list(b[image].shape)}; only images are done")
    groups, size, kernel = node.integer("group", 1), b[image].shape[2:], weights.shape[2:]
    if groups < 1 or weights.shape[0] % groups or weights.shape[0] != b[image].shape[1]:
        raise node.error(f"cannot share {b[image].shape[1]} channels in {groups} groups of {list(weights.shape)}")
    inside, filters = weights.shape[0] // groups, weights.shape[1] * groups
    grouped = weights.reshape(groups, inside, weights.shape[1], *kernel).transpose(0, 2, 3, 4, 1)
    moved = b.assembly.constant(f"{node.input(1)}.used", grouped.reshape(filters, *kernel, inside))
    stride, dilation = pair(node, "strides"), pair(node, "dilations")
    extra, wanted = node.integers("output_padding") or (0, 0), node.integers("output_shape")
    if len(extra) != 2 or (wanted is not None and len(wanted) < 2):
        raise node.error(f"has output_padding {list(extra)} and output_shape {wanted}; only images are done")
    full = [stride[i] * (size[i] - 1) + extra[i] + (kernel[i] - 1) * dilation[i] + 1 for i in (0, 1)]
    if wanted is not None:
        # Padding that gives the wanted size; the odd cell goes to the end, unless SAME_LOWER.
        total = [full[i] - wanted[-2:][i] for i in (0, 1)]
        pads = halves(total, node.text("auto_pad") == "SAME_LOWER")
    else:
        pads = paddings(node, full, stride, same=[full[i] - size[i] * stride[i] for i in (0, 1)])
    out = [full[i] - sum(pads[i]) for i in (0, 1)]
    if any(n < 0 for p in pads for n in p) or any(not 0 <= e < s for e, s in zip(extra, stride, strict=False)):
        raise node.error(f"pads its output by {extra} or its input by less than nothing, which is not supported")
    bias = real_bias(b, node)
    inputs = (image, moved) if bias is None else (image, moved, bias)
    b.emit_spatial(
        "transpose_conv2d", inputs, b.slot(node), node, out, filters, stride=stride, dilation=dilation, padding=pads,
        activation="none",
    )  # fmt: skip


def gemm(b: Builder, node: OnnxNode) -> None:
    """Gemm; between int8 grids ONNX Runtime's QGemm."""
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    found = b.group(node, (0,)) if alpha == 1 and beta == 1 and not node.integer("transA") else None
    turned = bool(node.integer("transB"))
    weights = stored_weights(b, node, 0 if turned else 1) if found else None
    bias = stored_bias(b, node, found[0][0], weights) if found and weights is not None else None
    if found is not None and weights is not None and (bias is not None or not node.optional(2)):
        b.take(node)
        product(b, node, found[0][0], weights if turned else reordered(b, weights, (1, 0), 0), bias, found[1])
        return
    rows = b.any(node.input(0), node)
    if len(b[rows].shape) != 2:
        raise node.error(f"multiplies a tensor of shape {list(b[rows].shape)}")
    if node.integer("transA"):
        rows = b.turned(rows, (1, 0), node)
    data = b.required(node.input(1), "weights", node) * np.float32(alpha)
    if data.ndim != 2:
        raise node.error(f"multiplies by a tensor of shape {list(data.shape)}")
    weights = b.assembly.constant(f"{node.input(1)}.used", data if turned else data.T)
    bias = None
    if node.optional(2):
        given = b.required(node.input(2), "bias", node) * np.float32(beta)
        filters = b[weights].shape[0]
        if given.size not in (1, filters) or given.ndim > 2 or (given.ndim == 2 and given.shape[0] != 1):
            raise node.error(f"adds a tensor of shape {list(given.shape)} to {filters} columns, which is not supported")
        bias = b.assembly.constant(f"{node.input(2)}.used", np.broadcast_to(given.reshape(-1), (filters,)).copy())
    product(b, node, rows, weights, bias, b.slot(node))


def matmul(b: Builder, node: OnnxNode) -> None:
    """MatMul with a constant matrix; between int8 grids QLinearMatMul."""
    found = b.group(node, (0,))
    weights = stored_weights(b, node, 1) if found else None
    if found is not None and weights is not None and len(b[weights].shape) == 2:
        b.take(node)
        product(b, node, found[0][0], reordered(b, weights, (1, 0), 0), None, found[1])
        return
    data = b.required(node.input(1), "second matrix", node)
    if data.ndim != 2:
        raise node.error(f"multiplies by a tensor of shape {list(data.shape)}; only one constant matrix is supported")
    product(
        b, node, b.any(node.input(0), node), b.assembly.constant(f"{node.input(1)}.used", data.T), None, b.slot(node)
    )


def product(b: Builder, node: OnnxNode, rows: int, weights: int, bias: int | None, slot: Slot) -> None:
    inputs = (rows, weights) if bias is None else (rows, weights, bias)
    b.emit("fully_connected", inputs, slot, node, activation="none", keep_dims=True)


def batch_normalization(b: Builder, node: OnnxNode) -> None:
    """As a product and a sum per channel, whose float32 factors are formed beforehand."""
    image = b.any(node.input(0), node)
    scale, shift, mean, variance = (b.required(node.input(i), "statistics", node) for i in range(1, 5))
    if node.integer("training_mode") or not scale.shape == shift.shape == mean.shape == variance.shape:
        raise node.error("is in training mode or has statistics of unlike sizes")
    factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + node.real("epsilon", 1e-5))
    along = (1, -1) + (1,) * (len(b[image].shape) - 2)
    terms = (factor, shift - mean * factor)
    constants = [
        b.assembly.constant(f"{node.output}.{name}", term.astype(np.float32).reshape(along))
        for name, term in zip(("factor", "offset"), terms, strict=True)
    ]
    scaled = b.emit("mul", (image, constants[0]), Slot(f"{node.output}.scaled", "float32"), node, activation="none")
    b.emit("add", (scaled, constants[1]), b.slot(node), node, activation="none")


def reordered(b: Builder, weights: int, order: Sequence[int], axis: int) -> int:
    """Constant weights with their axes in another order; `axis` is where the output channels are then."""
    tensor = b[weights]
    if len(tensor.shape) != len(order):
        raise b.assembly.error(f"the weights '{tensor.name}' have the shape {list(tensor.shape)}")
    data = np.asarray(tensor.data).transpose(order)
    quant = tensor.quant
    if quant is not None:
        quant = Quant(quant.scale, quant.zero_point, axis if quant.per_channel else 0)
    return b.assembly.constant(f"{tensor.name}.reordered", data, quant)


def stored_weights(b: Builder, node: OnnxNode, axis: int) -> int | None:
    """Constant int8 weights without zero points, quantised as a whole or along `axis`; None when they are not that."""
    index = b.stored.get(node.input(1))
    if index is None:
        return None
    tensor = b[index]
    if tensor.data is None or tensor.dtype != "int8" or tensor.quant is None or tensor.quant.zero_point.any():
        return None
    return None if tensor.quant.per_channel and tensor.quant.axis != axis else index


def stored_bias(b: Builder, node: OnnxNode, image: int, weights: int) -> int | None:
    """The int32 constant behind the bias; ONNX Runtime adds it as it is, whatever its scale."""
    index = b.stored.get(node.optional(2))
    if index is None:
        return None
    tensor = b[index]
    return index if tensor.data is not None and tensor.dtype == "int32" and tensor.data.ndim == 1 else None


def real_bias(b: Builder, node: OnnxNode) -> int | None:
    if not node.optional(2):
        return None
    return b.assembly.constant(f"{node.input(2)}.used", b.required(node.input(2), "bias", node))


def pair(node: OnnxNode, name: str) -> tuple[int, int]:
    """Two positive numbers, 1 each when absent."""
    values = node.integers(name) or (1, 1)
    if len(values) != 2 or min(values) < 1 or max(values) > 1 << 20:
        raise node.error(f"has {name} {list(values)}; only images are done")
    return values[0], values[1]


def window_attrs(node: OnnxNode, kernel: tuple[int, int], size: Sequence[int]) -> dict[str, Any]:
    """Stride, dilation and padding of a Conv or pool over `size` (h, w)."""
    stride, dilation = pair(node, "strides"), pair(node, "dilations")
    extent = [(kernel[i] - 1) * dilation[i] + 1 for i in (0, 1)]
    total = [max((-(-size[i] // stride[i]) - 1) * stride[i] + extent[i] - size[i], 0) for i in (0, 1)]
    return {"stride": stride, "dilation": dilation, "padding": paddings(node, size, stride, total)}


def paddings(
    node: OnnxNode, size: Sequence[int], stride: Sequence[int], same: Sequence[int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)); `same` is how many cells SAME pads in all."""
    auto = node.text("auto_pad", "NOTSET") or "NOTSET"
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return halves([max(n, 0) for n in same], auto == "SAME_LOWER")
    pads = (0, 0, 0, 0) if auto == "VALID" else node.integers("pads") or (0, 0, 0, 0)
    if len(pads) != 4 or auto not in ("NOTSET", "VALID"):
        raise node.error(f"has pads {list(pads)} and auto_pad '{auto}'")
    return (pads[0], pads[2]), (pads[1], pads[3])


def halves(total: Sequence[int], lower: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Totals cut in two; the odd cell goes to the end, or to the start when `lower`."""
    cut = [(math.ceil(n / 2), math.floor(n / 2)) if lower else (math.floor(n / 2), math.ceil(n / 2)) for n in total]
    return cut[0], cut[1]
