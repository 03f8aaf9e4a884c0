"""`relu` and `relu6` that stand alone: the clamp to 0.. or 0..6, onto the output's grid. TFLite RELU, RELU6."""

from __future__ import annotations

import numpy as np

from runtime_py.arithmetic import (
    ACTIVATION_RANGES,
    activation_limits,
    multiply_by_quantized,
    quantize_multiplier,
    round_half_away,
)
from runtime_py.ops.node import Kernel, Node, Shape
from runtime_py.ops.tables import unary_kernel


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """int8 as TFLite's `reference_ops::ReluX` in every dialect: XNNPACK does not take these operators."""
    match node.dtypes():
        case "int8", "int8":
            (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
            factor = quantize_multiplier(np.float32(scale / out_scale))
            limits = activation_limits(node.op.kind, out_scale, out_zero, round_half_away)
            return unary_kernel(lambda q: np.clip(multiply_by_quantized(q - zero_point, *factor) + out_zero, *limits))
        case "float32", "float32":
            low, high = ACTIVATION_RANGES[node.op.kind]
            return lambda arrays: (np.clip(arrays[0], low, high),)
        case _:
            raise node.unsupported()
