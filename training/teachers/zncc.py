"""`zncc`: block matching by zero-mean normalised cross-correlation, for dual-pixel pairs.

Blind to gain and offset of either view, which is what vignetting does to dual pixels. Its window is wide, so edges are
fat: 31 px of 768. The settings were chosen on scenes of CMU and DP119.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from runtime_py.errors import DpocketError
from training.data.sample import Sample
from training.teachers.matching import Plane, matched
from training.teachers.teacher import Kind, Label, turned_back, views_of, with_settings

LEAST_VARIANCE = 1e-10
"""Below this product of variances (of square roots of light) a window counts as flat."""


@dataclass(frozen=True)
class ZnccSettings:
    """In px: views wider than `width` are matched at `width`, by square windows, `reach` to either side."""

    width: int = 768
    window: int = 31
    reach: int = 8
    tolerance: float = 1.0


class ZnccTeacher:
    """Labels dual-pixel pairs; see `ZnccSettings`."""

    pairs = ("dual-pixel",)

    def __init__(self, settings: ZnccSettings) -> None:
        self._settings = settings

    def identity(self) -> dict[str, Any]:
        return {"teacher": "zncc", **dataclasses.asdict(self._settings)}

    def prepare(self, names: Sequence[str]) -> None:
        pass

    def label(self, sample: Sample) -> Label:
        left, right = views_of(sample)
        s = self._settings
        matcher = partial(correlate, window=s.window, reach=s.reach)
        return turned_back(matched(matcher, left, right, s.width, s.tolerance), sample)


def correlate(left: Plane, right: Plane, window: int, reach: int) -> Plane:
    """x_left - x_right of linear views (H, W) with the highest correlation within ±`reach` px, refined by a parabola.

    float32; NaN where the best is at the end of the range, which is no maximum, and where a window is flat.
    """
    import cv2

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.boxFilter(plane, -1, (window, window), borderType=cv2.BORDER_REFLECT_101), np.float32)

    # A square root makes shot noise about equally strong in shadows and highlights.
    left, right = (np.sqrt(np.maximum(view, 0)).astype(np.float32) for view in (left, right))
    mean_left = mean(left)
    variance_left = mean(left * left) - mean_left**2
    continued = np.pad(right, ((0, 0), (reach, reach)), mode="edge")
    best = np.full(left.shape, -np.inf, np.float32)
    at, below, above = (np.full(left.shape, np.nan, np.float32) for _ in range(3))
    previous, rising = np.full(left.shape, np.nan, np.float32), np.zeros(left.shape, np.bool_)
    for disparity in range(-reach, reach + 1):
        shifted = continued[:, reach - disparity : reach - disparity + left.shape[1]]
        mean_shifted = mean(shifted)
        product = variance_left * (mean(shifted * shifted) - mean_shifted**2)
        covariance = mean(left * shifted) - mean_left * mean_shifted
        score: Plane = np.asarray(covariance / np.sqrt(np.maximum(product, LEAST_VARIANCE)), np.float32)
        score[product < LEAST_VARIANCE] = -1
        above[rising] = score[rising]
        rising = score > best
        best[rising], at[rising], below[rising], above[rising] = score[rising], disparity, previous[rising], np.nan
        previous = score
    bend = below - 2 * best + above
    vertex = np.divide(below - above, 2 * bend, out=np.full_like(best, np.nan), where=bend < 0)
    return np.where(best > -1, at + vertex, np.float32(np.nan)).astype(np.float32)


def _make(text: str, settings: Sequence[str]) -> ZnccTeacher:
    s = with_settings(ZnccSettings(), settings)
    if s.window < 3 or s.window % 2 == 0 or s.reach < 2 or s.width < 64 or s.tolerance <= 0:
        raise DpocketError(
            f"window is {s.window}, reach {s.reach}, width {s.width} and tolerance {s.tolerance}; a window is odd and "
            "3 px at least, reach 2 px, width 64 px, and tolerance is above 0 px"
        )
    return ZnccTeacher(s)


KIND = Kind("zncc", "zncc (correlation of 31 px windows, for dual pixels)", "zncc".__eq__, _make)
