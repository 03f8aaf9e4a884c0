"""Functions of int8 values that LiteRT's own kernels compute in every dialect, because XNNPACK does not take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from runtime_py.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    activation_limits,
    high_multiply,
    multiply_by_quantized,
    quantize_multiplier,
    round_half_away,
    rounding_shift,
)
from runtime_py.ops.node import Array, Kernel, Node
from runtime_py.ops.softmax import reciprocal
from runtime_py.ops.tables import ALL_INT8, binary_kernel, look_up, unary_kernel

INT32_MAX = (1 << 31) - 1
Grid = tuple[np.float32, int]
BinaryRule = Callable[[Grid, Grid, Grid], Callable[[Array, Array], Array]]


def tabulated(node: Node, function: Callable[[Array], Array]) -> Kernel:
    """TFLite `LUTPopulate`: the real function of each of the 256 values, rounded half away."""
    (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
    inverse = np.float32(1) / out_scale

    def rule(q: Array) -> Array:
        real = (q - zero_point).astype(np.float32) * scale
        with np.errstate(all="ignore"):
            y = function(real.astype(np.float64)).astype(np.float32)
        stored: Array = np.nan_to_num(round_half_away(y * inverse), nan=0, posinf=1e6, neginf=-1e6) + out_zero
        return stored

    return unary_kernel(rule)


def square_root(node: Node) -> Kernel:
    """LiteRT's SQRT, which drops the fraction where its other tables round (measured); roots of less than 0 give 0."""
    (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
    inverse = np.float32(1) / out_scale
    return unary_kernel(
        lambda q: np.trunc(np.sqrt(np.maximum(q - zero_point, 0).astype(np.float32) * scale) * inverse) + out_zero
    )


def absolute(node: Node) -> Kernel:
    """TFLite `AbsEvalQuantized`."""
    (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
    factor = quantize_multiplier(np.float32(scale / out_scale))
    if scale == out_scale:
        return unary_kernel(lambda q: np.abs(q - zero_point) + out_zero)
    return unary_kernel(lambda q: multiply_by_quantized(np.abs(q - zero_point), *factor) + out_zero)


def negative(node: Node) -> Kernel:
    """LiteRT's NEG of int8, which negates what is stored, whatever the grids, and leaves -128 as it is."""
    return lambda arrays: (np.negative(arrays[0]),)


def inverse_root(node: Node) -> Kernel:
    """TFLite `RsqrtEvalQuantized`: a fixed-point Newton iteration; values at or below zero give the largest integer."""
    (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
    factor, shift = (int(v) for v in quantize_multiplier(np.float64(1) / np.float64(np.sqrt(scale) * out_scale)))

    def rule(q: Array) -> Array:
        return np.array([_inverse_root_of(int(v) - zero_point, factor, shift, out_zero) for v in q])

    return unary_kernel(rule)


def _inverse_root_of(value: int, factor: int, shift: int, out_zero: int) -> int:
    if value <= 0:
        return INT8_MAX
    multiplier, exponent = _inverse_square_root(value)
    fine = multiply_by_quantized(1, multiplier, exponent + 20)
    return int(multiply_by_quantized(fine, factor, shift - 20)) + out_zero


@cache
def _inverse_square_root(value: int) -> tuple[int, int]:
    """1 / sqrt(value) as multiplier and exponent. Source: TFLite `GetInvSqrtQuantizedMultiplierExp`."""
    if value <= 1:
        return INT32_MAX, 0
    exponent = 11
    pairs = (31 - value.bit_length()) // 2 - 1
    exponent -= pairs
    given = (value << (2 * pairs)) >> 1
    half = int(rounding_shift(given, 1))
    x = 1 << 28
    for _ in range(5):
        cube = _saturated(int(high_multiply(high_multiply(x, x), x)) << 6)
        x = _saturated((int(high_multiply((1 << 28) + (1 << 27), x)) - int(high_multiply(half, cube))) << 3)
    x = int(high_multiply(x, 1518500250))
    return (x << -exponent, 0) if exponent < 0 else (x, -exponent)


def _saturated(value: int) -> int:
    return max(min(value, INT32_MAX), -INT32_MAX - 1)


def squared_difference(first: Grid, second: Grid, out: Grid) -> Callable[[Array, Array], Array]:
    """TFLite `SquaredDifference` for int8: operands shifted left by 7 bits."""
    twice = 2.0 * np.float64(max(first[0], second[0]))
    factors = [quantize_multiplier(np.float64(scale) / twice) for scale, _ in (first, second)]
    last = quantize_multiplier(twice * twice / (np.float64(1 << 14) * np.float64(out[0])))

    def rule(a: Array, b: Array) -> Array:
        fine_a = multiply_by_quantized((a - first[1]) << 7, *factors[0])
        fine_b = multiply_by_quantized((b - second[1]) << 7, *factors[1])
        return multiply_by_quantized((fine_a - fine_b) ** 2, *last) + out[1]

    return rule


def quotient(first: Grid, second: Grid, out: Grid) -> Callable[[Array, Array], Array]:
    """TFLite `reference_ops::DivElementwise` for int8; dividing by zero is undefined there and 0 here."""
    factor, exponent = quantize_multiplier(np.float64(first[0]) / np.float64(second[0] * out[0]))

    def rule(a: Array, b: Array) -> Array:
        above, below = np.broadcast_arrays(a - first[1], b - second[1])
        above, below = np.where(below < 0, -above, above), np.abs(below)
        safe = np.maximum(below, 1)
        bits = np.frexp(safe.astype(np.float64))[1].astype(np.int64)
        inverse = reciprocal((safe << (32 - bits)) - (1 << 31))
        # Leading bits that repeat the sign: the dividend is shifted up to use them all.
        headroom = 31 - np.frexp(np.where(above < 0, -above - 0.5, above).astype(np.float64))[1].astype(np.int64)
        headroom = np.where(above == 0, 31, headroom)
        unscaled = high_multiply(above << headroom, inverse)
        total = exponent - (bits - 1) - headroom
        scaled = _wrapping_shift(high_multiply(unscaled, factor), np.clip(-total, 0, 62))
        return np.where(below == 0, out[1], scaled + out[1])

    return rule


def _wrapping_shift(x: Array, exponent: Array) -> Array:
    """`rounding_shift` of int32 values whose count wraps at 32, as the kernel's does on x86 and ARM."""
    wrapped = (x >> (exponent & 31)) + (x > np.where(x < 0, 0, -1))
    return np.where(exponent < 32, rounding_shift(x, exponent), wrapped)


def prelu(first: Grid, slope: Grid, out: Grid) -> Callable[[Array, Array], Array]:
    """TFLite `BroadcastPrelu4DSlow` for int8."""
    plain = quantize_multiplier(np.float64(np.float32(first[0] / out[0])))
    sloped = quantize_multiplier(np.float64(np.float32(np.float32(first[0] * slope[0]) / out[0])))

    def rule(a: Array, b: Array) -> Array:
        x = a - first[1]
        below = multiply_by_quantized(x * (b - slope[1]), *sloped)
        return np.where(x >= 0, multiply_by_quantized(x, *plain), below) + out[1]

    return rule


def bind_binary(node: Node, rule: BinaryRule) -> Kernel:
    """Two int8 tensors through a rule's table, held within the fused activation where there is one."""
    out = node.grid(node.output)
    function = rule(node.grid(node.input(0)), node.grid(node.input(1)), out)
    limits = activation_limits(node.op.attrs.get("activation", "none"), *out, round_half_away)
    return binary_kernel(lambda a, b: np.clip(function(a, b), *limits))


def compared(node: Node, function: Callable[[Array, Array], Array]) -> Kernel:
    """TFLite `ComparisonQuantized`: both operands scaled, with 8 bits more, to integers."""
    grids = node.grid(node.input(0)), node.grid(node.input(1))
    factors = [quantize_multiplier(np.float64(scale)) for scale, _ in grids]

    # In the order of the operands' bytes, as `unary_table` has it.
    tables = [
        np.roll(multiply_by_quantized((ALL_INT8 - zero_point) << 8, *factor), -INT8_MIN)
        for (_, zero_point), factor in zip(grids, factors, strict=True)
    ]
    return lambda arrays: (np.asarray(function(look_up(tables[0], arrays[0]), look_up(tables[1], arrays[1]))),)


UNARY: Mapping[str, Callable[[Node], Kernel]] = {
    "absolute": absolute,
    "negate": negative,
    "reciprocal_square_root": inverse_root,
    "square_root": square_root,
}
"""Functions of one value that are not tabulated from real numbers."""
