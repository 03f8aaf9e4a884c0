"""Edge spread: how far isolated upright edges rise over, and how lopsidedly, in each view.

The gradient of an edge is the line spread of what blurred it. Between the views its middle moves by the disparity, and
its spread grows with that by a factor that tells point-spread functions apart: of kernels with little disparity for
their blur (a linear ramp over the disc) edges are wider at the same disparity than of a half disc.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from benchmarks.realism.filters import gaussian
from benchmarks.realism.pairs import Array, Window

REACH = 12
"""Half of the profile's length, px."""

ROWS = 2
"""A profile is the mean of this many rows at either side of its own."""

CLEAN = 0.85
"""Least share |Σg| / Σ|g| of a profile that is one edge and little else."""

ENDS = 0.1
"""Largest share of the gradient in the profile's outer three steps at both ends, which belong to something else."""

STEEPEST = 0.2
"""Largest |slope down| / |slope across| of an edge: upright enough for rows to be averaged."""

STRONG = 0.15
"""Least step of an edge over the mean level of its profile."""

QUANTILES = (0.2, 0.5, 0.8)
"""Where an edge is read: moments would depend on what else lies within the profile."""

DISC_RISE = 0.493
"""20 to 80 % of the light of a line seen through a whole disc, as a share of the disc's diameter."""

SHARPEST = 75
"""Percentile over edges at which a kernel's disparity per blur is read."""


@dataclass(frozen=True)
class Edges:
    """One value per edge, float64 (n,): disparity, position left minus right, px; rise_left, rise_right: px from 20 to
    80 % of the step; lean_left, lean_right: in -1..1, positive where the part right of the middle is the longer."""

    disparity: Array
    rise_left: Array
    rise_right: Array
    lean_left: Array
    lean_right: Array


def edges(window: Window) -> Edges:
    """All isolated upright edges of a window, measured on linear light (a blur is a convolution there only)."""
    mixed = gaussian(window.left / window.means[0] + window.right / window.means[1], 1.0)
    down, across = np.gradient(mixed)
    strength = np.abs(across)
    candidate = (np.abs(down) < STEEPEST * strength) & (strength > 0.01 * mixed)
    candidate[:, 1:-1] &= (strength[:, 1:-1] >= strength[:, :-2]) & (strength[:, 1:-1] > strength[:, 2:])
    margin = REACH + 2
    ys, xs = np.nonzero(candidate[ROWS:-ROWS, margin:-margin])
    order = np.argsort(-strength[ys + ROWS, xs + margin])
    taken = np.zeros(strength.shape, np.bool_)
    found = []
    for y, x in zip(ys[order] + ROWS, xs[order] + margin, strict=True):
        if taken[y, x]:
            continue
        left, right = (_read(view, int(y), int(x)) for view in (window.left, window.right))
        if left is None or right is None:
            continue
        taken[max(0, y - 2 * ROWS) : y + 2 * ROWS + 1, x - 3 : x + 4] = True
        found.append((left[0] - right[0], left[1], right[1], left[2], right[2]))
    return Edges(*np.array(found, np.float64).reshape(-1, len(fields(Edges))).T)


def _read(view: Array, y: int, x: int) -> tuple[float, float, float] | None:
    """Position, rise and lean of the edge about (y, x); None where there is no lone edge."""
    return read_profile(view[y - ROWS : y + ROWS + 1, x - REACH : x + REACH + 2].mean(0))


def read_profile(profile: Array) -> tuple[float, float, float] | None:
    """Position (px from the profile's start), rise from 20 to 80 % (px) and lean of the lone edge across `profile`.

    None where it is none: too weak, not alone, or not over before the profile is.
    """
    gradient = np.diff(profile)
    step, total = float(gradient.sum()), float(np.abs(gradient).sum())
    if abs(step) < CLEAN * total or abs(step) < STRONG * float(profile.mean()):
        return None
    if float(np.abs(gradient[:3]).sum() + np.abs(gradient[-3:]).sum()) > ENDS * total:
        return None
    risen = np.maximum.accumulate((profile - profile[0]) / step)
    low, middle, high = (float(np.interp(q, risen, np.arange(profile.size))) for q in QUANTILES)
    if high - low < 0.1:
        return None
    return (low + middle + high) / 3, high - low, (high + low - 2 * middle) / (high - low)


def implied_alpha(disparity: Array, rise: Array, least: float = 0.5, sharp: float = 1.2) -> float:
    """Disparity per px of blur diameter that edges imply, taking the blur for that of a whole disc.

    Scenes have soft edges too, which only make it look smaller: the upper quartile over edges of at least `least` px
    of disparity is taken. `sharp`: px of rise without defocus, subtracted in squares. Narrower
    kernels come out too large by the ratio of rises: a ramp 1.25 times, a half disc twice. NaN for fewer than 12 edges.
    """
    seen = np.abs(disparity) >= least
    if int(seen.sum()) < 12:
        return float("nan")
    blur = np.sqrt(np.maximum(rise[seen] ** 2 - sharp**2, 0.25)) / DISC_RISE
    return float(np.percentile(np.abs(disparity[seen]) / blur, SHARPEST))
