"""`split`: a tensor cut into `count` equal parts along `axis`. TFLite SPLIT."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """As many equal shapes as there are parts."""
    given, count = node.input(0).shape, int(node.attr("count"))
    axis = _axis(node)
    node.require(count == len(node.outputs) and given[axis] % count == 0, f"cannot cut {given[axis]} into {count}")
    return ((*given[:axis], given[axis] // count, *given[axis + 1 :]),) * count


def bind(node: Node) -> Kernel:
    """Copies of any type; the grid must stay."""
    axis, count = _axis(node), len(node.outputs)
    node.require(len(set(node.dtypes())) == 1, "changes the type of its values")
    if node.output.dtype == "int8":
        node.require(node.same_grid(node.input(0), *node.outputs), "changes the scale or zero point of its values")
    return lambda arrays: tuple(np.ascontiguousarray(part) for part in np.split(arrays[0], count, axis))


def _axis(node: Node) -> int:
    rank, axis = len(node.input(0).shape), int(node.attr("axis"))
    node.require(-rank <= axis < rank and node.attr("count") > 0, f"has axis {axis} for rank {rank}")
    return axis % rank
