"""`max_pool2d`: the largest value of each `window` (h, w), cells outside the image left out. TFLite MAX_POOL_2D."""

from __future__ import annotations

import numpy as np

from runtime_py.arithmetic import ACTIVATION_RANGES, INT8_MIN, activation_limits
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.windows import MOST_WORK, Windows, strips, windows_of


def shape(node: Node) -> tuple[Shape, ...]:
    """(N, rows of windows, columns of windows, C)."""
    windows = pool_windows(node)
    image = node.input(0).shape
    return ((image[0], windows.rows.count, windows.columns.count, image[3]),)


def bind(node: Node) -> Kernel:
    """The same in every dialect but for the rounding of the activation's limits."""
    windows, given = pool_windows(node), node.input(0)
    node.require(given.dtype == node.output.dtype and given.dtype in ("int8", "float32"), "pools unlike types")
    node.require(node.same_grid(given, node.output), "changes the scale or zero point of its values")
    activation = node.attr("activation")
    low, high = ACTIVATION_RANGES.get(activation, (0.0, 0.0))
    outside: float = -np.inf
    if given.dtype == "int8":
        low, high = activation_limits(activation, *node.grid(node.output), node.dialect.round_limit)
        outside = INT8_MIN
    return lambda arrays: (np.clip(_largest(arrays[0], windows, outside), low, high),)


def _largest(image_NHWC: Array, windows: Windows, outside: float) -> Array:
    batch, _, _, channels = image_NHWC.shape
    rows, columns = windows.rows, windows.columns
    out = np.full((batch, rows.count, columns.count, channels), outside, image_NHWC.dtype)
    row_bytes = columns.count * channels * out.itemsize
    for image, result in zip(image_NHWC, out, strict=True):
        for where, tile in strips(image, windows, row_bytes, image.dtype.type, outside=outside):
            count = where.stop - where.start
            for k_row in range(rows.kernel):
                for k_column in range(columns.kernel):
                    those_rows, those_columns = rows.seen(k_row, count), columns.seen(k_column, columns.count)
                    np.maximum(result[where], tile[those_rows, those_columns], out=result[where])
    return out


def pool_windows(node: Node) -> Windows:
    """The windows of a pool of any kind; raises ArtifactError for more work than makes sense."""
    image = node.input(0).shape
    node.require(len(image) == 4, f"needs rank 4, has {image}")
    windows = windows_of(node, (image[1], image[2]), node.attr("window"))
    work = windows.taps * windows.rows.count * windows.columns.count * image[0] * image[3]
    node.require(work <= MOST_WORK, f"has a window of {node.attr('window')} over {image}, too much work to make sense")
    return windows
