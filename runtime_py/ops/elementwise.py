"""Plain functions of float32 values, one by one or of two that broadcast; the same in every dialect.

Vendors' kernels approximate the transcendental ones to a few units in the last place; here they are rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from runtime_py.ops import elementwise_int8
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.sums import broadcast_shape

Function = Callable[[Array], Array]


def unary_shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind_unary(node: Node) -> Kernel:
    """float32 through float64; int8 as LiteRT's own kernels."""
    function = UNARY[node.op.kind](node)
    if node.dtypes() == ("int8", "int8"):
        special = elementwise_int8.UNARY.get(node.op.kind)
        return special(node) if special else elementwise_int8.tabulated(node, function)
    if node.dtypes() != ("float32", "float32"):
        raise node.unsupported()
    return lambda arrays: (function(arrays[0].astype(np.float64)).astype(np.float32),)


def binary_shape(node: Node) -> tuple[Shape, ...]:
    """The shape to which the inputs broadcast."""
    return (broadcast_shape(node),)


def bind_binary(node: Node) -> Kernel:
    """Any one type plainly, which for extrema of int8 leaves grids out of account as LiteRT does."""
    kinds, function = set(node.dtypes()), BINARY[node.op.kind]
    if kinds == {"int8"} and node.op.kind == "squared_difference":
        return elementwise_int8.bind_binary(node, elementwise_int8.squared_difference)
    if len(kinds) != 1 or "bool" in kinds:
        raise node.unsupported()
    return lambda arrays: (function(arrays[0], arrays[1]),)


def _elu(node: Node) -> Function:
    alpha = float(node.attr("alpha"))
    return lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _gelu(x: Array) -> Array:
    """x times the standard normal distribution up to x."""
    scaled: Array = 0.5 * x * (1 + _error_function(x / math.sqrt(2)))
    return scaled


def _error_function(x: Array) -> Array:
    # numpy has none, and scipy is not a dependency.
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), np.float64)


def _thresholded_relu(node: Node) -> Function:
    """x, or 0 below the threshold. Source: MIL `thresholded_relu`."""
    threshold = float(node.attr("threshold"))
    return lambda x: np.where(x >= threshold, x, 0)


def _plain(function: Function) -> Callable[[Node], Function]:
    return lambda node: function


UNARY: Mapping[str, Callable[[Node], Function]] = {
    "absolute": _plain(np.abs),
    "ceiling": _plain(np.ceil),
    "cosine": _plain(np.cos),
    "elu": _elu,
    "exponential": _plain(np.exp),
    "floor": _plain(np.floor),
    "gelu": _plain(_gelu),
    "logarithm": _plain(np.log),
    "negate": _plain(np.negative),
    "reciprocal_square_root": _plain(lambda x: 1 / np.sqrt(x)),
    "round": _plain(np.rint),
    "sine": _plain(np.sin),
    "square": _plain(np.square),
    "square_root": _plain(np.sqrt),
    "thresholded_relu": _thresholded_relu,
}
"""Functions of one value, by kind."""

BINARY: Mapping[str, Callable[[Array, Array], Array]] = {
    "maximum": np.maximum,
    "minimum": np.minimum,
    "squared_difference": lambda a, b: (a - b) ** 2,
}
"""Functions of two values, by kind."""
