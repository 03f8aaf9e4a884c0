"""Where the windows of convolutions and pools lie, and row strips of an image cut and converted for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from runtime_py.ops.node import Array, Node

CACHE_BYTES = 1 << 21
"""What a strip's buffers may take together; the fastest of 0.5, 1 and 2 MiB beside 1 MiB of second-level cache."""

MOST_WORK = 1 << 32
"""Cells that all windows of a pool may see together; a small file could otherwise make it run for hours."""

LARGEST_MARGIN = 1 << 14
"""Rows or columns of padding; more is taken for damage."""

AxisPadding = str | tuple[int, ...]
"""Of one axis: "same", "valid" or (before, after)."""


@dataclass(frozen=True)
class Axis:
    """Windows along one axis: `before` padded cells, then window i covers `i * stride + k * dilation`."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    count: int

    @property
    def extent(self) -> int:
        """Cells from a window's first to its last, inclusive."""
        return (self.kernel - 1) * self.dilation + 1

    def span(self, count: int) -> int:
        """Cells that `count` consecutive windows cover."""
        return (count - 1) * self.stride + self.extent

    def seen(self, tap: int, count: int) -> slice:
        """The padded cells that one tap of `count` consecutive windows sees."""
        first = tap * self.dilation
        return slice(first, first + (count - 1) * self.stride + 1, self.stride)


@dataclass(frozen=True)
class Windows:
    """Windows over an image's rows and columns."""

    rows: Axis
    columns: Axis

    @property
    def taps(self) -> int:
        return self.rows.kernel * self.columns.kernel


def windows_of(node: Node, size: tuple[int, int], kernel: tuple[int, int]) -> Windows:
    """The windows of a convolution or pool over `size` (h, w), from its stride, dilation and padding.

    TFLite's rules (kernels/padding.h): "same" has ceil(size / stride) windows and pads the smaller half first,
    "valid" has only windows that lie inside. ((top, bottom), (left, right)) says how many cells are padded; there are
    as many windows as lie inside the padded image.
    """
    stride, dilation = node.attr("stride"), node.op.attrs.get("dilation", (1, 1))
    paddings = _paddings(node)
    rows, columns = (_axis(node, *of_axis) for of_axis in zip(paddings, size, kernel, stride, dilation, strict=True))
    return Windows(rows, columns)


def _paddings(node: Node) -> tuple[AxisPadding, AxisPadding]:
    """The padding of rows and of columns."""
    padding = node.attr("padding")
    if padding in ("same", "valid"):
        return padding, padding
    try:
        (top, bottom), (left, right) = padding
        cells = tuple(int(n) for n in (top, bottom, left, right))
    except (TypeError, ValueError) as e:
        raise node.error(f"has padding {padding!r}; it is same, valid or ((top, bottom), (left, right))") from e
    node.require(all(0 <= n <= LARGEST_MARGIN for n in cells), f"pads by {cells}, which makes no sense")
    return cells[:2], cells[2:]


def _axis(node: Node, padding: AxisPadding, size: int, kernel: int, stride: int, dilation: int) -> Axis:
    node.require(min(size, kernel, stride, dilation) >= 1, "has an empty window, image, stride or dilation")
    extent = (kernel - 1) * dilation + 1
    if padding == "same":
        count = -(-size // stride)
        total = max((count - 1) * stride + extent - size, 0)
        node.require(total <= LARGEST_MARGIN, f"pads by {total}, more than makes sense")
        return Axis(size, kernel, stride, dilation, total // 2, count)
    before, after = (0, 0) if isinstance(padding, str) else (padding[0], padding[1])
    padded = before + size + after
    node.require(extent <= padded, f"has a window of {extent} over {padded} cells with their padding")
    return Axis(size, kernel, stride, dilation, before, (padded - extent) // stride + 1)


def strips(
    image_HWC: Array, windows: Windows, row_bytes: int, dtype: type[Any], zero_point: int = 0, outside: float = 0
) -> Iterator[tuple[slice, Array]]:
    """Consecutive runs of output rows, each with the padded input cells that its windows see.

    Yields (output rows, tile); a tile is `dtype` of shape (input rows, padded columns, channels), holding
    `image - zero_point` inside the image and `outside` around it. It is overwritten by the next strip. `row_bytes`
    is what the caller needs per output row; strips are as high as the cache allows.
    """
    rows, columns = windows.rows, windows.columns
    height, channels = image_HWC.shape[0], image_HWC.shape[2]
    width = columns.span(columns.count)
    per_row = row_bytes + rows.stride * width * channels * np.dtype(dtype).itemsize
    step = max(1, min(rows.count, CACHE_BYTES // max(per_row, 1)))
    tile = np.full((rows.span(step), width, channels), outside, dtype)
    inner = max(min(columns.size, width - columns.before), 0)
    for first in range(0, rows.count, step):
        last = min(first + step, rows.count)
        top = first * rows.stride - rows.before
        used = rows.span(last - first)
        low, high = min(max(top, 0), height), min(max(top + used, 0), height)
        filled = tile[max(low - top, 0) : max(high - top, 0), columns.before : columns.before + inner]
        tile[: low - top] = outside
        tile[max(high - top, 0) : used] = outside
        np.copyto(filled, image_HWC[low:high, :inner], casting="unsafe")
        if zero_point:
            np.subtract(filled, zero_point, out=filled)
        yield slice(first, last), tile[:used]


def patches(tile_HWC: Array, windows: Windows, count: int) -> Array:
    """A view (rows, columns, kernel h, kernel w, channels) of a tile: what `count` rows of windows see."""
    rows, columns = windows.rows, windows.columns
    s_row, s_column, s_channel = tile_HWC.strides
    shape = (count, columns.count, rows.kernel, columns.kernel, tile_HWC.shape[2])
    strides = (
        rows.stride * s_row,
        columns.stride * s_column,
        rows.dilation * s_row,
        columns.dilation * s_column,
        s_channel,
    )
    return as_strided(tile_HWC, shape, strides, writeable=False)
