"""`depthwise_conv2d`: image NHWC, weights 1HWC, bias C. TFLite DEPTHWISE_CONV_2D.

With a multiplier m the image's channel c makes the output's channels c*m to c*m + m - 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime_py.ops.gemm import Arithmetic, float_arithmetic, integer_arithmetic, kernel_requantizer, weight_scales
from runtime_py.ops.hybrid import (
    Hybrid,
    hybrid_arithmetic,
    hybrid_sum_dtype,
    optimized_depthwise,
    per_channel_scales,
    reference_quantize,
    scales_multiplied_first,
)
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.windows import Windows, strips, windows_of


def shape(node: Node) -> tuple[Shape, ...]:
    """(N, rows of windows, columns of windows, C)."""
    windows = _windows(node)
    return ((node.input(0).shape[0], windows.rows.count, windows.columns.count, node.input(1).shape[3]),)


def bind(node: Node) -> Kernel:
    """int8 by the dialect's requantisation of exact sums; float32 as float32 sums."""
    windows = _windows(node)
    weights = node.input(1)
    taps_KC = node.constant(1, "weights").reshape(windows.taps, -1)
    columns, channels = windows.columns.count, weights.shape[3]
    match node.input(0).dtype, weights.dtype, node.output.dtype:
        case "int8", "int8", "int8":
            scales = weight_scales(node, weights, 3)
            arithmetic = integer_arithmetic(node, taps_KC.T, scales, columns, kernel_requantizer(node, 8))
        case "float32", "float32", "float32":
            arithmetic = float_arithmetic(node, channels, columns)
        case "float32", "int8", "float32":
            return _bind_hybrid(node, windows, taps_KC)
        case _:
            raise node.unsupported()
    # Weights repeat along a row, so that one numpy loop runs over a whole row instead of over a pixel's channels.
    rows_of_taps = np.tile(taps_KC.astype(arithmetic.sum_dtype), columns)
    multiplier = channels // node.input(0).shape[3]
    dtype = node.output.dtype

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        image = arrays[0] if multiplier == 1 else np.repeat(arrays[0], multiplier, axis=3)
        return (_correlate(image, rows_of_taps, windows, arithmetic, dtype),)

    return kernel


def _bind_hybrid(node: Node, windows: Windows, taps_KC: Array) -> Kernel:
    """float32 images on int8 weights, by LiteRT's own kernels: XNNPACK does not take them."""
    weights, columns = node.input(1), windows.columns.count
    reference = node.dialect.name == "litert-reference"
    scaling = scales_multiplied_first if reference else optimized_depthwise(weights.shape[3])
    scales = per_channel_scales(node, weights, 3)
    prepare = hybrid_arithmetic(node, Hybrid(reference_quantize, scaling), taps_KC.T, scales, columns)
    rows_of_taps = np.tile(taps_KC.astype(hybrid_sum_dtype(taps_KC.T)), columns)
    multiplier = weights.shape[3] // node.input(0).shape[3]

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        prepared = [prepare(image) for image in arrays[0]]
        wide = [(np.repeat(stored, multiplier, axis=2)[None], how) for stored, how in prepared]
        return (np.concatenate([_correlate(image, rows_of_taps, windows, how, "float32") for image, how in wide]),)

    return kernel


def _correlate(
    image_NHWC: Array, rows_of_taps: Array, windows: Windows, arithmetic: Arithmetic, result_dtype: str
) -> Array:
    batch, _, _, channels = image_NHWC.shape
    rows, row_size = windows.rows, windows.columns.count * channels
    out = np.empty((batch, rows.count, windows.columns.count, channels), result_dtype)
    row_bytes = 2 * row_size * np.dtype(arithmetic.sum_dtype).itemsize
    for image, result in zip(image_NHWC, out.reshape(batch, rows.count, row_size), strict=True):
        for where, tile in strips(image, windows, row_bytes, arithmetic.sum_dtype, arithmetic.zero_point):
            count = where.stop - where.start
            sums = np.empty((count, row_size), arithmetic.sum_dtype)
            product = np.empty_like(sums)
            for tap, seen in enumerate(_seen_by_taps(tile, windows, count)):
                target = product if tap else sums
                np.multiply(seen, rows_of_taps[tap], out=target)
                if tap:
                    np.add(sums, product, out=sums)
            arithmetic.finish(sums, result[where])
    return out


def _seen_by_taps(tile_HWC: Array, windows: Windows, count: int) -> list[Array]:
    """What each tap sees, (rows, columns × channels): columns of one stride phase are brought together first."""
    rows, columns = windows.rows, windows.columns
    channels, height = tile_HWC.shape[2], tile_HWC.shape[0]
    phases = [
        np.ascontiguousarray(tile_HWC[:, phase :: columns.stride]).reshape(height, -1)
        for phase in range(min(columns.stride, tile_HWC.shape[1]))
    ]
    seen = []
    for k_row in range(rows.kernel):
        top = k_row * rows.dilation
        those = slice(top, top + (count - 1) * rows.stride + 1, rows.stride)
        for k_column in range(columns.kernel):
            first, phase = divmod(k_column * columns.dilation, columns.stride)
            seen.append(phases[phase][those, first * channels : (first + columns.count) * channels])
    return seen


def _windows(node: Node) -> Windows:
    image, weights = node.input(0).shape, node.input(1).shape
    node.require(len(image) == 4 and len(weights) == 4, f"needs rank 4, has image {image} and weights {weights}")
    node.require(
        weights[0] == 1 and image[3] > 0 and weights[3] % image[3] == 0 and weights[3] > 0,
        f"cannot apply weights {weights} to {image[3]} channels",
    )
    bias = node.optional(2)
    node.require(bias is None or bias.shape == (weights[3],), f"needs one bias for each of {weights[3]} channels")
    return windows_of(node, (image[1], image[2]), (weights[1], weights[2]))
