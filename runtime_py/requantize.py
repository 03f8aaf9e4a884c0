"""From exact sums to int8: XNNPACK's and TFLite's requantisation of a convolution's results.

An int8 convolution ends in an exact int32 sum; what differs between kernels is only how that sum becomes an int8
again. Sums are handed over here as floats that hold exact integers (`arithmetic.exact_sum_dtype` proves that they do).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runtime_py.arithmetic import (
    Int64s,
    multiply_by_quantized,
    multiply_by_quantized_upward,
    quantize_multiplier,
)

Reals = NDArray[np.floating[Any]]


class Requantizer(Protocol):
    """Writes int8 results for exact sums; the sums' array may be overwritten."""

    def __call__(self, sums: Reals, out: NDArray[np.int8]) -> None:
        """`sums`: (rows, columns × channels), integers; `out`: int8 of the same shape."""


@dataclass(frozen=True)
class SumGrid:
    """The grids around a sum: input, per-channel weights and output, and the columns that share one row of `sums`."""

    input_scale: np.float32
    weight_scale: NDArray[np.float32]
    output_scale: np.float32
    zero_point: int
    limits: tuple[int, int]
    columns: int


def fp32_requantizer(grid: SumGrid) -> Requantizer:
    """XNNPACK's, in every convolution and fully connected kernel."""
    scale = grid.input_scale * grid.weight_scale / grid.output_scale
    return Fp32Requantizer(np.tile(scale, grid.columns), grid.zero_point, grid.limits)


def reference_requantizer(grid: SumGrid) -> Requantizer:
    """That of TFLite's reference convolutions."""
    return _fixed_point(grid, np.zeros(grid.weight_scale.size, np.bool_))


def optimized_requantizer(channels: int, vector: int) -> Callable[[SumGrid], Requantizer]:
    """LiteRT's own optimised convolutions on x86, met where XNNPACK refuses an operator.

    Of each pixel's `channels`, whole groups of `vector` round ties upwards and the rest as the reference kernels.
    Source: measured, 0 of 1,100,000 values differed; ARM builds are not covered.
    """

    def requantizer(grid: SumGrid) -> Requantizer:
        position = np.arange(grid.weight_scale.size) % channels
        return _fixed_point(grid, position < channels - channels % vector)

    return requantizer


@dataclass(frozen=True)
class Fp32Requantizer:
    """XNNPACK: `rne(clamp(float(sum) * scale)) + zero_point` in float32.

    Source: XNNPACK `xnn_qs8_requantize_fp32` and the qs8/qc8w "fp32" GEMM and convolution kernels.
    """

    scale_row: NDArray[np.float32]
    zero_point: int
    limits: tuple[int, int]

    def __call__(self, sums: Reals, out: NDArray[np.int8]) -> None:
        y = sums.astype(np.float32, copy=False)
        np.multiply(y, self.scale_row, out=y)
        low, high = (np.float32(limit - self.zero_point) for limit in self.limits)
        np.clip(y, low, high, out=y)
        np.rint(y, out=y)
        _store(y, self.zero_point, out)


