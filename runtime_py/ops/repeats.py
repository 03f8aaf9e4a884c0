"""Operations that copy values to other places: `broadcast_to`, `tile`, `reverse` along `axes`, `mirror_pad`, `gather`.

`gather` picks slices of input 0 along `axis` by the integers of input 1. TFLite BROADCAST_TO, TILE, REVERSE_V2,
MIRROR_PAD, GATHER.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime_py.ops.node import Array, Kernel, Node, Shape


def broadcast_shape(node: Node) -> tuple[Shape, ...]:
    """The attribute `shape`, to which the input's must fit."""
    given, wanted = node.input(0).shape, tuple(node.attr("shape"))
    try:
        fits = np.broadcast_shapes(given, wanted) == wanted
    except ValueError:
        fits = False
    node.require(fits, f"cannot broadcast {given} to {wanted}")
    return (wanted,)


def broadcast_bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    _require_copy(node)
    wanted = node.output.shape
    return lambda arrays: (np.ascontiguousarray(np.broadcast_to(arrays[0], wanted)),)


def tile_shape(node: Node) -> tuple[Shape, ...]:
    """Each size times its repetitions."""
    given, repeats = node.input(0).shape, tuple(node.attr("repeats"))
    node.require(len(given) == len(repeats) and min(repeats, default=0) >= 0, f"repeats {given} {repeats} times")
    return (tuple(n * times for n, times in zip(given, repeats, strict=True)),)


def tile_bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    _require_copy(node)
    repeats = tuple(node.attr("repeats"))
    return lambda arrays: (np.tile(arrays[0], repeats),)


def reverse_shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def reverse_bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    _require_copy(node)
    rank, axes = len(node.input(0).shape), tuple(node.attr("axes"))
    node.require(all(-rank <= a < rank for a in axes), f"reverses axes {axes} of rank {rank}")
    once = tuple({a % rank for a in axes})
    return lambda arrays: (np.ascontiguousarray(np.flip(arrays[0], once)),)


def mirror_shape(node: Node) -> tuple[Shape, ...]:
    """Each size grown by its paddings, which are no longer than what can be mirrored."""
    given, paddings = node.input(0).shape, node.attr("paddings")
    node.require(len(given) == len(paddings), f"has {len(paddings)} paddings for rank {len(given)}")
    spare = 1 if node.attr("mode") == "reflect" else 0
    for n, pair in zip(given, paddings, strict=True):
        node.require(max(pair) <= n - spare, f"mirrors {max(pair)} cells of {n}")
    return (tuple(before + n + after for n, (before, after) in zip(given, paddings, strict=True)),)


def mirror_bind(node: Node) -> Kernel:
    """ "reflect" leaves the edge out, "symmetric" repeats it; a copy of any type; the grid must stay."""
    _require_copy(node)
    paddings, mode = node.attr("paddings"), node.attr("mode")
    node.require(mode in ("reflect", "symmetric"), f"has the mode '{mode}'")
    return lambda arrays: (np.pad(arrays[0], paddings, mode=mode),)


def gather_shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape with the indices' in the place of the axis."""
    given, indices, axis = node.input(0).shape, node.input(1).shape, _axis(node)
    return ((*given[:axis], *indices, *given[axis + 1 :]),)


def gather_bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay. An index out of range is an ArtifactError, also while running."""
    _require_copy(node)
    axis = _axis(node)
    size = node.input(0).shape[axis]
    node.require(node.input(1).dtype in ("int32", "int64"), "has indices that are no integers")

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        indices = arrays[1]
        if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= size):
            raise node.error(f"picks slice {int(indices.min())} to {int(indices.max())} of {size}")
        return (np.take(arrays[0], indices, axis),)

    return kernel


def _axis(node: Node) -> int:
    rank, axis = len(node.input(0).shape), int(node.attr("axis"))
    node.require(-rank <= axis < rank, f"has axis {axis} for rank {rank}")
    return axis % rank


def _require_copy(node: Node) -> None:
    given, out = node.input(0), node.output
    node.require(given.dtype == out.dtype, "changes the type of its values")
    node.require(given.dtype != "int8" or node.same_grid(given, out), "changes the grid of its values")
