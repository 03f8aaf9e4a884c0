"""`resize_nearest`: each output sample is the nearest input sample. TFLite RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

import numpy as np

from runtime_py.arithmetic import round_half_away
from runtime_py.ops.node import Array, Kernel, Node


def bind(node: Node) -> Kernel:
    """A copy of any type, the same in every dialect; the grid must stay."""
    given, out = node.input(0), node.output
    node.require(given.dtype == out.dtype, "changes the type of its values")
    if given.dtype == "int8":
        node.require(node.same_grid(given, out), "changes the scale or zero point of its values")
    rows, columns = (
        _nearest(given.shape[i], out.shape[i], node.attr("align_corners"), node.attr("half_pixel_centers"))
        for i in (1, 2)
    )
    return lambda arrays: (np.take(np.take(arrays[0], rows, 1), columns, 2),)


def _nearest(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """TFLite `GetNearestNeighbor`, in float32."""
    scale = np.float32(size) / np.float32(out)
    if align_corners and out > 1:
        scale = np.float32(size - 1) / np.float32(out - 1)
    position = (np.arange(out, dtype=np.float32) + np.float32(0.5 if half_pixel_centers else 0)) * scale
    index = round_half_away(position) if align_corners else np.floor(position)
    return np.clip(index.astype(np.intp), 0, size - 1)
