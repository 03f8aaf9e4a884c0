"""Fixed-point scaling and rounding as the phones' kernels do it, each rule with its source kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from runtime_py.errors import DpocketError

Int64s = NDArray[np.int64]

INT8_MIN, INT8_MAX = -128, 127


def round_half_away(x: ArrayLike) -> NDArray[Any]:
    """Round to nearest, ties away from zero, as C's `std::round`; keeps the float dtype."""
    x = np.asarray(x)
    whole = np.trunc(x)
    stepped: NDArray[Any] = whole + np.copysign((np.abs(x - whole) >= 0.5).astype(x.dtype), x)
    return stepped


def quantize_multiplier(real: ArrayLike) -> tuple[Int64s, Int64s]:
    """`real ≈ M * 2**(e - 31)`, M in [2**30, 2**31): returns (M, e), int64, elementwise.

    Source: TFLite `QuantizeMultiplier` (kernels/internal/quantization_util.cc), which rounds M half away from zero,
    flushes e < -31 to M = 0 and saturates e > 30.
    """
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    multiplier = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    e = exponent.astype(np.int64)
    carried = multiplier == 1 << 31
    multiplier = np.where(carried, multiplier >> 1, multiplier)
    e = e + carried
    multiplier = np.where(e < -31, 0, np.where(e > 30, (1 << 31) - 1, multiplier))
    return multiplier, np.where(e < -31, 0, np.minimum(e, 30))


def high_multiply(a: ArrayLike, multiplier: ArrayLike) -> Int64s:
    """`a * multiplier / 2**31`, rounded to nearest with ties upwards; both are int32 values held in int64.

    Source: gemmlowp `SaturatingRoundingDoublingHighMul` (fixedpoint.h).
    """
    product = np.asarray(a, np.int64) * np.asarray(multiplier, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    # The kernel divides with C's truncation; a shift alone would floor negative values.
    return np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))


def rounding_shift(x: ArrayLike, exponent: ArrayLike) -> Int64s:
    """`x / 2**exponent` rounded to nearest, ties away from zero. Source: gemmlowp `RoundingDivideByPOT`."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return np.asarray((x >> exponent) + ((x & mask) > threshold), np.int64)


def multiply_by_quantized(x: ArrayLike, multiplier: ArrayLike, exponent: ArrayLike) -> Int64s:
    """`x * real` in fixed point with two roundings, the variant that LiteRT's wheel is built with.

    Source: TFLite `MultiplyByQuantizedMultiplier`, double-rounding (kernels/internal/common.cc).
    """
    e = np.asarray(exponent, np.int64)
    raised = np.asarray(x, np.int64) << np.maximum(e, 0)
    return rounding_shift(high_multiply(raised, multiplier), np.maximum(-e, 0))


def multiply_by_quantized_upward(x: ArrayLike, multiplier: ArrayLike, exponent: ArrayLike) -> Int64s:
    """As `multiply_by_quantized`, but the second rounding takes ties upwards, too.

    Source: measured on LiteRT's optimised x86 kernels, which do so wherever they work on whole vectors.
    """
    e = np.asarray(exponent, np.int64)
    high = high_multiply(np.asarray(x, np.int64) << np.maximum(e, 0), multiplier)
    n = np.maximum(-e, 0)
    return np.asarray((high + ((np.int64(1) << n) >> 1)) >> n, np.int64)


def activation_limits(
    activation: str, scale: np.float32, zero_point: int, rounding: Callable[[Any], Any]
) -> tuple[int, int]:
    """The int8 values between which a fused activation clamps.

    Source: TFLite `CalculateActivationRangeQuantized` (rounding half away) and XNNPACK's output min/max (half even).
    Raises DpocketError for an activation other than "none", "relu", "relu6" and "relu_n1_to_1".
    """
    if activation not in ACTIVATION_RANGES:
        raise DpocketError(f"activation '{activation}' is unknown; known are: {', '.join(ACTIVATION_RANGES)}")

    def stored(real: float) -> int:
        with np.errstate(over="ignore"):
            value = float(rounding(np.float32(real) / scale))
        return int(min(max(value, -1e6), 1e6)) + zero_point

    low, high = ACTIVATION_RANGES[activation]
    lo = INT8_MIN if np.isinf(low) else min(max(stored(low), INT8_MIN), INT8_MAX)
    hi = INT8_MAX if np.isinf(high) else max(min(stored(high), INT8_MAX), INT8_MIN)
    return lo, hi


ACTIVATION_RANGES: Mapping[str, tuple[float, float]] = {
    "none": (-np.inf, np.inf),
    "relu": (0.0, np.inf),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
    "relu_0_to_1": (0.0, 1.0),
}
"""Real values between which each fused activation clamps."""


def exact_sum_dtype(weights_ON: NDArray[Any], zero_point: int, bias: NDArray[Any] | None) -> type[Any]:
    """float32 when every partial sum of `(q - zero_point) * w` plus bias provably stays below 2**24, else float64.

    Integers below 2**24 (2**53) are exact in float32 (float64), so BLAS may add them in any order. `weights_ON` is
    (output channels, all that one output sums over), int8; `zero_point` is the input's.
    """
    largest = max(INT8_MAX - zero_point, zero_point - INT8_MIN)
    sums = np.abs(weights_ON.astype(np.int64)).sum(axis=1) * largest
    if bias is not None:
        sums = sums + np.abs(bias.astype(np.int64))
    return np.float32 if sums.size == 0 or int(sums.max()) < 1 << 24 else np.float64
