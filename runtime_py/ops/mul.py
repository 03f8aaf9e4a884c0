"""`mul`: the product of two tensors that broadcast, with a fused activation. TFLite MUL."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runtime_py.arithmetic import ACTIVATION_RANGES, activation_limits, multiply_by_quantized, quantize_multiplier
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.sums import broadcast_shape
from runtime_py.ops.tables import binary_kernel

Rule = Callable[[Array], Array]


def shape(node: Node) -> tuple[Shape, ...]:
    """The shape to which the inputs broadcast."""
    return (broadcast_shape(node),)


def bind(node: Node) -> Kernel:
    """int8 by the dialect's rule for the exact product, float32 plainly."""
    activation = node.attr("activation")
    match node.dtypes():
        case "int8", "int8", "int8":
            (first, zero_a), (second, zero_b) = node.grid(node.input(0)), node.grid(node.input(1))
            out_scale, out_zero = node.grid(node.output)
            step = node.unsigned_step
            rule = node.rule(RULES)(np.float32(np.float32(first * second) / out_scale), out_zero + step)
            limits = activation_limits(activation, out_scale, out_zero, node.dialect.round_limit)
            return binary_kernel(lambda a, b: np.clip(rule((a - zero_a) * (b - zero_b)) - step, *limits))
        case "float32", "float32", "float32":
            low, high = ACTIVATION_RANGES[activation]
            return lambda arrays: (np.clip(arrays[0] * arrays[1], low, high),)
        case _:
            raise node.unsupported()


def reference_rule(scale: np.float32, zero_point: int) -> Rule:
    """TFLite `reference_integer_ops::Mul`."""
    factor = quantize_multiplier(scale)
    return lambda product: multiply_by_quantized(product, *factor) + zero_point


def xnnpack_rule(scale: np.float32, zero_point: int) -> Rule:
    """XNNPACK `xnn_qs8_vmul` (minmax, fp32), saturated to 16 bits. LiteRT keeps scales outside [2**-16, 2**8)."""
    if not 2.0**-16 <= scale < 2.0**8:
        return reference_rule(scale, zero_point)

    def rule(product: Array) -> Array:
        limited = np.clip(np.rint(product.astype(np.float32) * scale), -(2**15), 2**15 - 1)
        whole: Array = limited.astype(np.int64) + zero_point
        return whole

    return rule


def onnx_rule(scale: np.float32, zero_point: int) -> Rule:
    """ONNX Runtime's QLinearMul (MLAS qlmul.cpp): the zero point is added before rounding half to even."""
    return lambda product: np.rint(product.astype(np.float32) * scale + np.float32(zero_point))


RULES: dict[str, Callable[[np.float32, int], Rule]] = {
    "onnx-qdq": onnx_rule,
    "xnnpack": xnnpack_rule,
    "litert-reference": reference_rule,
}
