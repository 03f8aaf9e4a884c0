"""`stack` joins tensors along a new `axis`, `unstack` cuts one along it away. TFLite PACK, UNPACK."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def stack_shape(node: Node) -> tuple[Shape, ...]:
    """The inputs' one shape with their number inserted."""
    shapes = {node.input(i).shape for i in range(len(node.inputs))}
    node.require(len(shapes) == 1, f"cannot stack the shapes {', '.join(map(str, shapes))}")
    (given,) = shapes
    axis = _axis(node, len(given) + 1)
    return ((*given[:axis], len(node.inputs), *given[axis:]),)


def stack_bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    axis = _axis(node, len(node.output.shape))
    _require_copies(node)
    return lambda arrays: (np.stack(arrays, axis),)


def unstack_shape(node: Node) -> tuple[Shape, ...]:
    """As many times the input's shape without the axis as it is long."""
    given = node.input(0).shape
    axis = _axis(node, len(given))
    node.require(given[axis] == len(node.outputs), f"has {len(node.outputs)} outputs for {given[axis]} slices")
    return ((*given[:axis], *given[axis + 1 :]),) * given[axis]


def unstack_bind(node: Node) -> Kernel:
    """Copies of any type; the grid must stay."""
    axis = _axis(node, len(node.input(0).shape))
    _require_copies(node)
    return lambda arrays: tuple(np.ascontiguousarray(np.moveaxis(arrays[0], axis, 0)))


def _require_copies(node: Node) -> None:
    tensors = [*(node.input(i) for i in range(len(node.inputs))), *node.outputs]
    node.require(len({t.dtype for t in tensors}) == 1, "changes the type of its values")
    node.require(tensors[0].dtype != "int8" or node.same_grid(*tensors), "changes the grid of its values")


def _axis(node: Node, rank: int) -> int:
    axis = int(node.attr("axis"))
    node.require(-rank <= axis < rank, f"has axis {axis} for rank {rank}")
    return axis % rank
