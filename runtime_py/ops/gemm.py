"""Convolution as one matrix product per strip of rows: exact for integers, because BLAS only ever sees exact sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime_py.arithmetic import ACTIVATION_RANGES, activation_limits, exact_sum_dtype
from runtime_py.ops.node import Array, Node
from runtime_py.ops.windows import Windows, patches, strips
from runtime_py.program import Tensor
from runtime_py.requantize import Requantizer, SumGrid, optimized_requantizer

Finish = Callable[[Array, Array], None]
"""Turns sums (rows, columns × channels) into results of that shape, written into the second array."""


@dataclass(frozen=True)
class Arithmetic:
    """What a convolution-like operation needs beside its weights: sum type, input's zero point and the last step."""

    sum_dtype: type[Any]
    zero_point: int
    finish: Finish


def convolve(
    image_NHWC: Array, weights_KN: Array, windows: Windows, arithmetic: Arithmetic, result_dtype: str
) -> Array:
    """Correlates with `weights_KN`, K = kernel h × kernel w × channels in that order. Returns NHWC.

    Each strip's windows are laid out as a matrix (pixels, K) that stays in cache, multiplied by BLAS and finished.
    """
    batch = image_NHWC.shape[0]
    rows, columns = windows.rows.count, windows.columns.count
    k, n = weights_KN.shape
    out = np.empty((batch, rows, columns, n), result_dtype)
    row_bytes = columns * (k + n) * np.dtype(arithmetic.sum_dtype).itemsize
    for image, result in zip(image_NHWC, out.reshape(batch, rows, columns * n), strict=True):
        for where, tile in strips(image, windows, row_bytes, arithmetic.sum_dtype, arithmetic.zero_point):
            count = where.stop - where.start
            # For a plain 1x1 window this is the tile itself, otherwise the copy that BLAS needs.
            matrix = patches(tile, windows, count).reshape(count * columns, k)
            sums = np.matmul(matrix, weights_KN).reshape(count, columns * n)
            arithmetic.finish(sums, result[where])
    return out


def kernel_requantizer(node: Node, vector: int, refused: bool = False) -> Callable[[SumGrid], Requantizer]:
    """The dialect's requantisation, or that of LiteRT's optimised kernel where XNNPACK is kept from an operator.

    That is so when `refused`, or when the file says so ("delegated" false); the kernel then works on vectors of
    `vector` channels.
    """
    if node.dialect.name == "xnnpack" and (refused or not node.op.attrs.get("delegated", True)):
        return optimized_requantizer(node.output.shape[-1], vector)
    return node.dialect.requantizer


def integer_arithmetic(
    node: Node,
    weights_ON: Array,
    channel_scale: Array,
    columns: int,
    requantizer: Callable[[SumGrid], Requantizer],
) -> Arithmetic:
    """Exact sums and their requantisation, for int8 input 0, bias input 2 and the fused activation.

    `weights_ON` has one row per channel of the sums, `columns` of which share a row of pixels; bias and
    `channel_scale` repeat when there are more rows than the operation has channels.
    """
    scale, zero_point = node.grid(node.input(0))
    out_scale, out_zero = node.grid(node.output)
    channels = weights_ON.shape[0]
    limits = activation_limits(node.attr("activation"), out_scale, out_zero, node.dialect.round_limit)
    requantize = requantizer(SumGrid(scale, np.resize(channel_scale, channels), out_scale, out_zero, limits, columns))
    bias = bias_of(node, "int32")
    bias = None if bias is None else np.resize(bias, channels)
    dtype = exact_sum_dtype(weights_ON, zero_point, bias)
    if bias is None or not bias.any():
        return Arithmetic(dtype, zero_point, requantize)
    return Arithmetic(dtype, zero_point, _biased(requantize, np.tile(bias, columns).astype(dtype)))


def _biased(requantize: Requantizer, bias_row: Array) -> Finish:
    def finish(sums: Array, out: Array) -> None:
        np.add(sums, bias_row, out=sums)
        requantize(sums, out)

    return finish


def float_arithmetic(node: Node, channels: int, columns: int) -> Arithmetic:
    """float32 sums, bias input 2 and the fused activation as a clamp."""
    bias = bias_of(node, "float32")
    bias_row = None if bias is None else np.tile(np.resize(bias, channels), columns)
    activation = node.attr("activation")
    node.require(activation in ACTIVATION_RANGES, f"has the unknown activation '{activation}'")
    low, high = (np.float32(limit) for limit in ACTIVATION_RANGES[activation])

    def finish(sums: Array, out: Array) -> None:
        if bias_row is not None:
            np.add(sums, bias_row, out=sums)
        np.clip(sums, low, high, out=out)

    return Arithmetic(np.float32, 0, finish)


def require_groups(node: Node) -> None:
    """Raises ArtifactError when the channels of image and filters (OHWI) make no whole groups, or biases do not fit."""
    channels, (filters, _, _, per_group) = node.input(0).shape[3], node.input(1).shape
    groups, left = divmod(channels, per_group) if per_group else (0, 0)
    node.require(
        left == 0 and groups > 0 and filters % groups == 0,
        f"cannot share {channels} channels among {filters} filters of {per_group} channels",
    )
    bias = node.optional(2)
    node.require(bias is None or bias.shape == (filters,), f"needs one bias for each of {filters} filters")


def bias_of(node: Node, dtype: str) -> Array | None:
    """The constant bias (input 2), None when absent."""
    if node.optional(2) is None:
        return None
    bias = node.constant(2, "bias")
    node.require(bias.dtype == np.dtype(dtype), f"has a bias of type {bias.dtype}, expected {dtype}")
    return bias.reshape(-1)


def weight_scales(node: Node, weights: Tensor, axis: int) -> Array:
    """One scale per output channel of symmetric int8 weights whose output channels lie along `axis`."""
    quant = weights.quant
    if quant is None:
        raise node.error("has int8 weights without a scale")
    node.require(not quant.per_channel or quant.axis == axis, f"has weight scales along axis {quant.axis}, not {axis}")
    node.require(not quant.zero_point.any(), "has weights with a zero point other than 0")
    return np.resize(quant.scale, weights.shape[axis])
