"""The table of operations, and `bind`: an operation of a Program, checked and made ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runtime_py.dialects import Dialect
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.ops import (
    add,
    average_pool2d,
    blocks,
    concat,
    conv2d,
    depthwise_conv2d,
    dequantize,
    fully_connected,
    hard_swish,
    leaky_relu,
    max_pool2d,
    mean,
    mul,
    pad,
    quantize,
    relu,
    reshape,
    resize_bilinear,
    resize_nearest,
    sigmoids,
    slice,
    softmax,
    split,
    strided_slice,
    sub,
    transpose,
    transpose_conv2d,
)
from runtime_py.ops.node import Kernel, Node
from runtime_py.ops.rule import Rule
from runtime_py.program import Op, Tensor

ONE, TWO, WEIGHTED, MANY = range(1, 2), range(2, 3), range(2, 4), range(1, 1 << 16)

OPS: Mapping[str, Rule] = {
    "add": Rule(TWO, add.shape, add.bind),
    "average_pool2d": Rule(ONE, average_pool2d.shape, average_pool2d.bind),
    "concat": Rule(MANY, concat.shape, concat.bind),
    "conv2d": Rule(WEIGHTED, conv2d.shape, conv2d.bind),
    "depth_to_space": Rule(ONE, blocks.shape, blocks.bind),
    "depthwise_conv2d": Rule(WEIGHTED, depthwise_conv2d.shape, depthwise_conv2d.bind),
    "dequantize": Rule(ONE, dequantize.shape, dequantize.bind),
    "fully_connected": Rule(WEIGHTED, fully_connected.shape, fully_connected.bind),
    "hard_swish": Rule(ONE, hard_swish.shape, hard_swish.bind),
    "leaky_relu": Rule(ONE, leaky_relu.shape, leaky_relu.bind),
    "logistic": Rule(ONE, sigmoids.shape, sigmoids.bind),
    "max_pool2d": Rule(ONE, max_pool2d.shape, max_pool2d.bind),
    "mean": Rule(ONE, mean.shape, mean.bind),
    "mul": Rule(TWO, mul.shape, mul.bind),
    "pad": Rule(ONE, pad.shape, pad.bind),
    "quantize": Rule(ONE, quantize.shape, quantize.bind),
    "relu": Rule(ONE, relu.shape, relu.bind),
    "relu6": Rule(ONE, relu.shape, relu.bind),
    "reshape": Rule(ONE, reshape.shape, reshape.bind),
    "resize_bilinear": Rule(ONE, resize_bilinear.shape, resize_bilinear.bind),
    "resize_nearest": Rule(ONE, resize_nearest.shape, resize_nearest.bind),
    "slice": Rule(ONE, slice.shape, slice.bind),
    "softmax": Rule(ONE, softmax.shape, softmax.bind),
    "space_to_depth": Rule(ONE, blocks.shape, blocks.bind),
    "split": Rule(ONE, split.shape, split.bind),
    "strided_slice": Rule(ONE, strided_slice.shape, strided_slice.bind),
    "sub": Rule(TWO, sub.shape, sub.bind),
    "tanh": Rule(ONE, sigmoids.shape, sigmoids.bind),
    "transpose": Rule(ONE, transpose.shape, transpose.bind),
    "transpose_conv2d": Rule(WEIGHTED, transpose_conv2d.shape, transpose_conv2d.bind),
}
"""Every kind of operation that runs."""


def bind(tensors: Sequence[Tensor], op: Op, dialect: Dialect, source: str = "") -> Kernel:
    """The kernel of one operation over a Program's tensors; `source` names the file in errors.

    Raises ArtifactError, naming the operation, when it cannot be done.
    """
    place = f"{source or 'the program'}, {op.where or op.kind}"
    if op.kind not in OPS:
        raise ArtifactError(f"{place}: there is no operation '{op.kind}'; known are: {', '.join(OPS)}")
    rule = OPS[op.kind]
    named = Op(op.kind, op.inputs, op.outputs, op.attrs, place)
    inputs = tuple(tensors[i] if i >= 0 else None for i in op.inputs)
    node = Node(named, inputs, tuple(tensors[i] for i in op.outputs), dialect)
    node.require(len(inputs) in rule.inputs, f"has {len(inputs)} inputs")
    try:
        computed = rule.shape(node)
        declared = tuple(t.shape for t in node.outputs)
        node.require(computed == declared, f"declares the output shape {declared}, its inputs give {computed}")
        return rule.bind(node)
    except ArtifactError:
        raise
    except DpocketError as e:
        raise ArtifactError(f"{place}: {e}") from e
