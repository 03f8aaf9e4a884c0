"""`hard_swish`: x * relu6(x + 3) / 6. TFLite HARD_SWISH."""

from __future__ import annotations

import numpy as np

from runtime_py.arithmetic import quantize_multiplier, rounding_shift
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.tables import unary_kernel

INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """int8 as TFLite's kernel in every dialect: XNNPACK does not take it."""
    match node.dtypes():
        case "int8", "int8":
            return unary_kernel(lambda q: _integer(node, q))
        case "float32", "float32":
            three, sixth = np.float32(3), np.float32(1 / 6)
            return lambda arrays: (arrays[0] * np.clip(arrays[0] + three, 0, 6).astype(np.float32) * sixth,)
        case _:
            raise node.unsupported()


def _integer(node: Node, q: Array) -> Array:
    """TFLite `reference_ops::HardSwish`: 16-bit fixed point on values with 7 more bits."""
    (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
    fine_scale = np.float32(scale / np.float32(128))
    out_multiplier, out_exponent = _sixteen_bit(np.float32(fine_scale / out_scale))
    multiplier, exponent = _sixteen_bit(np.float32(fine_scale / np.float32(3 / 32768)))
    node.require(out_exponent <= 0, f"has an output scale {out_scale} too small for its input scale {scale}")
    x = (q - zero_point) * 128
    gate = _saturated(x << (exponent - 1)) if exponent > 0 else x
    gate = _high_multiply(gate, multiplier)
    if exponent > 0:
        gate = _saturated(gate << 1)
    elif exponent < 0:
        gate = rounding_shift(gate, -exponent)
    gate = (gate + (1 << 15)) >> 1
    product = gate * _high_multiply(x, out_multiplier)
    # C's division truncates towards zero.
    halved = np.sign(product) * (np.abs(product) >> 15)
    return rounding_shift(halved, -out_exponent) + out_zero


def _sixteen_bit(real: np.float32) -> tuple[int, int]:
    multiplier, exponent = (int(v) for v in quantize_multiplier(real))
    return min((multiplier + (1 << 15)) >> 16, INT16_MAX), exponent


def _high_multiply(a: Array, b: int) -> Array:
    """gemmlowp's 16-bit `SaturatingRoundingDoublingHighMul`."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.where(nudged < 0, -(-nudged >> 15), nudged >> 15)


def _saturated(x: Array) -> Array:
    return np.clip(x, INT16_MIN, INT16_MAX)
