"""`strided_slice`: cells `begin` to `end` (exclusive) with a step along each axis. TFLite STRIDED_SLICE.

Negative positions count from the end. A set bit in `begin_mask` or `end_mask` means from or to the edge, in
`shrink_mask` a single cell whose axis vanishes.
"""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """Numbers of cells taken, without the vanished axes."""
    given, shrunk = node.input(0).shape, int(node.attr("shrink_mask"))
    counts = [len(range(n)[cut]) for n, cut in zip(given, _cuts(node), strict=True)]
    return (tuple(n for axis, n in enumerate(counts) if not shrunk >> axis & 1),)


def bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    given, out = node.input(0), node.output
    node.require(given.dtype == out.dtype, "changes the type of its values")
    if given.dtype == "int8":
        node.require(node.same_grid(given, out), "changes the scale or zero point of its values")
    cuts = _cuts(node)
    return lambda arrays: (np.ascontiguousarray(arrays[0][cuts]).reshape(out.shape),)


def _cuts(node: Node) -> tuple[slice, ...]:
    given = node.input(0).shape
    begin, end, stride = node.attr("begin"), node.attr("end"), node.attr("stride")
    node.require(len(begin) == len(end) == len(stride) <= len(given), f"has {begin}, {end}, {stride} for {given}")
    node.require(0 not in stride, "has a stride of 0")
    masks = [int(node.attr(name)) for name in ("begin_mask", "end_mask", "shrink_mask")]
    cuts = []
    for axis, (n, first, last, step) in enumerate(zip(given, begin, end, stride, strict=False)):
        free_begin, free_end, shrink = (bool(mask >> axis & 1) for mask in masks)
        if shrink:
            node.require(-n <= first < n, f"takes cell {first} of {n}")
            cuts.append(slice(first % n, first % n + 1))
        else:
            cuts.append(slice(None if free_begin else first, None if free_end else last, step))
    return (*cuts, *(slice(None) for _ in given[len(cuts) :]))
