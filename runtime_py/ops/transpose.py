"""`transpose`: axes in the order `permutation`. TFLite TRANSPOSE."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's sizes in the new order."""
    given, order = node.input(0).shape, tuple(node.attr("permutation"))
    node.require(sorted(order) == list(range(len(given))), f"has permutation {order} for rank {len(given)}")
    return (tuple(given[axis] for axis in order),)


def bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    given, out = node.input(0), node.output
    node.require(given.dtype == out.dtype, "changes the type of its values")
    if given.dtype == "int8":
        node.require(node.same_grid(given, out), "changes the scale or zero point of its values")
    order = tuple(node.attr("permutation"))
    return lambda arrays: (np.ascontiguousarray(arrays[0].transpose(order)),)
