"""The L/R gain field of a window: how much brighter one view is than the other, and how that changes over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.realism.matching import Blocks

PER = 100.0
"""Slopes are told over this many px."""


@dataclass(frozen=True)
class GainField:
    """offset: mean log(left / right); slope_x, slope_y: its change per 100 px; rough: deviation from that plane; all in
    per cent. span: 5th to 95th percentile over the field, per cent."""

    offset: float
    slope_x: float
    slope_y: float
    rough: float
    span: float


def gain_field(found: Blocks) -> GainField | None:
    """A plane through the gains of the blocks, each of which is compared with its match, so that disparity does not
    count; two rounds, the second without blocks beyond three deviations. None where fewer than six blocks are lit."""
    lit = (found.level > 0.03) & np.isfinite(found.gain) & ~(found.structured & ~found.matched)
    if int(lit.sum()) < 6:
        return None
    y, x, gain = found.y[lit], found.x[lit], 100 * found.gain[lit]
    y, x = (y - y.mean()) / PER, (x - x.mean()) / PER
    basis = np.stack([np.ones_like(y), x, y], 1)
    kept = np.ones(y.size, np.bool_)
    plane = np.zeros(3)
    for _ in range(2):
        plane = np.linalg.lstsq(basis[kept], gain[kept], rcond=None)[0]
        rest = gain - basis @ plane
        spread = 1.4826 * float(np.median(np.abs(rest))) + 1e-6
        kept = np.abs(rest) <= 3 * spread
    low, high = np.percentile(gain, (5, 95))
    offset, slope_x, slope_y = (float(v) for v in plane)
    return GainField(offset, slope_x, slope_y, float(np.sqrt(np.mean(rest[kept] ** 2))), float(high - low))