@dataclass(frozen=True)
class FixedPointRequantizer:
    """TFLite: `clamp(multiply_by_quantized(sum) + zero_point)`, per output channel.

    Source: TFLite `reference_integer_ops::ConvPerChannel` and its depthwise and transposed sisters. Where the factors
    allow it the same integers are found in float32 or float64, in which numpy is several times as fast.
    """

    scale: NDArray[np.float64]
    multiplier: Int64s
    exponent: Int64s
    zero_point: int
    limits: tuple[int, int]
    upward: NDArray[np.bool_]
    """Channels whose ties go upwards, as LiteRT's vectorised kernels have it; none in the reference kernels."""

    def __call__(self, sums: Reals, out: NDArray[np.int8]) -> None:
        """`sums` of any layout whose last axis ends in whole pixels."""
        if int(self.exponent.max()) <= FLOAT32_EXPONENT:
            self._by_float32(sums, out)
        elif int(self.exponent.min()) >= FLOAT64_EXPONENT:
            self._by_float64(sums, out)
        else:
            out[...] = self._exact(sums.reshape(-1), np.arange(sums.size)).reshape(out.shape)

    def _by_float32(self, sums: Reals, out: NDArray[np.int8]) -> None:
        """One float32 product settles most sums.

        The few so near a rounding boundary that float32's error, or the first of the two roundings, could decide are
        computed in integers.
        """
        y = np.multiply(sums, self._row(sums, self.scale, np.float32), dtype=np.float32, casting="same_kind")
        low, high = (np.float32(limit - self.zero_point) for limit in self.limits)
        # One step beyond the limits: a clamped sum must not look like an exact integer that it was not.
        np.clip(y, low - 1, high + 1, out=y)
        nearest = np.rint(y)
        np.abs(np.subtract(y, nearest, out=y), out=y)
        first_rounding = 2.0 ** (int(self.exponent.max()) - 1)
        doubtful = np.flatnonzero(y >= np.float32(0.5 - first_rounding - FLOAT32_ERROR))
        np.clip(nearest, low, high, out=nearest)
        _store(nearest, self.zero_point, out)
        if doubtful.size:
            out[np.unravel_index(doubtful, out.shape)] = self._exact(sums.reshape(-1)[doubtful], doubtful)

    def _by_float64(self, sums: Reals, out: NDArray[np.int8]) -> None:
        """Both roundings in float64, whose 53 bits hold a sum of 22 bits times a factor of 31.

        Larger sums lie beyond every limit at these factors, so cutting them changes nothing.
        """
        left, right = np.maximum(self.exponent, 0), np.minimum(self.exponent, 0)
        first = np.ldexp(self.multiplier.astype(np.float64), left - 31)
        second = np.ldexp(1.0, right)
        y = np.clip(sums, -(2.0**22), 2.0**22, dtype=np.float64)
        np.multiply(y, self._row(sums, first, np.float64), out=y)
        np.floor(np.add(y, 0.5, out=y), out=y)
        np.multiply(y, self._row(sums, second, np.float64), out=y)
        # Ties away from zero are ties upwards but for negative values; these get a nudge below any other distance.
        away = self._row(sums, np.where(self.upward, 0.0, 2.0**-40), np.float64)
        np.subtract(y, np.where(y < 0, away, 0.0), out=y)
        np.floor(np.add(y, 0.5, out=y), out=y)
        np.clip(y, *(limit - self.zero_point for limit in self.limits), out=y)
        _store(y, self.zero_point, out)

    def _row(self, sums: Reals, per_channel: NDArray[np.float64], dtype: type[Any]) -> Reals:
        return np.tile(per_channel.astype(dtype), sums.shape[-1] // per_channel.size)

    def _exact(self, sums: Reals, positions: NDArray[np.intp]) -> NDArray[np.int64]:
        channel = positions % self.multiplier.size
        operands = (sums.astype(np.int64), self.multiplier[channel], self.exponent[channel])
        scaled = multiply_by_quantized(*operands)
        if self.upward.any():
            scaled = np.where(self.upward[channel], multiply_by_quantized_upward(*operands), scaled)
        return np.clip(scaled + self.zero_point, *self.limits)


FLOAT32_EXPONENT = -4
"""Up to this exponent few enough sums are doubtful for float32 to pay."""

FLOAT64_EXPONENT = -13
"""From this exponent on a sum beyond 2**22 is beyond 2**22 * 2**-14 = 256 and thus beyond every limit."""

FLOAT32_ERROR = 2.0**-13
"""More than float32's error of a product within ±260: 260 * 3 * 2**-24 < 2**-14, doubled."""


def _store(whole: Reals, zero_point: int, out: NDArray[np.int8]) -> None:
    if zero_point:
        np.add(whole, whole.dtype.type(zero_point), out=whole)
    np.copyto(out, whole, casting="unsafe")


def _fixed_point(grid: SumGrid, upward: NDArray[np.bool_]) -> Requantizer:
    real = grid.input_scale.astype(np.float64) * grid.weight_scale.astype(np.float64) / np.float64(grid.output_scale)
    return FixedPointRequantizer(real, *quantize_multiplier(real), grid.zero_point, grid.limits, upward)
