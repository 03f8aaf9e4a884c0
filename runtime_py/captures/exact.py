"""Means, the natural logarithm and a ramp as plain float64 operations in a stated order.

A phone must feed its student the integers that the desktop feeds it. Libraries round logarithms, sums and resized
pictures each in their own way; these functions use only additions, multiplications, divisions and the bits of a double,
never fused and always in the order given, so that any language with IEEE 754 doubles computes the same bits.
`android_demo/app/src/main/java/org/dpocket/core/` is the same in Java.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 14
"""Values that are worked on at once, so that they stay in a core's cache; no result depends on it."""

SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
"""Bits of the double nearest to the square root of 1/2."""

LN2_HIGH = float.fromhex("0x1.62e42fefap-1")
"""ln 2 to 36 bits: its product with an exponent of a double is exact."""

LN2_LOW = float.fromhex("0x1.cf79abc9e3b3ap-40")
"""ln 2 - LN2_HIGH."""

HALF_PI = float.fromhex("0x1.921fb54442d18p+0")

TERMS = 10
"""Terms of the series; what is left out is below 2^-60 of the logarithm."""


def natural_log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln x of normal positive doubles (2^-1022 and above, finite), within 1 unit in the last place or so (< 2).

    x = 2^k · m with m from sqrt(1/2) to sqrt(2), f = m - 1, s = f / (2 + f), and since ln m = 2·artanh(s),
    ln m = f - s · (f - R) with R = z·(c1 + z·(c2 + … c10)), z = s², c_i = 2 / (2i + 1); ln x = k·LN2_HIGH +
    (ln m + k·LN2_LOW). The arrangement of the reduction is that of the usual C libraries; the series is plain Taylor.
    """
    flat = np.ascontiguousarray(x, np.float64).ravel()
    result = np.empty_like(flat)
    for start in range(0, flat.size, BLOCK):
        result[start : start + BLOCK] = _log_of_block(flat[start : start + BLOCK])
    return result.reshape(np.shape(x))


def _log_of_block(x: NDArray[np.float64]) -> NDArray[np.float64]:
    bits = x.view(np.int64)
    exponent = (bits - SQRT_HALF_BITS) >> 52
    f = (bits - (exponent << 52)).view(np.float64) - 1.0
    k = exponent.astype(np.float64)
    s = f / (f + 2.0)
    z = s * s
    series = z * (2.0 / (2 * TERMS + 1))
    for i in range(TERMS - 1, 0, -1):
        series += 2.0 / (2 * i + 1)
        series *= z
    log_m = f - s * (f - series)
    total: NDArray[np.float64] = k * LN2_HIGH + (log_m + k * LN2_LOW)
    return total


def sine_ramp(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """sin²(t·π/2) of values 0..1, within 1e-15: Taylor's series to u^23 by u·(1 - u²/(2·3)·(1 - u²/(4·5)·(1 - …)))."""
    u = t * HALF_PI
    square = u * u
    rest = np.ones_like(u)
    for n in range(22, 0, -2):
        rest = 1.0 - rest * square / (n * (n + 1))
    sine = u * rest
    ramp: NDArray[np.float64] = sine * sine
    return ramp


def mean_in_order(plane: NDArray[Any]) -> float:
    """Mean of an H×W plane in float64: every column from top to bottom, then their sums from left to right."""
    columns = np.zeros(plane.shape[1], np.float64)
    for row in plane:
        columns += row
    return float(np.cumsum(columns)[-1]) / plane.size


def mirrored(first: int, count: int, length: int) -> NDArray[np.intp]:
    """Indices 0..length-1 of `count` samples from `first` on, mirrored at both ends without repeating the last sample.

    They go on forever: 3 samples are 0 1 2 1 0 1 2 …, one sample is 0 0 0 ….
    """
    period = max(1, 2 * (length - 1))
    within = np.arange(first, first + count) % period
    return np.minimum(within, period - within) if length > 1 else within


def box_mean(plane: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Mean of an H×W plane over `side` × `side` samples around each, mirrored as in `mirrored`.

    An even side reaches one sample further up and to the left. Every column is summed from above the top on, and the
    sum over a window is the difference of two such running sums; then the same from left to right on those; then one
    division by side².
    """
    height, width = plane.shape
    before = side // 2
    running = np.empty((height + side, width), np.float64)
    running[0] = 0.0
    for i, row in enumerate(mirrored(-before, height + side - 1, height)):
        np.add(running[i], plane[row], out=running[i + 1])
    columns = mirrored(-before, width + side - 1, width)
    result = np.empty((height, width), np.float64)
    rows = max(1, BLOCK // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        down = running[top + side : bottom + side] - running[top:bottom]
        across = np.zeros((bottom - top, width + side), np.float64)
        np.cumsum(down.take(columns, 1), axis=1, out=across[:, 1:])
        np.subtract(across[:, side:], across[:, :width], out=result[top:bottom])
    result /= side * side
    return result
