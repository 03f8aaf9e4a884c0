"""How the gain between the two views changes along the dual-pixel axis: vignetting differs between half apertures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.orientation import views
from runtime_py.captures.preprocess import resize_to_width

COLUMNS = 24
"""Cells along the axis: each is some thirty times as wide as a disparity, which therefore hardly enters."""


@dataclass(frozen=True)
class GainRamp:
    """Slope of log(left/right) over the whole length of the view along the axis, and its standard error."""

    slope: float
    error: float


def gain_ramp(capture: DPCapture) -> GainRamp | None:
    """The ramp, by least squares on the medians of columns; None where too few columns are lit and unclipped.

    The error is that of the straight line: a gain field that bends has a large one.
    """
    left, right = (resize_to_width(view, COLUMNS) for view in views(capture))
    lit = (np.minimum(left, right) > 0.01 * max(float(left.max()), 1e-9)) & (np.maximum(left, right) < 0.95)
    position, gain = [], []
    for column in range(COLUMNS):
        here = lit[:, column]
        if here.any():
            position.append((column + 0.5) / COLUMNS - 0.5)
            gain.append(float(np.median(np.log(left[here, column] / right[here, column]))))
    if len(gain) < COLUMNS / 2:
        return None
    x, y = np.array(position), np.array(gain)
    x -= x.mean()
    slope = float((x * y).sum() / (x * x).sum())
    residual = y - y.mean() - slope * x
    return GainRamp(slope, float(np.sqrt((residual**2).sum() / (len(y) - 2) / (x * x).sum())))
