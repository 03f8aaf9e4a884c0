"""`average_pool2d`: the mean of each `window` (h, w) over the cells inside the image. TFLite AVERAGE_POOL_2D.

With `count_padding`, which TFLite does not know, cells of the padding count as zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime_py.arithmetic import ACTIVATION_RANGES, INT8_MAX, INT8_MIN, activation_limits, round_half_away
from runtime_py.ops.max_pool2d import pool_windows
from runtime_py.ops.node import Array, Kernel, Node
from runtime_py.ops.windows import Axis, Windows, strips


def bind(node: Node) -> Kernel:
    """int8 as TFLite's reference kernel in every dialect: XNNPACK does not take it, and the grid must stay."""
    windows, given = pool_windows(node), node.input(0)
    node.require(given.dtype == node.output.dtype and given.dtype in ("int8", "float32"), "pools unlike types")
    counts = np.asarray(windows.taps)
    if not node.op.attrs.get("count_padding", False):
        counts = _inside(windows.rows)[:, None, None] * _inside(windows.columns)[:, None]
    node.require(bool(counts.all()), "has windows that lie outside the image")
    if given.dtype == "int8" and node.dialect.name == "onnx-qdq":
        return _onnx_kernel(node, windows, counts)
    node.require(node.same_grid(given, node.output), "changes the scale or zero point of its values")
    if given.dtype == "float32":
        low, high = ACTIVATION_RANGES[node.attr("activation")]
        return lambda arrays: (np.clip(_sums(arrays[0], windows, np.float32) / np.float32(counts), low, high),)
    limits = activation_limits(node.attr("activation"), *node.grid(node.output), round_half_away)

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        sums = _sums(arrays[0], windows, np.int32)
        # Half of the count is added away from zero, then C's division truncates.
        means = np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)
        return (np.clip(means, *limits).astype(np.int8),)

    return kernel


def _onnx_kernel(node: Node, windows: Windows, counts: Array) -> Kernel:
    """ONNX Runtime's QLinearAveragePool: a float32 mean, and the zero point added before rounding half to even."""
    (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
    step = node.unsigned_step

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        real = (arrays[0].astype(np.float32) - np.float32(zero_point)) * scale
        means = _sums(real, windows, np.float32) / counts.astype(np.float32)
        return (
            np.clip(np.rint(means / out_scale + np.float32(out_zero + step)) - step, INT8_MIN, INT8_MAX).astype(
                np.int8
            ),
        )

    return kernel


def _sums(image_NHWC: Array, windows: Windows, dtype: type[np.number]) -> Array:
    batch, _, _, channels = image_NHWC.shape
    rows, columns = windows.rows, windows.columns
    out = np.zeros((batch, rows.count, columns.count, channels), dtype)
    row_bytes = columns.count * channels * out.itemsize
    for image, result in zip(image_NHWC, out, strict=True):
        for where, tile in strips(image, windows, row_bytes, dtype):
            count = where.stop - where.start
            for k_row in range(rows.kernel):
                for k_column in range(columns.kernel):
                    those_rows, those_columns = rows.seen(k_row, count), columns.seen(k_column, columns.count)
                    result[where] += tile[those_rows, those_columns]
    return out


def _inside(axis: Axis) -> Array:
    """How many cells of each window lie inside the image."""
    first = np.arange(axis.count) * axis.stride - axis.before
    below_end, below_start = (-((first - edge) // axis.dilation) for edge in (axis.size, 0))
    return np.clip(below_end, 0, axis.kernel) - np.clip(below_start, 0, axis.kernel)
