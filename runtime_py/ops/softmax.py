"""`softmax` over the last axis, `exp(beta * x)` normalised, and `log_softmax`. TFLite SOFTMAX, LOG_SOFTMAX.

On int8 the output's scale is 1/256 and its zero point -128.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from runtime_py.arithmetic import Int64s, high_multiply, quantize_multiplier, round_half_away, rounding_shift
from runtime_py.ops.node import Array, Kernel, Node, Shape

INT32_MAX = (1 << 31) - 1
INTEGER_BITS, SUM_BITS = 5, 12

CELLS_AT_ONCE = 1 << 18
"""Bounds the memory of the wide integers in between."""


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape, when there is something along its last axis."""
    given = node.input(0).shape
    node.require(len(given) > 0 and given[-1] > 0, f"has nothing along the last axis of {given}")
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """int8 in fixed point or by LiteRT's float table, by dialect; float32 plainly."""
    beta = np.float32(node.attr("beta"))
    match node.dtypes():
        case "int8", "int8":
            if node.dialect.name == "onnx-qdq":
                return _by_rows(onnx_rule(node.grid(node.input(0))[0], beta, *node.grid(node.output)))
            node.require(
                node.grid(node.output) == (np.float32(1 / 256), -128),
                "needs the output scale 1/256 and zero point -128, which every kernel insists on",
            )
            return _by_rows(node.rule(RULES)(node.grid(node.input(0))[0], beta))
        case "float32", "float32":
            return lambda arrays: (_real(arrays[0], beta),)
        case _:
            raise node.unsupported()


def _real(x: Array, beta: np.float32) -> Array:
    e = np.exp((x - x.max(axis=-1, keepdims=True)) * beta)
    scaled: Array = e / e.sum(axis=-1, keepdims=True)
    return scaled


def bind_log(node: Node) -> Kernel:
    """float32 only."""
    if node.dtypes() != ("float32", "float32"):
        raise node.unsupported()

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        below = arrays[0] - arrays[0].max(axis=-1, keepdims=True)
        return (below - np.log(np.exp(below).sum(axis=-1, keepdims=True)),)

    return kernel


def _by_rows(rule: Callable[[Array], Array]) -> Kernel:
    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        rows = arrays[0].reshape(-1, arrays[0].shape[-1])
        out = np.empty(rows.shape, np.int8)
        step = max(1, CELLS_AT_ONCE // rows.shape[1])
        for first in range(0, len(rows), step):
            q = rows[first : first + step].astype(np.int64)
            out[first : first + step] = np.clip(rule(q - q.max(axis=-1, keepdims=True)), -128, 127)
        return (out.reshape(arrays[0].shape),)

    return kernel


def optimized_rule(scale: np.float32, beta: np.float32) -> Callable[[Array], Array]:
    """TFLite `optimized_ops::Softmax` with a table of exponentials (x86); XNNPACK does not take int8."""
    step = np.float64(np.float32(-scale * beta))
    table = np.exp((np.float32(step) * np.arange(256, dtype=np.float32)).astype(np.float64)).astype(np.float32)

    def rule(below: Array) -> Array:
        e = table[-below]
        # cumsum adds one by one, as the kernel does; numpy's sum would pair.
        total = np.cumsum(e, axis=-1, dtype=np.float32)[..., -1:]
        inverse = np.float32(1) / (total * np.float32(1 / 256))
        return round_half_away(e * inverse) - 128

    return rule


def reference_rule(scale: np.float32, beta: np.float32) -> Callable[[Array], Array]:
    """TFLite `reference_ops::Softmax` on gemmlowp's fixed point: exponentials Q0.31, their sum Q12.19."""
    real = min(float(beta) * float(scale) * 2.0 ** (31 - INTEGER_BITS), float(INT32_MAX))
    multiplier, exponent = quantize_multiplier(real)
    lowest = -np.floor(((1 << INTEGER_BITS) - 1) * 2.0 ** (31 - INTEGER_BITS) / 2.0 ** float(exponent))

    def rule(below: Array) -> Array:
        counted = below >= lowest
        e = _exp_of_negative(high_multiply(np.where(counted, below, 0) << exponent, multiplier))
        total = np.where(counted, rounding_shift(e, SUM_BITS), 0).sum(axis=-1, keepdims=True)
        headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
        inverse = reciprocal((total << headroom) - (1 << 31))
        scaled = rounding_shift(high_multiply(inverse, e), SUM_BITS - headroom + 23)
        return np.where(counted, scaled - 128, -128)

    return rule


def onnx_rule(scale: np.float32, beta: np.float32, out_scale: np.float32, zero_point: int) -> Callable[[Array], Array]:
    """ONNX Runtime's QLinearSoftmax (qlinear_softmax.cc): float32 exponentials from a table, blown up to use its range.

    The factor depends on how many values are added, so that their sum stays finite. On uint8 ONNX Runtime lets a
    probability of 256/256 wrap to 0; here it is the highest integer, as it is with its optimiser off.
    """

    def rule(below: Array) -> Array:
        room = max(0.0, float(np.log(np.finfo(np.float32).max / np.float32(below.shape[-1]))) - 5)
        step = float(scale) * float(beta)
        table = np.exp(room - np.arange(256) * step).astype(np.float32)
        e = table[-below]
        total = np.cumsum(e, axis=-1, dtype=np.float32)[..., -1:]
        rounded: Array = np.rint(e * np.floor(np.float32(1) / out_scale) / total) + zero_point
        return rounded

    return rule


RULES: dict[str, Callable[[np.float32, np.float32], Callable[[Array], Array]]] = {
    "xnnpack": optimized_rule,
    "litert-reference": reference_rule,
}

EXPONENTIALS = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242}
"""exp(-2**k) in Q0.31 for each k."""


def _exp_of_negative(a: Int64s) -> Int64s:
    """exp of Q5.26 values at or below 0, in Q0.31. Source: gemmlowp `exp_on_negative_values`."""
    fraction_bits = 31 - INTEGER_BITS
    quarter = 1 << (fraction_bits - 2)
    within = (a & (quarter - 1)) - quarter
    result = _exp_of_last_quarter(within << INTEGER_BITS)
    remainder = within - a
    for power, factor in EXPONENTIALS.items():
        taken = (remainder & (1 << (fraction_bits + power))) != 0
        result = np.where(taken, high_multiply(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def _exp_of_last_quarter(a: Int64s) -> Int64s:
    """exp on [-1/4, 0) in Q0.31, a Taylor series about -1/8."""
    at_eighth, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = high_multiply(x, x)
    x3, x4 = high_multiply(x2, x), high_multiply(x2, x2)
    tail = rounding_shift(high_multiply(rounding_shift(x4, 2) + x3, third) + x2, 1)
    return at_eighth + high_multiply(at_eighth, x + tail)


def reciprocal(a: Int64s) -> Int64s:
    """1 / (1 + a) for a in Q0.31, by three Newton steps. Source: gemmlowp `one_over_one_plus_x_for_x_in_0_1`."""
    half = (a + INT32_MAX + 1) >> 1
    x = 1515870810 + high_multiply(half, -1010580540)
    for _ in range(3):
        residue = (1 << 29) - high_multiply(half, x)
        x = x + np.clip(high_multiply(x, residue) << 2, -(1 << 31), INT32_MAX)
    return np.asarray(np.clip(x << 1, -(1 << 31), INT32_MAX), np.int64)
