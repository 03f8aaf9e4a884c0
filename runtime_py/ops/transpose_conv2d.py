"""`transpose_conv2d`: image NHWC, weights OHWI, bias O. TFLite TRANSPOSE_CONV, whose output shape is the tensor's.

Input pixel y adds its weighted filter at output rows `y * stride - before + k * dilation`; explicit paddings are rows
and columns cut off. Groups follow from the weights' input channels. Output rows i * stride + a of one i see the same
few input rows, so all of them are the channels of one ordinary convolution, spread out afterwards; a dilated filter
is one with zeros between its taps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from runtime_py.ops.conv2d import MOST_WEIGHTS, dense_weights
from runtime_py.ops.gemm import (
    convolve,
    float_arithmetic,
    integer_arithmetic,
    kernel_requantizer,
    require_groups,
    weight_scales,
)
from runtime_py.ops.hybrid import (
    Hybrid,
    hybrid_arithmetic,
    hybrid_bias,
    hybrid_limits,
    hybrid_sum_dtype,
    image_scale_first_fused,
    per_channel_scales,
    reference_quantize,
    xnnpack_quantize,
)
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.windows import Axis, Windows, patches, strips, windows_of


def shape(node: Node) -> tuple[Shape, ...]:
    """The declared shape, when a forward convolution with these attributes leads from it back to the input's."""
    out = node.output.shape
    forward = _forward(node)
    image = node.input(0).shape
    back = (forward.rows.count, forward.columns.count)
    node.require(
        back == (image[1], image[2]),
        f"declares an output of {out[1]} x {out[2]}, which belongs to an input of {back[0]} x {back[1]}, "
        f"not {image[1]} x {image[2]}",
    )
    return ((image[0], out[1], out[2], node.input(1).shape[0]),)


def bind(node: Node) -> Kernel:
    """int8 by the dialect's requantisation of exact sums; float32 as float32 sums."""
    forward = _forward(node)
    weights = node.input(1)
    stride = (forward.rows.stride, forward.columns.stride)
    windows = Windows(_blocks(forward.rows, node.input(0).shape[1]), _blocks(forward.columns, node.input(0).shape[2]))
    size = math.prod(stride) * windows.taps * weights.shape[0] * node.input(0).shape[3]
    node.require(size <= MOST_WEIGHTS, f"spreads to {size} weights, more than the {MOST_WEIGHTS} that are done")
    dense = dense_weights(node.constant(1, "weights"), node.input(0).shape[3])
    spread_MK = _spread_weights(_dilated(dense, _dilation(node)), stride, windows)
    columns = windows.columns.count
    match node.input(0).dtype, weights.dtype, node.output.dtype:
        case "int8", "int8", "int8":
            scales = weight_scales(node, weights, 0)
            requantizer = kernel_requantizer(node, 8, _refused(node, forward))
            arithmetic = integer_arithmetic(node, spread_MK, scales, columns, requantizer)
        case "float32", "float32", "float32":
            arithmetic = float_arithmetic(node, spread_MK.shape[0], columns)
        case "float32", "int8", "float32":
            return _bind_hybrid(node, forward, windows, spread_MK)
        case _:
            raise node.unsupported()
    matrix = np.ascontiguousarray(spread_MK.T, arithmetic.sum_dtype)
    return lambda arrays: (_spread(node, forward, convolve(arrays[0], matrix, windows, arithmetic, node.output.dtype)),)


def _spread(node: Node, forward: Windows, blocks: Array) -> Array:
    """Blocks' channels brought to their pixels, and the output cut out."""
    batch, height, width, _ = blocks.shape
    stride, out = (forward.rows.stride, forward.columns.stride), node.output.shape
    rows = slice(forward.rows.before, forward.rows.before + out[1])
    columns = slice(forward.columns.before, forward.columns.before + out[2])
    apart = blocks.reshape(batch, height, width, *stride, out[3]).transpose(0, 1, 3, 2, 4, 5)
    full = apart.reshape(batch, height * stride[0], width * stride[1], out[3])
    return np.ascontiguousarray(full[:, rows, columns])


