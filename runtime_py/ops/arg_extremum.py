"""`arg_max` and `arg_min`: where the largest or smallest value lies along `axis`. TFLite ARG_MAX, ARG_MIN."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape without the axis."""
    given, axis = node.input(0).shape, _axis(node)
    return ((*given[:axis], *given[axis + 1 :]),)


def bind(node: Node) -> Kernel:
    """The first of equal values, as int32 or int64."""
    axis, dtype = _axis(node), node.output.dtype
    node.require(dtype in ("int32", "int64"), f"gives {dtype}, not an integer")
    node.require(node.input(0).shape[axis] > 0, "chooses among nothing")
    find = np.argmax if node.op.kind == "arg_max" else np.argmin
    return lambda arrays: (np.asarray(find(arrays[0], axis=axis)).astype(dtype),)


def _axis(node: Node) -> int:
    rank, axis = len(node.input(0).shape), int(node.attr("axis"))
    node.require(-rank <= axis < rank, f"has axis {axis} for rank {rank}")
    return axis % rank
