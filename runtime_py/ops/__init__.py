"""The table of operations; `check`, which finds an operation's shapes right, and `bind`, which makes it ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runtime_py.dialects import Dialect
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.ops import (
    add,
    arg_extremum,
    average_pool2d,
    batch_matmul,
    blocks,
    cast,
    clamp,
    compare,
    concat,
    conv2d,
    cost,
    depthwise_conv2d,
    dequantize,
    div,
    elementwise,
    fully_connected,
    half,
    hard_sigmoid,
    hard_swish,
    leaky_relu,
    max_pool2d,
    mean,
    mul,
    pad,
    prelu,
    quantize,
    reduce,
    relu,
    repeats,
    reshape,
    resize,
    resize_bilinear,
    resize_nearest,
    sigmoids,
    slice,
    softmax,
    split,
    stack,
    strided_slice,
    sub,
    transpose,
    transpose_conv2d,
)
from runtime_py.ops.cost import Cost
from runtime_py.ops.node import Kernel, Node
from runtime_py.ops.rule import Rule
from runtime_py.program import Op, Tensor

ONE, TWO, WEIGHTED, MANY = range(1, 2), range(2, 3), range(2, 4), range(1, 1 << 16)

OPS: Mapping[str, Rule] = {
    "add": Rule(TWO, add.shape, add.bind, cost.table_of_two),
    "arg_max": Rule(ONE, arg_extremum.shape, arg_extremum.bind),
    "arg_min": Rule(ONE, arg_extremum.shape, arg_extremum.bind),
    "average_pool2d": Rule(ONE, max_pool2d.shape, average_pool2d.bind, cost.pooled),
    "batch_matmul": Rule(TWO, batch_matmul.shape, batch_matmul.bind, cost.batched_product),
    "broadcast_to": Rule(ONE, repeats.broadcast_shape, repeats.broadcast_bind),
    "cast": Rule(ONE, cast.shape, cast.bind),
    "clamp": Rule(ONE, clamp.shape, clamp.bind),
    "concat": Rule(MANY, concat.shape, concat.bind),
    "conv2d": Rule(WEIGHTED, conv2d.shape, conv2d.bind, cost.convolution),
    "depth_to_space": Rule(ONE, blocks.shape, blocks.bind),
    "depthwise_conv2d": Rule(WEIGHTED, depthwise_conv2d.shape, depthwise_conv2d.bind, cost.depthwise),
    "dequantize": Rule(ONE, dequantize.shape, dequantize.bind),
    "div": Rule(TWO, div.shape, div.bind, cost.table_of_two),
    "fully_connected": Rule(WEIGHTED, fully_connected.shape, fully_connected.bind, cost.matrix_product),
    "gather": Rule(TWO, repeats.gather_shape, repeats.gather_bind),
    "hard_sigmoid": Rule(ONE, hard_sigmoid.shape, hard_sigmoid.bind),
    "hard_swish": Rule(ONE, hard_swish.shape, hard_swish.bind),
    "leaky_relu": Rule(ONE, leaky_relu.shape, leaky_relu.bind),
    "log_softmax": Rule(ONE, softmax.shape, softmax.bind_log, cost.slow),
    "logical_not": Rule(ONE, compare.not_shape, compare.not_bind),
    "logistic": Rule(ONE, sigmoids.shape, sigmoids.bind),
    "max_pool2d": Rule(ONE, max_pool2d.shape, max_pool2d.bind, cost.pooled),
    "mean": Rule(ONE, mean.shape, mean.bind),
    "mirror_pad": Rule(ONE, repeats.mirror_shape, repeats.mirror_bind),
    "mul": Rule(TWO, mul.shape, mul.bind, cost.table_of_two),
    "pad": Rule(ONE, pad.shape, pad.bind),
    "prelu": Rule(TWO, prelu.shape, prelu.bind, cost.table_of_two),
    "quantize": Rule(ONE, quantize.shape, quantize.bind),
    "reduce_max": Rule(ONE, reduce.shape, reduce.bind),
    "reduce_min": Rule(ONE, reduce.shape, reduce.bind),
    "relu": Rule(ONE, relu.shape, relu.bind),
    "relu6": Rule(ONE, relu.shape, relu.bind),
    "relu_0_to_1": Rule(ONE, relu.shape, relu.bind),
    "relu_n1_to_1": Rule(ONE, relu.shape, relu.bind),
    "reshape": Rule(ONE, reshape.shape, reshape.bind),
    "resize": Rule(ONE, resize.shape, resize.bind, cost.resampled),
    "resize_bilinear": Rule(ONE, resize_bilinear.shape, resize_bilinear.bind, cost.resampled),
    "resize_nearest": Rule(ONE, resize_bilinear.shape, resize_nearest.bind),
    "reverse": Rule(ONE, repeats.reverse_shape, repeats.reverse_bind),
    "select": Rule(range(3, 4), compare.select_shape, compare.select_bind),
    "slice": Rule(ONE, slice.shape, slice.bind),
    "softmax": Rule(ONE, softmax.shape, softmax.bind, cost.slow),
    "space_to_depth": Rule(ONE, blocks.shape, blocks.bind),
    "split": Rule(ONE, split.shape, split.bind),
    "stack": Rule(MANY, stack.stack_shape, stack.stack_bind),
    "strided_slice": Rule(ONE, strided_slice.shape, strided_slice.bind),
    "sub": Rule(TWO, sub.shape, sub.bind, cost.table_of_two),
    "sum": Rule(ONE, reduce.shape, reduce.bind),
    "tanh": Rule(ONE, sigmoids.shape, sigmoids.bind),
    "tile": Rule(ONE, repeats.tile_shape, repeats.tile_bind),
    "transpose": Rule(ONE, transpose.shape, transpose.bind),
    "transpose_conv2d": Rule(WEIGHTED, transpose_conv2d.shape, transpose_conv2d.bind, cost.transposed),
    "unstack": Rule(ONE, stack.unstack_shape, stack.unstack_bind),
    **dict.fromkeys(elementwise.UNARY, Rule(ONE, elementwise.unary_shape, elementwise.bind_unary, cost.transcendental)),
    **dict.fromkeys(
        elementwise.BINARY, Rule(TWO, elementwise.binary_shape, elementwise.bind_binary, cost.table_of_two)
    ),
    **dict.fromkeys(compare.COMPARISONS, Rule(TWO, compare.shape, compare.bind)),
    **dict.fromkeys(compare.LOGIC, Rule(TWO, compare.shape, compare.logical_bind)),
}
"""Every kind of operation that runs."""


@dataclass(frozen=True)
class Checked:
    """An operation whose shapes are right, ready to be bound."""

    node: Node
    rule: Rule
    cost: Cost


def check(tensors: Sequence[Tensor], op: Op, dialect: Dialect, source: str = "") -> Checked:
    """One operation over a Program's tensors, nothing of it allocated; `source` names the file in errors.

    Raises ArtifactError, naming the operation, when it is unknown or its shapes are wrong.
    """
    place = f"{source or 'the program'}, {op.where or op.kind}"
    if op.kind not in OPS:
        raise ArtifactError(f"{place}: there is no operation '{op.kind}'; known are: {', '.join(OPS)}")
    rule = OPS[op.kind]
    named = Op(op.kind, op.inputs, op.outputs, op.attrs, place)
    inputs = tuple(tensors[i] if i >= 0 else None for i in op.inputs)
    node = Node(named, inputs, tuple(tensors[i] for i in op.outputs), dialect)
    node.require(len(inputs) in rule.inputs, f"has {len(inputs)} inputs")
    computed = rule.shape(node)
    declared = tuple(t.shape for t in node.outputs)
    node.require(computed == declared, f"declares the output shape {declared}, its inputs give {computed}")
    return Checked(node, rule, rule.cost(node))


def bind(tensors: Sequence[Tensor], op: Op, dialect: Dialect, source: str = "") -> Kernel:
    """The kernel of one operation, checked and prepared. Raises ArtifactError as both do."""
    return prepare(check(tensors, op, dialect, source), tensors)


def prepare(checked: Checked, tensors: Sequence[Tensor]) -> Kernel:
    """The kernel of a checked operation; `tensors` may have gained constants since.

    Raises ArtifactError, naming the operation, when it cannot be done.
    """
    op, dialect = checked.node.op, checked.node.dialect
    node = replace(checked.node, inputs=tuple(tensors[i] if i >= 0 else None for i in op.inputs))
    try:
        return half.bind(node, checked.rule) if dialect.half else checked.rule.bind(node)
    except ArtifactError:
        raise
    except DpocketError as e:
        raise ArtifactError(f"{op.where}: {e}") from e
