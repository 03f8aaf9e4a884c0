"""What an operation takes, estimated from shapes alone, before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runtime_py.ops.node import Node
from runtime_py.program import Tensor

WEIGHT = 8
"""Bytes of a prepared weight: float64 at worst."""

LOOSE = 16
"""Bytes of intermediate values that a pointwise operation holds for each value of its outputs."""


@dataclass(frozen=True)
class Cost:
    """`operations` is in multiply-accumulates of a matrix product, the cheapest thing there is (about 0.05 ns).

    `kept` bytes stay as long as the program (prepared weights and tables), `workspace` bytes last one step.
    """

    operations: int
    kept: int = 0
    workspace: int = 0


def values(tensors: Sequence[Tensor | None]) -> int:
    """How many values tensors have in all."""
    return sum(math.prod(t.shape) for t in tensors if t is not None)


def pointwise(node: Node) -> Cost:
    """A few passes over inputs and outputs; the assumption where nothing else is said."""
    return per_value(node, 80, LOOSE)


def table_of_two(node: Node) -> Cost:
    """As `pointwise`, after a table of 65,536 entries for int8."""
    plain = pointwise(node)
    if node.output.dtype != "int8":
        return plain
    return Cost(plain.operations + TABLE_OF_TWO, kept=1 << 16, workspace=plain.workspace)


def per_value(node: Node, operations: int, workspace: int) -> Cost:
    """So many operations, and bytes at a time, for each value of inputs and outputs."""
    touched = values(node.inputs) + values(node.outputs)
    return Cost(OVERHEAD + touched * operations, workspace=touched * workspace)


def slow(node: Node) -> Cost:
    """Some hundred passes in 64 bits: fixed-point exponentials."""
    return per_value(node, 8000, 160)


def transcendental(node: Node) -> Cost:
    """A function of float64 values."""
    return per_value(node, 4000 if node.op.kind == "gelu" else 240, 64)


def resampled(node: Node) -> Cost:
    """Two passes of interpolation in 32 bits, the first over the input's rows."""
    given, out = node.input(0).shape, node.output.shape
    between = given[0] * given[1] * out[2] * given[3]
    both = between + math.prod(out) + math.prod(given)
    return Cost(OVERHEAD + both * 320, workspace=both * 16)


def pooled(node: Node) -> Cost:
    """One pass over the output for each tap of the window."""
    window = node.attr("window")
    return Cost(
        OVERHEAD + math.prod(node.output.shape) * (math.prod(window) * 40 + 600),
        kept=math.prod(node.output.shape[1:3]) * WEIGHT,
        workspace=math.prod(node.output.shape) * 24 + _strip(node, node.output.shape[3]),
    )


def matrix_product(node: Node) -> Cost:
    """Rows of the first input times a matrix."""
    weights = node.input(1).shape
    inputs, outputs = values(node.inputs[:1]), values(node.outputs)
    return Cost(
        OVERHEAD + outputs * weights[-1] + 80 * inputs + 800 * outputs + 40 * math.prod(weights),
        kept=math.prod(weights) * WEIGHT,
        workspace=(2 * inputs + 4 * outputs) * WEIGHT,
    )


def batched_product(node: Node) -> Cost:
    """Every row of the first input times every column of the second."""
    depth = node.input(0).shape[-2 if node.attr("turn_first") else -1]
    touched = values(node.inputs) + values(node.outputs)
    return Cost(OVERHEAD + values(node.outputs) * depth * 2 + touched * 80, workspace=touched * 16)


def convolution(node: Node) -> Cost:
    """Windows copied into a matrix; groups are done with zeros for weights."""
    given, weights, out = node.input(0).shape, node.input(1).shape, node.output.shape
    taps, read = weights[1] * weights[2], math.prod(given)
    depth = taps * given[3]
    pixels = math.prod(out[:3])
    return Cost(
        OVERHEAD + pixels * (depth * out[3] + 16 * depth + taps * 60 + 200 * out[3]) + 40 * depth * out[3] + 80 * read,
        kept=depth * out[3] * WEIGHT + 4 * out[2] * out[3] * WEIGHT,
        workspace=2 * depth * out[3] + _quantised(node) + _strip(node, depth + 2 * out[3]),
    )


def depthwise(node: Node) -> Cost:
    """Each tap is a product and a sum over the whole output."""
    taps, out = math.prod(node.input(1).shape[1:3]), node.output.shape
    row = out[2] * out[3]
    return Cost(
        OVERHEAD + math.prod(out) * (taps * 12 + 160) + 80 * values(node.inputs[:1]),
        kept=(taps + 4) * row * WEIGHT,
        workspace=2 * math.prod(out) + _quantised(node) + _strip(node, (1 + taps) * out[3]),
    )


def transposed(node: Node) -> Cost:
    """An ordinary convolution whose channels are blocks of pixels."""
    weights, out = node.input(1).shape, node.output.shape
    stride, dilation = node.attr("stride"), node.op.attrs.get("dilation", (1, 1))
    extents = [(k - 1) * d + 1 for k, d in zip(weights[1:3], dilation, strict=True)]
    seen = math.prod(-(-e // s) for e, s in zip(extents, stride, strict=True))
    depth = seen * node.input(0).shape[3]
    spread = depth * math.prod(stride) * out[3]
    blocks = out[0] * math.prod(-(-n // s) + 1 for n, s in zip(out[1:3], stride, strict=True))
    filters = math.prod(stride) * out[3]
    one_by_one = node.dialect.name == "litert-reference" and node.input(0).dtype != node.input(1).dtype
    each = 40 if one_by_one else 1
    return Cost(
        OVERHEAD + blocks * (each * depth * filters + 20 * depth + 200 * filters) + 40 * spread,
        kept=spread * WEIGHT + 4 * out[2] * out[3] * WEIGHT,
        workspace=3 * spread + 3 * blocks * filters * 4 + _quantised(node) + _strip(node, depth + 2 * filters),
    )


def _quantised(node: Node) -> int:
    """What hybrid operations hold to quantise their images."""
    return 20 * values(node.inputs[:1]) if node.input(0).dtype != node.input(1).dtype else 0


def _strip(node: Node, per_column: int) -> int:
    """Rows cut out of an image: as many as fit the cache, but at least one output row and what it sees."""
    given, out = node.input(0).shape, node.output.shape
    kernel = node.input(1).shape[1] if len(node.inputs) > 1 else int(node.attr("window")[0])
    rows = kernel * int(node.op.attrs.get("dilation", (1, 1))[0])
    widest = 2 * max(given[2], out[2] * int(node.attr("stride")[1]))
    return (1 << 22) + out[2] * per_column * WEIGHT + rows * widest * max(given[3], out[3]) * WEIGHT


OVERHEAD = 1_000_000
"""Of any operation: about 50 µs of Python."""

TABLE_OF_TWO = 60_000_000
"""3 ms for 65,536 entries in 64-bit integers."""
