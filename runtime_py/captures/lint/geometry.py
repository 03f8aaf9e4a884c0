"""Checks of a capture's geometry: pixel aspect, texture, and where blocks of one view lie in the other."""

from __future__ import annotations

import numpy as np

from runtime_py.captures.correspond import WIDTH
from runtime_py.captures.lint.evidence import ENOUGH, Evidence, Finding


def aspect(evidence: Evidence) -> Finding | None:
    """Views longer than 2.2 to 1: no sensor is, but half-height readout makes files that are."""
    height, width = evidence.capture.size
    ratio = max(height, width) / min(height, width)
    if ratio <= 2.2:
        return None
    text = "the views are far longer than a sensor: their pixels are probably not square; give 'pixel_aspect' (often 2)"
    return Finding("aspect", ratio, "to 1", text)


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
    """Median shift across the axis above 0.08 pixels at `WIDTH`, by three standard errors.

    Sound captures of the public datasets show up to 0.05; half a pixel costs a small network a fifth of its accuracy.
    """
    if not evidence.geometry or evidence.crossed:
        return None
    across = evidence.matches.shifts[:, 0]
    shift = float(np.median(across))
    # 1.25 σ/√n is the standard error of a median, 1.48 MAD a σ that false matches do not move.
    error = 1.25 * 1.48 * float(np.median(np.abs(across - shift))) / np.sqrt(len(across))
    if abs(shift) - 3 * error <= 0.08:
        return None
    text = "the views are displaced across the dual-pixel axis, which costs accuracy: align them, or correct the axis"
    return Finding("misalignment", shift, f"px at {WIDTH} wide", text)


def axis(evidence: Evidence) -> Finding | None:
    """Shifts that vary with the scene across the stated axis (`Evidence.crossed`).

    A plane at one distance varies along neither: turned, it shows as a misalignment, whose sentence names the axis too.
    """
    if not evidence.geometry or not evidence.crossed:
        return None
    capture = evidence.capture
    across, along = evidence.varied
    other = "vertical" if capture.dp_axis == "horizontal" else "horizontal"
    text = (
        f"shifts vary with the scene across the {capture.dp_axis} axis, {across / max(along, 0.01):.1f} times as much "
        f"as along it: the dual-pixel axis seems to be {other}"
    )
    return Finding("axis", across, f"px at {WIDTH} wide", text)
