"""`batch_matmul`: matrices times matrices, either turned by `turn_first` or `turn_second`. TFLite BATCH_MATMUL."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime_py.arithmetic import INT8_MAX, INT8_MIN
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.requantize import SumGrid, reference_requantizer


def shape(node: Node) -> tuple[Shape, ...]:
    """(..., rows of the first, columns of the second); what stands before broadcasts."""
    first, second = _turned(node, 0), _turned(node, 1)
    node.require(first[-1] == second[-2] and first[-1] > 0, f"cannot multiply {first} by {second}")
    try:
        batch = np.broadcast_shapes(first[:-2], second[:-2])
    except ValueError as e:
        raise node.error(f"cannot combine the batches of {first} and {second}") from e
    return ((*batch, first[-2], second[-1]),)


def bind(node: Node) -> Kernel:
    """float32 plainly; int8 by exact sums and the dialect's requantisation."""
    turns = bool(node.attr("turn_first")), bool(node.attr("turn_second"))
    match node.dtypes():
        case "float32", "float32", "float32":
            return lambda arrays: (np.matmul(*_operands(arrays, turns)),)
        case "int8", "int8", "int8":
            (first, zero_a), (second, zero_b) = node.grid(node.input(0)), node.grid(node.input(1))
            out_scale, out_zero = node.grid(node.output)
            limits = (INT8_MIN, INT8_MAX)
            grid = SumGrid(first, np.array([second], np.float32), out_scale, out_zero, limits, node.output.shape[-1])
            # XNNPACK takes a second operand only where its zero point is 0; LiteRT's own kernel does the rest.
            requantize = (reference_requantizer if zero_b else node.dialect.requantizer)(grid)

            def kernel(arrays: Sequence[Array]) -> tuple[Array]:
                a, b = _operands(arrays, turns)
                sums = np.matmul(a.astype(np.float64) - zero_a, b.astype(np.float64) - zero_b)
                out = np.empty(sums.shape, np.int8)
                requantize(sums.reshape(-1, sums.shape[-1]), out.reshape(-1, sums.shape[-1]))
                return (out,)

            return kernel
        case _:
            raise node.unsupported()


def _operands(arrays: Sequence[Array], turns: tuple[bool, bool]) -> tuple[Array, Array]:
    first, second = (np.swapaxes(a, -1, -2) if turn else a for a, turn in zip(arrays, turns, strict=True))
    return first, second


def _turned(node: Node, position: int) -> Shape:
    given = node.input(position).shape
    node.require(len(given) >= 2, f"multiplies something of shape {given}")
    turn = node.attr("turn_second" if position else "turn_first")
    return (*given[:-2], given[-1], given[-2]) if turn else given
