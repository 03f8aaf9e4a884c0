"""What looks wrong in a capture: each finding with the measure behind it.

Thresholds lie well outside what sound captures of the public datasets show; they are stated beside each check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.correspond import WIDTH, Correspondences, correspond
from runtime_py.captures.orientation import views

ENOUGH = 20
"""Matches below which a capture's geometry is not judged."""


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong: `value` in `unit` is what was measured, `sentence` what it means and what to do."""

    check: str
    value: float
    unit: str
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """A capture, and what several checks measure on it once."""

    capture: DPCapture

    @cached_property
    def matches(self) -> Correspondences:
        """Correspondences with the dual-pixel axis horizontal."""
        return correspond(*views(self.capture))

    @property
    def geometry(self) -> bool:
        return len(self.matches) >= ENOUGH and len(self.matches) >= self.matches.tried / 3


def findings(capture: DPCapture) -> list[Finding]:
    """All findings on a capture, in the order of `CHECKS`; none means that nothing looked wrong."""
    evidence = Evidence(capture)
    return [finding for check in CHECKS.values() if (finding := check(evidence)) is not None]


def exposure(evidence: Evidence) -> Finding | None:
    """Views more than 35 % apart in mean: vignetting alone was seen to give up to 26 %."""
    left, right = (max(float(v.mean()), 1e-9) for v in (evidence.capture.left, evidence.capture.right))
    ratio = left / right
    if 1 / 1.35 <= ratio <= 1.35:
        return None
    text = "the views differ in exposure or gain beyond what vignetting does; check that both come from one exposure"
    return Finding("exposure", ratio, "left/right", text)


def black_level(evidence: Evidence) -> Finding | None:
    """Darkest 0.1 % above 30 % of the median in a scene of some contrast (99 % point above twice the median)."""
    dark, middle, bright = (float(v) for v in np.percentile(evidence.capture.left, (0.1, 50, 99)))
    if middle <= 0 or dark < 0.3 * middle or bright < 2 * middle:
        return None
    text = "no pixel comes near black although the scene has contrast: the sensor's black level seems to be left in"
    return Finding("black-level", dark, "of white", f"{text}; give it as 'black' in capture.json")


def saturation(evidence: Evidence) -> Finding | None:
    """More than 1 % of a view piled up at its brightest value."""
    shares = []
    for view in (evidence.capture.left, evidence.capture.right):
        top = float(view.max())
        shares.append(float((view >= 0.995 * top).mean()) if top > 0.5 else 0.0)
    share = max(shares)
    if share <= 0.01:
        return None
    return Finding("saturation", share, "of pixels", "highlights are clipped: expect no disparity there; expose less")


def levels(evidence: Evidence) -> Finding | None:
    """At most 256 distinct values in a file of more than 8 bit that spans over eight times as many."""
    capture = evidence.capture
    if capture.bit_depth <= 8:
        return None
    distinct = int(np.unique(capture.left).size)
    span = float(capture.left.max() - capture.left.min()) * (2**capture.bit_depth - 1)
    if distinct > 256 or span < 8 * distinct:
        return None
    text = f"the {capture.bit_depth}-bit file holds {distinct} distinct values: 8-bit data, perhaps with a tone curve"
    return Finding("levels", distinct, "values", f"{text}; give the 8-bit original, or 'gamma' in capture.json")


def aspect(evidence: Evidence) -> Finding | None:
    """Views longer than 2.2 to 1: no sensor is, but half-height readout makes files that are."""
    height, width = evidence.capture.size
    ratio = max(height, width) / min(height, width)
    if ratio <= 2.2:
        return None
    text = "the views are far longer than a sensor: their pixels are probably not square; give 'pixel_aspect' (often 2)"
    return Finding("aspect", ratio, "to 1", text)


def identical(evidence: Evidence) -> Finding | None:
    """Views equal to the last bit."""
    if not np.array_equal(evidence.capture.left, evidence.capture.right):
        return None
    return Finding("identical", 0.0, "difference", "both views are the same picture: the capture holds no disparity")


def unmatched(evidence: Evidence) -> Finding | None:
    """Fewer than a third of the textured blocks of the left view found in the right one."""
    matches = evidence.matches
    if matches.tried < ENOUGH or len(matches) >= matches.tried / 3:
        return None
    text = "most of the left view is not found in the right one; check that both are of one capture"
    return Finding("unmatched", len(matches) / matches.tried, "of blocks found", text)


def untextured(evidence: Evidence) -> Finding | None:
    """Too few blocks with structure to judge geometry, or to find disparity in."""
    tried = evidence.matches.tried
    if tried >= ENOUGH:
        return None
    return Finding(
        "untextured", tried, "textured blocks", "there is hardly any texture to match; disparity will be guesswork"
    )


def misalignment(evidence: Evidence) -> Finding | None:
    """Median shift across the axis above 0.35 pixels at 768: sound captures show below 0.05."""
    if not evidence.geometry or _crossed(evidence.matches.shifts):
        return None
    shift = float(np.median(evidence.matches.shifts[:, 0]))
    if abs(shift) <= 0.35:
        return None
    text = "the views are displaced across the dual-pixel axis, which costs accuracy: align them, or correct the axis"
    return Finding("misalignment", shift, f"px at {WIDTH} wide", text)


def axis(evidence: Evidence) -> Finding | None:
    """Shifts that vary across the stated axis at least twice as much as along it, and by over half a pixel."""
    if not evidence.geometry or not _crossed(evidence.matches.shifts):
        return None
    capture = evidence.capture
    other = "vertical" if capture.dp_axis == "horizontal" else "horizontal"
    text = f"shifts vary across the {capture.dp_axis} axis and hardly along it: the dual-pixel axis seems to be {other}"
    return Finding("axis", _spread(evidence.matches.shifts[:, 0]), f"px at {WIDTH} wide", text)


def swapped(evidence: Evidence) -> Finding | None:
    """Shifts that run against the truth (correlation below −0.5); without truth nothing tells left from right."""
    if not evidence.geometry or _crossed(evidence.matches.shifts):
        return None
    nearness = _nearness_at(evidence.capture, evidence.matches.centres)
    known = np.isfinite(nearness)
    disparity = evidence.matches.shifts[known, 1]
    if int(known.sum()) < ENOUGH or nearness[known].std() == 0 or disparity.std() == 0:
        return None
    correlation = float(np.corrcoef(disparity, nearness[known])[0, 1])
    if correlation >= -0.5:
        return None
    text = "left minus right falls where the truth is nearer: the views seem to be swapped; exchange the two files"
    return Finding("swapped", correlation, "correlation", text)


CHECKS: dict[str, Callable[[Evidence], Finding | None]] = {
    "exposure": exposure,
    "black-level": black_level,
    "saturation": saturation,
    "levels": levels,
    "aspect": aspect,
    "identical": identical,
    "unmatched": unmatched,
    "untextured": untextured,
    "misalignment": misalignment,
    "axis": axis,
    "swapped": swapped,
}


def _spread(values: NDArray[np.float64]) -> float:
    low, high = np.percentile(values, (5, 95))
    return float(high - low)


def _crossed(shifts: NDArray[np.float64]) -> bool:
    across, along = _spread(shifts[:, 0]), _spread(shifts[:, 1])
    return across > 0.5 and across > 2 * along


def _nearness_at(capture: DPCapture, centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """The truth, turned so that nearer is larger, at block centres of the horizontal views; NaN where unknown."""
    if capture.truth is None:
        return np.full(len(centres), np.nan)
    whole = np.full(capture.size, np.nan)
    sign = -1 if capture.truth.kind == "defocus-code" else 1
    whole[capture.truth.rows, capture.truth.columns] = np.where(
        capture.truth.valid, sign * capture.truth.values, np.nan
    )
    if capture.dp_axis == "vertical":
        whole = np.rot90(whole)
    row, column = (centres * whole.shape[1] / WIDTH).astype(np.intp).T
    return np.asarray(whole[row.clip(0, whole.shape[0] - 1), column.clip(0, whole.shape[1] - 1)])
