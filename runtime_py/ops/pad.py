"""`pad`: zeros around a tensor, `paddings` (before, after) cells for each axis. TFLite PAD."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """Each size grown by its paddings."""
    given, paddings = node.input(0).shape, node.attr("paddings")
    node.require(len(given) == len(paddings), f"has {len(paddings)} paddings for rank {len(given)}")
    return (tuple(before + n + after for n, (before, after) in zip(given, paddings, strict=True)),)


def bind(node: Node) -> Kernel:
    """int8 is padded with the zero point, which stands for 0; other types with 0."""
    given = node.input(0)
    node.require(given.dtype == node.output.dtype, "changes the type of its values")
    fill = 0
    if given.dtype == "int8":
        node.require(node.same_grid(given, node.output), "changes the scale or zero point of its values")
        fill = node.grid(given)[1]
    paddings = node.attr("paddings")
    return lambda arrays: (np.pad(arrays[0], paddings, constant_values=fill),)
