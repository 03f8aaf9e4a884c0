"""`split`: a tensor cut into `count` parts along `axis`, equal or of `sizes` (one may be -1). TFLite SPLIT, SPLIT_V."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """One shape for each part."""
    given, axis = node.input(0).shape, _axis(node)
    return tuple((*given[:axis], n, *given[axis + 1 :]) for n in _sizes(node))


def bind(node: Node) -> Kernel:
    """Copies of any type; the grid must stay."""
    axis, cuts = _axis(node), np.cumsum(_sizes(node))[:-1].tolist()
    node.require(len(set(node.dtypes())) == 1, "changes the type of its values")
    if node.output.dtype == "int8":
        node.require(node.same_grid(node.input(0), *node.outputs), "changes the scale or zero point of its values")
    return lambda arrays: tuple(np.ascontiguousarray(part) for part in np.split(arrays[0], cuts, axis))


def _sizes(node: Node) -> tuple[int, ...]:
    """Lengths of the parts along the axis."""
    whole, count = node.input(0).shape[_axis(node)], int(node.attr("count"))
    sizes = node.op.attrs.get("sizes")
    if sizes is None:
        node.require(count == len(node.outputs) and whole % count == 0, f"cannot cut {whole} into {count}")
        sizes = (whole // count,) * count
    rest = whole - sum(n for n in sizes if n >= 0)
    sizes = tuple(rest if n == -1 else n for n in sizes)
    node.require(len(sizes) == len(node.outputs), f"has {len(node.outputs)} outputs for {len(sizes)} parts")
    node.require(min(sizes) >= 0 and sum(sizes) == whole, f"cannot cut {whole} into {sizes}")
    return sizes


def _axis(node: Node) -> int:
    rank, axis = len(node.input(0).shape), int(node.attr("axis"))
    node.require(-rank <= axis < rank and node.attr("count") > 0, f"has axis {axis} for rank {rank}")
    return axis % rank
