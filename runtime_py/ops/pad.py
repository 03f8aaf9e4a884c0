"""`pad`: `value` (0 by default) around a tensor, `paddings` (before, after) cells for each axis. TFLite PAD.

With `mode` "reflect" or "edge" the tensor's own cells, mirrored without its edge or the edge repeated, instead.
"""

from __future__ import annotations

import numpy as np

from runtime_py.arithmetic import INT8_MAX, INT8_MIN
from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """Each size grown by its paddings."""
    given, paddings = node.input(0).shape, node.attr("paddings")
    node.require(len(given) == len(paddings), f"has {len(paddings)} paddings for rank {len(given)}")
    return (tuple(before + n + after for n, (before, after) in zip(given, paddings, strict=True)),)


def bind(node: Node) -> Kernel:
    """int8 is padded with what stands for the value on its grid (the zero point for 0); other types with the value."""
    given = node.input(0)
    node.require(given.dtype == node.output.dtype, "changes the type of its values")
    fill = value = node.op.attrs.get("value", 0)
    if given.dtype == "int8":
        node.require(node.same_grid(given, node.output), "changes the scale or zero point of its values")
        scale, zero_point = node.grid(given)
        fill = int(np.clip(np.rint(np.float32(value) / scale) + zero_point, INT8_MIN, INT8_MAX))
    paddings, mode = node.attr("paddings"), node.op.attrs.get("mode", "constant")
    if mode == "constant":
        return lambda arrays: (np.pad(arrays[0], paddings, constant_values=fill),)
    node.require(mode in ("reflect", "edge"), f"pads by '{mode}'; known are constant, reflect and edge")
    most = [n - 1 if mode == "reflect" else n for n in given.shape]
    fits = all(max(pair) <= most_here for pair, most_here in zip(paddings, most, strict=True))
    node.require(fits, f"pads {given.shape} by {paddings} of its own cells")
    return lambda arrays: (np.pad(arrays[0], paddings, mode=mode),)
