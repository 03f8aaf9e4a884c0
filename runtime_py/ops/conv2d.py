"""`conv2d`: image NHWC, weights OHWI, bias O. TFLite CONV_2D; groups follow from the weights' input channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

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
    by_pixel_kernel,
    hybrid_arithmetic,
    hybrid_sum_dtype,
    image_scale_first_fused,
    quantize_by_pixel,
    reference_quantize,
    scales_multiplied_first,
    symmetric_quantize,
    weight_scale_first,
    xnnpack_quantize,
)
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.windows import Windows, windows_of

MOST_WEIGHTS = 1 << 26
"""Weights as one matrix, which a small file could otherwise drive to any number by its groups or stride."""


def shape(node: Node) -> tuple[Shape, ...]:
    """(N, rows of windows, columns of windows, O)."""
    windows = _windows(node)
    return ((node.input(0).shape[0], windows.rows.count, windows.columns.count, node.input(1).shape[0]),)


def bind(node: Node) -> Kernel:
    """int8 by the dialect's requantisation of exact sums; float32 as float32 sums."""
    windows = _windows(node)
    weights = node.input(1)
    size = math.prod(weights.shape[:3]) * node.input(0).shape[3]
    node.require(size <= MOST_WEIGHTS, f"has groups that spread to {size} weights, more than {MOST_WEIGHTS}")
    dense = dense_weights(node.constant(1, "weights"), node.input(0).shape[3]).reshape(weights.shape[0], -1)
    columns = windows.columns.count
    match node.input(0).dtype, weights.dtype, node.output.dtype:
        case "int8", "int8", "int8":
            # Where LiteRT's own kernels take over, grouped convolutions have only the reference kernel.
            vector = 1 if weights.shape[3] == node.input(0).shape[3] else weights.shape[0] + 1
            scales = weight_scales(node, weights, 0)
            arithmetic = integer_arithmetic(node, dense, scales, columns, kernel_requantizer(node, vector))
        case "float32", "float32", "float32":
            arithmetic = float_arithmetic(node, weights.shape[0], columns)
        case "float32", "int8", "float32":
            return _bind_hybrid(node, windows, dense)
        case _:
            raise node.unsupported()
    matrix = np.ascontiguousarray(dense.T, arithmetic.sum_dtype)
    dtype = node.output.dtype
    return lambda arrays: (convolve(arrays[0], matrix, windows, arithmetic, dtype),)


def _bind_hybrid(node: Node, windows: Windows, dense: Array) -> Kernel:
    """float32 images on int8 weights: XNNPACK takes a plain 1x1 convolution pixel by pixel, all else by image."""
    weights = node.input(1)
    scales = weight_scales(node, weights, 0)
    matrix = np.ascontiguousarray(dense.T, hybrid_sum_dtype(dense))
    plain = windows.taps == 1 and windows.rows.stride == windows.columns.stride == 1
    plain = plain and node.output.shape[1:3] == node.input(0).shape[1:3]
    if node.dialect.name == "xnnpack" and plain and weights.shape[3] == node.input(0).shape[3]:
        return by_pixel_kernel(node, matrix, scales)
    hybrid = node.rule(HYBRIDS)
    if node.dialect.name == "litert-reference" and weights.quant is not None and not weights.quant.per_channel:
        hybrid = SINGLE_SCALE
    if node.op.attrs.get("pixel_grids", False):
        node.require(node.input(0).shape[0] == 1, "shares its image with a 1x1 convolution in a batch, where it fails")
        hybrid = Hybrid(quantize_by_pixel, hybrid.scale)
    prepare = hybrid_arithmetic(node, hybrid, dense, scales, windows.columns.count)

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        prepared = [prepare(image) for image in arrays[0]]
        results = [convolve(stored[None], matrix, windows, how, "float32") for stored, how in prepared]
        return (np.concatenate(results),)

    return kernel


HYBRIDS: dict[str, Hybrid] = {
    "xnnpack": Hybrid(xnnpack_quantize, image_scale_first_fused),
    "litert-reference": Hybrid(reference_quantize, weight_scale_first),
}


SINGLE_SCALE = Hybrid(symmetric_quantize, scales_multiplied_first)
"""LiteRT's reference kernel for weights that have one scale in all."""


def _windows(node: Node) -> Windows:
    image, weights = node.input(0).shape, node.input(1).shape
    node.require(len(image) == 4 and len(weights) == 4, f"needs rank 4, has image {image} and weights {weights}")
    require_groups(node)
    return windows_of(node, (image[1], image[2]), (weights[1], weights[2]))


def dense_weights(weights_OHWI: Array, channels: int) -> Array:
    """Grouped weights as ungrouped ones, with zeros where a filter does not see a channel."""
    filters, kernel_h, kernel_w, per_group = weights_OHWI.shape
    if per_group == channels:
        return weights_OHWI
    groups = channels // per_group
    dense = np.zeros((filters, kernel_h, kernel_w, channels), weights_OHWI.dtype)
    for g in range(groups):
        those = slice(g * filters // groups, (g + 1) * filters // groups)
        dense[those, ..., g * per_group : (g + 1) * per_group] = weights_OHWI[those]
    return dense