def _bind_hybrid(node: Node, forward: Windows, windows: Windows, spread_MK: Array) -> Kernel:
    """float32 images on int8 weights."""
    scales = per_channel_scales(node, node.input(1), 0)
    if node.dialect.name == "litert-reference" or _refused(node, forward):
        return _bind_sequential(node, forward, windows, spread_MK, scales)
    prepare = hybrid_arithmetic(
        node, Hybrid(xnnpack_quantize, image_scale_first_fused), spread_MK, scales, windows.columns.count
    )
    matrix = np.ascontiguousarray(spread_MK.T, hybrid_sum_dtype(spread_MK))

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        prepared = [prepare(image) for image in arrays[0]]
        results = [convolve(stored[None], matrix, windows, how, "float32") for stored, how in prepared]
        return (_spread(node, forward, np.concatenate(results)),)

    return kernel


def _bind_sequential(node: Node, forward: Windows, windows: Windows, spread_MK: Array, scales: Array) -> Kernel:
    """TFLite's own hybrid kernel, which scales every product and adds them in float32, in the input's order."""
    m = spread_MK.shape[0]
    scale_row = np.resize(scales, m)
    bias, (low, high) = hybrid_bias(node, m), hybrid_limits(node)
    weights_KM = np.ascontiguousarray(spread_MK.T, np.float32)

    def blocks(image: Array) -> Array:
        stored, zero_point, scale = reference_quantize(image)
        sums = np.zeros((windows.rows.count, windows.columns.count, m), np.float32)
        for where, tile in strips(stored, windows, sums.strides[0], np.float32, zero_point):
            count = where.stop - where.start
            seen = patches(tile, windows, count).reshape(count, windows.columns.count, -1)
            for k, weights in enumerate(weights_KM):
                sums[where] += seen[:, :, k, None] * weights * scale_row * scale
        return np.clip(sums + bias, low, high)

    return lambda arrays: (_spread(node, forward, np.stack([blocks(image) for image in arrays[0]])),)


def _refused(node: Node, forward: Windows) -> bool:
    """LiteRT keeps XNNPACK from "same" filters smaller than the stride; its own kernel takes over."""
    smaller = any(axis.kernel < axis.stride for axis in (forward.rows, forward.columns))
    return smaller and bool(node.attr("padding") == "same")


def _blocks(forward: Axis, size: int) -> Axis:
    """Windows of the ordinary convolution: block i makes output rows i * stride to i * stride + stride - 1."""
    seen = -(-forward.extent // forward.stride)
    count = -(-(forward.size + forward.before) // forward.stride)
    return Axis(size, seen, 1, 1, seen - 1, count)


def _dilated(weights_OHWI: Array, dilation: tuple[int, int]) -> Array:
    """Weights with zeros between their taps."""
    if dilation == (1, 1):
        return weights_OHWI
    filters, kernel_h, kernel_w, channels = weights_OHWI.shape
    extent = ((kernel_h - 1) * dilation[0] + 1, (kernel_w - 1) * dilation[1] + 1)
    apart = np.zeros((filters, *extent, channels), weights_OHWI.dtype)
    apart[:, :: dilation[0], :: dilation[1]] = weights_OHWI
    return apart


def _spread_weights(weights_OHWI: Array, stride: tuple[int, int], windows: Windows) -> Array:
    """Weights of the ordinary convolution, (stride h × stride w × O, kernel h × kernel w × I)."""
    filters, kernel_h, kernel_w, channels = weights_OHWI.shape
    seen_h, seen_w = windows.rows.kernel, windows.columns.kernel
    padded = np.zeros((filters, seen_h * stride[0], seen_w * stride[1], channels), weights_OHWI.dtype)
    padded[:, :kernel_h, :kernel_w] = weights_OHWI
    apart = padded.reshape(filters, seen_h, stride[0], seen_w, stride[1], channels)
    # A window's last row is the block's own input row and meets the filter's first rows: hence the reversal.
    turned = apart[:, ::-1, :, ::-1].transpose(2, 4, 0, 1, 3, 5)
    return np.ascontiguousarray(turned).reshape(stride[0] * stride[1] * filters, seen_h * seen_w * channels)


def _dilation(node: Node) -> tuple[int, int]:
    rows, columns = node.op.attrs.get("dilation", (1, 1))
    return int(rows), int(columns)


def _forward(node: Node) -> Windows:
    """The windows of the convolution that this one transposes: over the output, giving the input's size."""
    image, weights, out = node.input(0).shape, node.input(1).shape, node.output.shape
    node.require(
        len(image) == 4 and len(weights) == 4 and len(out) == 4,
        f"needs rank 4, has image {image}, weights {weights} and output {out}",
    )
    require_groups(node)
    return windows_of(node, (out[1], out[2]), (weights[1], weights[2]))
