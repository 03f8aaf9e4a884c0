"""`reshape`: the same values under the output's shape. TFLite RESHAPE, also SQUEEZE and EXPAND_DIMS."""

from __future__ import annotations

import math

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The declared shape, when it holds as many values as the input."""
    given, declared = node.input(0).shape, node.output.shape
    node.require(math.prod(given) == math.prod(declared), f"cannot give {given} the shape {declared}")
    return (declared,)


def bind(node: Node) -> Kernel:
    """A copy of any type; the grid must not change."""
    declared = node.output.shape
    node.require(node.input(0).dtype == node.output.dtype, "changes the type of its values")
    if node.output.dtype == "int8" and node.output.quant is not None:
        node.require(node.same_grid(node.input(0), node.output), "changes the scale or zero point of its values")
    return lambda arrays: (arrays[0].reshape(declared),)
