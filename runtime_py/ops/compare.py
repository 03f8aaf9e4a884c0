"""`greater`, `less`, `equal` and their sisters, which give booleans, and what is done with booleans.

`select` takes, where input 0 is true, input 1, elsewhere input 2; all three broadcast. TFLite GREATER, SELECT_V2, ….
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from runtime_py.ops.elementwise_int8 import compared
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.sums import broadcast_shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The shape to which both inputs broadcast."""
    return (broadcast_shape(node),)


def bind(node: Node) -> Kernel:
    """Of two values of one type; int8 values are compared by what they stand for."""
    first, second = node.input(0), node.input(1)
    node.require(node.output.dtype == "bool", "must give booleans")
    node.require(first.dtype == second.dtype, "compares unlike types")
    function = COMPARISONS[node.op.kind]
    if first.dtype == "int8":
        return compared(node, function)
    return lambda arrays: (np.asarray(function(arrays[0], arrays[1])),)


def logical_bind(node: Node) -> Kernel:
    """Of two booleans."""
    node.require(set(node.dtypes()) == {"bool"}, "combines other types than booleans")
    function = LOGIC[node.op.kind]
    return lambda arrays: (np.asarray(function(arrays[0], arrays[1])),)


def not_shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def not_bind(node: Node) -> Kernel:
    """Of one boolean."""
    node.require(set(node.dtypes()) == {"bool"}, "negates another type than a boolean")
    return lambda arrays: (np.logical_not(arrays[0]),)


def select_shape(node: Node) -> tuple[Shape, ...]:
    """The shape to which all three inputs broadcast."""
    shapes = [node.input(i).shape for i in range(3)]
    try:
        return (tuple(int(n) for n in np.broadcast_shapes(*shapes)),)
    except ValueError as e:
        raise node.error(f"cannot combine the shapes {', '.join(map(str, shapes))}") from e


def select_bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    chosen, other, out = node.input(1), node.input(2), node.output
    node.require(node.input(0).dtype == "bool", "chooses by another type than a boolean")
    node.require(chosen.dtype == other.dtype == out.dtype, "changes the type of its values")
    node.require(out.dtype != "int8" or node.same_grid(out, chosen, other), "changes the grid of its values")
    return lambda arrays: (np.where(arrays[0], arrays[1], arrays[2]),)


COMPARISONS: Mapping[str, Callable[[Array, Array], Array]] = {
    "equal": np.equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "not_equal": np.not_equal,
}

LOGIC: Mapping[str, Callable[[Array, Array], Array]] = {
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
}
