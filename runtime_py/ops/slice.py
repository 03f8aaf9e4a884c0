"""`slice`: `size` cells from `begin` along each axis, -1 for all that follow. TFLite SLICE."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The sizes, which must lie inside the input."""
    return (tuple(stop - start for start, stop in _bounds(node)),)


def bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    given, out = node.input(0), node.output
    node.require(given.dtype == out.dtype, "changes the type of its values")
    if given.dtype == "int8":
        node.require(node.same_grid(given, out), "changes the scale or zero point of its values")
    cut = tuple(slice(start, stop) for start, stop in _bounds(node))
    return lambda arrays: (np.ascontiguousarray(arrays[0][cut]),)


def _bounds(node: Node) -> list[tuple[int, int]]:
    given, begin, size = node.input(0).shape, node.attr("begin"), node.attr("size")
    node.require(len(given) == len(begin) == len(size), f"has begin {begin} and size {size} for {given}")
    bounds = [(b, n if s == -1 else b + s) for n, b, s in zip(given, begin, size, strict=True)]
    node.require(
        all(0 <= b <= stop <= n for n, (b, stop) in zip(given, bounds, strict=True)),
        f"cuts from {begin} sizes {size} out of {given}",
    )
    return bounds
