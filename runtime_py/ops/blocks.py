"""`depth_to_space` and `space_to_depth`: channels to `block` x `block` pixels and back.

TFLite DEPTH_TO_SPACE, SPACE_TO_DEPTH: channel (i * block + j) * C + c is pixel (i, j) of its block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime_py.ops.node import Array, Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """Height and width times the block and channels through its square, or the reverse."""
    given, block = node.input(0).shape, int(node.attr("block"))
    node.require(len(given) == 4 and block > 0, f"needs rank 4 and a positive block, has {given} and {block}")
    n, h, w, c = given
    if node.op.kind == "depth_to_space":
        node.require(c % block**2 == 0, f"cannot spread {c} channels over blocks of {block}")
        return ((n, h * block, w * block, c // block**2),)
    node.require(h % block == 0 and w % block == 0, f"cannot cut {h} x {w} into blocks of {block}")
    return ((n, h // block, w // block, c * block**2),)


def bind(node: Node) -> Kernel:
    """A copy of any type; the grid must stay."""
    given, out, block = node.input(0), node.output, int(node.attr("block"))
    node.require(given.dtype == out.dtype, "changes the type of its values")
    if given.dtype == "int8":
        node.require(node.same_grid(given, out), "changes the scale or zero point of its values")
    (n, h, w, c) = given.shape
    to_space = node.op.kind == "depth_to_space"
    apart = (n, h, w, block, block, c // block**2) if to_space else (n, h // block, block, w // block, block, c)

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        return (np.ascontiguousarray(arrays[0].reshape(apart).swapaxes(2, 3)).reshape(out.shape),)

    return kernel
