"""Where blocks of the left view lie in the right one: sparse, two-dimensional, for judging a capture's geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.preprocess import resize_to_width

WIDTH = 768
"""Views are compared at this width, in its pixels: sensor noise is averaged out and disparities are a few pixels."""

BLOCK = 48
ACROSS, DOWN = 12, 5
"""Blocks are looked for within ± these many pixels along and across the (horizontal) dual-pixel axis."""

SIMILAR = 0.8
TEXTURED = 0.01
"""Least correlation of a match, and least contrast (of log intensity, along both directions) of a block to be tried."""


@dataclass(frozen=True)
class Correspondences:
    """Matches of blocks: centre (row, column) and shift left minus right (y, x), in pixels at `WIDTH`, float64 n×2.

    `tried` counts the blocks with enough structure to be looked for.
    """

    centres: NDArray[np.float64]
    shifts: NDArray[np.float64]
    tried: int

    def __len__(self) -> int:
        return len(self.shifts)


def correspond(left: NDArray[Any], right: NDArray[Any]) -> Correspondences:
    """Matches between two linear views (H×W, horizontal axis) by normalised correlation, with a parabola's precision.

    Only blocks with structure in both directions count: along a lone edge a shift cannot be seen.
    """
    import cv2

    a, b = (_high_passed(view) for view in (left, right))
    slope_y, slope_x = (np.asarray(cv2.Sobel(a, cv2.CV_32F, dx, dy, scale=1 / 8)) for dx, dy in ((0, 1), (1, 0)))
    centres: list[tuple[float, float]] = []
    shifts: list[tuple[float, float]] = []
    tried = 0
    for y in range(DOWN, a.shape[0] - BLOCK - DOWN + 1, BLOCK // 2):
        for x in range(ACROSS, a.shape[1] - BLOCK - ACROSS + 1, BLOCK // 2):
            here = (slice(y, y + BLOCK), slice(x, x + BLOCK))
            if _weakest_slope(slope_y[here], slope_x[here]) < TEXTURED:
                continue
            tried += 1
            window = b[y - DOWN : y + BLOCK + DOWN, x - ACROSS : x + BLOCK + ACROSS]
            surface = np.asarray(cv2.matchTemplate(window, a[here], cv2.TM_CCOEFF_NORMED))
            found = _peak(surface)
            if found is not None:
                centres.append((y + BLOCK / 2, x + BLOCK / 2))
                shifts.append((DOWN - found[0], ACROSS - found[1]))
    return Correspondences(np.array(centres).reshape(-1, 2), np.array(shifts).reshape(-1, 2), tried)


def _high_passed(view: NDArray[Any]) -> NDArray[np.float32]:
    import cv2

    small = np.maximum(resize_to_width(view, WIDTH), 0)
    log = np.log(small / max(float(small.mean()), 1e-9) + 0.05)
    fine = np.asarray(cv2.GaussianBlur(log, (0, 0), 1.0))
    return np.asarray(fine - cv2.blur(log, (31, 31)), np.float32)


def _weakest_slope(slope_y: NDArray[np.float32], slope_x: NDArray[np.float32]) -> float:
    """Root of the smaller eigenvalue of the block's structure tensor: contrast per pixel in its poorest direction."""
    yy, xx, xy = (float(np.mean(p * q)) for p, q in ((slope_y, slope_y), (slope_x, slope_x), (slope_x, slope_y)))
    smaller = (yy + xx) / 2 - np.hypot((yy - xx) / 2, xy)
    return float(np.sqrt(max(smaller, 0.0)))


def _peak(surface: NDArray[np.float32]) -> tuple[float, float] | None:
    """Row and column of the maximum, refined; None where it is weak or lies on the border of the search."""
    y, x = divmod(int(surface.argmax()), surface.shape[1])
    if surface[y, x] < SIMILAR or not (0 < y < surface.shape[0] - 1 and 0 < x < surface.shape[1] - 1):
        return None
    return y + _vertex(surface[y - 1 : y + 2, x]), x + _vertex(surface[y, x - 1 : x + 2])


def _vertex(three: NDArray[np.float32]) -> float:
    before, at, after = (float(v) for v in three)
    bend = before - 2 * at + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend
