"""`leaky_relu`: x, or `alpha` * x where x is negative. TFLite LEAKY_RELU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runtime_py.arithmetic import multiply_by_quantized, quantize_multiplier
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.tables import unary_kernel

Rule = Callable[[Array], Array]


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """int8 by the dialect's rule, float32 plainly."""
    alpha = np.float32(node.attr("alpha"))
    match node.dtypes():
        case "int8", "int8":
            (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
            rule = node.rule(RULES)(scale, alpha, out_scale)
            return unary_kernel(lambda q: rule(q - zero_point) + out_zero)
        case "float32", "float32":
            return lambda arrays: (np.where(arrays[0] >= 0, arrays[0], arrays[0] * alpha),)
        case _:
            raise node.unsupported()


def reference_rule(scale: np.float32, alpha: np.float32, out_scale: np.float32) -> Rule:
    """TFLite `reference_ops::QuantizeLeakyRelu`."""
    positive = quantize_multiplier(np.float32(scale / out_scale))
    slope = np.float32(np.float32(scale * alpha) / out_scale)
    multiplier, exponent = quantize_multiplier(abs(slope))
    multiplier = -multiplier if slope < 0 else multiplier
    return lambda x: np.where(
        x >= 0, multiply_by_quantized(x, *positive), multiply_by_quantized(x, multiplier, exponent)
    )


def xnnpack_rule(scale: np.float32, alpha: np.float32, out_scale: np.float32) -> Rule:
    """XNNPACK `xnn_qs8_vlrelu`: factors with 8 fraction bits. Other ratios go to LiteRT's own kernel."""
    positive = np.float32(scale / out_scale)
    negative = np.float32(positive * alpha)
    if not (2.0**-8 <= positive <= 2.0**7 and abs(negative) >= 2.0**-8 and -127.996 <= negative <= 128.0):
        return reference_rule(scale, alpha, out_scale)
    factors = [int(np.rint(np.float64(ratio) * 256)) for ratio in (positive, negative)]
    return lambda x: (x * np.where(x >= 0, factors[0], factors[1]) + 128) >> 8


def onnx_rule(scale: np.float32, alpha: np.float32, out_scale: np.float32) -> Rule:
    """ONNX Runtime's QLinearLeakyRelu (qlinear_lookup_table.cc): in float32, rounded half to even."""

    def rule(x: Array) -> Array:
        real = x.astype(np.float32) * scale
        return np.rint(np.where(real >= 0, real, real * alpha) / out_scale)

    return rule


RULES: dict[str, Callable[[np.float32, np.float32, np.float32], Rule]] = {
    "xnnpack": xnnpack_rule,
    "litert-reference": reference_rule,
    "onnx-qdq": onnx_rule,
}
