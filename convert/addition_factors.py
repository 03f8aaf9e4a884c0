"""Factors after which a float32 addition on the grid gives the integers of XNNPACK's."""

from __future__ import annotations

from typing import Any

import numpy as np

from runtime_py.arithmetic import INT8_MAX, INT8_MIN
from runtime_py.ops.sums import xnnpack_rule
from runtime_py.program import Quant

PLACES = 4
"""Units in the last place to either side that are searched for a factor of an addition."""

NEAR = 2.0**-10
"""Steps from a rounding boundary within which it matters how an addition rounds: 255 * 2 * 2**-20, doubled."""


def pair_factors(first: Quant, second: Quant, out: Quant) -> tuple[np.float32, np.float32]:
    """Factors of an addition's two real operands after which all its 65,536 results are XNNPACK's; 1 where they are.

    XNNPACK's factors have 21 bits, so they are not quite the ratios of the scales. One factor is enough more often than
    not, and is one operation less. Where no factors do it everywhere, those that do it most often.
    """
    grids = [(q.scale[0], int(q.zero_point[0])) for q in (first, second, out)]
    (scale_a, zero_a), (scale_b, zero_b), (scale, zero) = grids
    rule = xnnpack_rule(grids[0], grids[1], grids[2], 1)
    a, b = (q.reshape(-1) for q in np.meshgrid(*[np.arange(INT8_MIN, INT8_MAX + 1)] * 2))
    ratio_a, ratio_b = (np.float64(s) / np.float64(scale) for s in (scale_a, scale_b))
    exact = (a - zero_a) * ratio_a + (b - zero_b) * ratio_b
    near = np.abs(exact - np.floor(exact) - 0.5) < NEAR
    a, b = a[near], b[near]
    wanted = np.clip(rule(a, b), INT8_MIN, INT8_MAX)
    real_a = (a - zero_a).astype(np.float32) * scale_a
    real_b = (b - zero_b).astype(np.float32) * scale_b

    def wrong(factors: tuple[np.float32, np.float32]) -> int:
        steps = np.rint((real_a * factors[0] + real_b * factors[1]) / scale)
        return int(np.count_nonzero(np.clip(steps + zero, INT8_MIN, INT8_MAX) != wanted))

    one = np.float32(1)
    # The rule does not limit, so large operands show its factors.
    large = np.int64(1 << 30)
    shown_a = rule(np.array(large + zero_a), np.array(zero_b)) / (large * ratio_a)
    shown_b = rule(np.array(zero_a), np.array(large + zero_b)) / (large * ratio_b)
    reach = sorted(range(-PLACES, PLACES + 1), key=abs)
    places = sorted(((i, j) for i in reach for j in reach), key=lambda pair: abs(pair[0]) + abs(pair[1]))
    alone = [pair for i in reach for pair in ((moved(shown_a, i), one), (one, moved(shown_b, i)))]
    tried = [(moved(shown_a, i), moved(shown_b, j)) for i, j in places]
    return min([(one, one), *alone, *tried], key=wrong)


def moved(value: Any, places: int) -> np.float32:
    """The float32 number so many places beside the one nearest to a positive `value`."""
    return (np.float32(value).view(np.int32) + np.int32(places)).view(np.float32)
