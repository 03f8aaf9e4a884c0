"""`concat`: tensors one after another along `axis`. TFLite CONCATENATION, which only copies; ONNX Concat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.tables import look_up, unary_table

Grid = tuple[np.float32, int]


def shape(node: Node) -> tuple[Shape, ...]:
    """Sizes along the axis add up; all others must agree."""
    axis = _axis(node)
    shapes = [node.input(i).shape for i in range(len(node.inputs))]
    others = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
    node.require(len(others) == 1, f"cannot join the shapes {', '.join(map(str, shapes))} along axis {axis}")
    return ((*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :]),)


def bind(node: Node) -> Kernel:
    """A copy. Like LiteRT it refuses inputs on another grid than the output's, except as ONNX Runtime."""
    axis = _axis(node)
    tensors = [node.input(i) for i in range(len(node.inputs))]
    node.require(len(set(node.dtypes())) == 1, f"cannot join the types {', '.join(node.dtypes())}")
    node.require(node.op.attrs.get("activation", "none") == "none", "has a fused activation, which no kernel applies")
    if node.output.dtype == "int8" and node.dialect.name == "onnx-qdq":
        tables = [unary_table(_regridded(node.grid(t), node.grid(node.output))) for t in tensors]
        return lambda arrays: (np.concatenate([look_up(t, a) for t, a in zip(tables, arrays, strict=True)], axis),)
    if node.output.dtype in ("int8", "uint8"):
        node.require(
            node.same_grid(node.output, *tensors),
            "joins tensors whose scale or zero point differs from the output's: quantize them to it first",
        )
    return lambda arrays: (np.concatenate(arrays, axis=axis),)


def _regridded(given: Grid, out: Grid) -> Callable[[Array], Array]:
    """ONNX Runtime's QLinearConcat (qlinear_concat.cc): through float32, rounded half to even."""
    return lambda q: np.rint((q - given[1]).astype(np.float32) * given[0] / out[0]) + out[1]


def _axis(node: Node) -> int:
    rank = len(node.input(0).shape)
    axis = int(node.attr("axis"))
    node.require(-rank <= axis < rank, f"has axis {axis} for rank {rank}")
    node.require(all(len(node.input(i).shape) == rank for i in range(len(node.inputs))), "joins tensors of unlike rank")
    return axis % rank
