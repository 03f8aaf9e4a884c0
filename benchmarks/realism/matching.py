"""How blocks of the left view lie in the right one: disparity, likeness, gain and noise of each block."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from benchmarks.realism.filters import box_mean, gaussian
from benchmarks.realism.noise import level_and_sigma
from benchmarks.realism.pairs import Array, Mask, Window
from benchmarks.realism.texture import BLURRED
from runtime_py.contract import Preprocess

BLOCK, STEP = 32, 24
ACROSS, DOWN = 10, 3
"""Blocks are looked for within ± these many px along and across the dual-pixel axis."""

STRUCTURED = 0.012
"""Least contrast, log units per px, in a block's poorer direction after `BLURRED`, for its match to mean anything."""

SIMILAR = 0.8
"""Least correlation of a match whose disparity is counted."""


@dataclass(frozen=True)
class Blocks:
    """One value per block, float64 (n,).

    y, x: centre, px of the window; disparity, vertical: shift left minus right of the best match, px; zncc: correlation
    there after a slight blur, zncc_fine: without it; structure: contrast in the poorer direction, log units per px;
    width_x, width_y: how far (px) the views can be shifted until their correlation, taken for a parabola, has halved:
    a width of the autocorrelation to which noise adds nothing; level: mean of the left block over the view's mean;
    light: the same over white; gain: log(left / right); sigma: noise deviation over the left level; whiteness:
    correlation of neighbouring noise.
    """

    y: Array
    x: Array
    disparity: Array
    vertical: Array
    zncc: Array
    zncc_fine: Array
    structure: Array
    width_x: Array
    width_y: Array
    level: Array
    light: Array
    gain: Array
    sigma: Array
    whiteness: Array

    @property
    def structured(self) -> Mask:
        return self.structure >= STRUCTURED

    @property
    def matched(self) -> Mask:
        """Structured blocks that were found in the right view, away from the border of the search."""
        return self.structured & (self.zncc >= SIMILAR) & np.isfinite(self.disparity)


def blocks(window: Window, settings: Preprocess) -> Blocks:
    """All blocks of a window."""
    fine = [log - box_mean(log, settings.box) for log in window.logs(settings)]
    smooth = [gaussian(view, 1.0) for view in fine]
    slopes = np.gradient(gaussian(window.logs(settings)[0], BLURRED))
    height, width = window.left.shape
    rows = []
    for y in range(DOWN, height - BLOCK - DOWN + 1, STEP):
        for x in range(ACROSS, width - BLOCK - ACROSS + 1, STEP):
            here = (slice(y, y + BLOCK), slice(x, x + BLOCK))
            surfaces = [_surface(views[0][here], views[1], y, x) for views in (smooth, fine)]
            found = _match(*surfaces)
            there = (slice(y - found.down, y - found.down + BLOCK), slice(x - found.across, x - found.across + BLOCK))
            left, right = window.left[here], window.right[there]
            light, sigma, whiteness = level_and_sigma(left, right)
            rows.append(
                (
                    y + BLOCK / 2,
                    x + BLOCK / 2,
                    found.disparity,
                    found.vertical,
                    found.zncc,
                    found.zncc_fine,
                    _weakest(slopes[0][here], slopes[1][here]),
                    found.width_x,
                    found.width_y,
                    light / window.means[0],
                    light,
                    float(np.log(max(light, 1e-9) / max(float(right.mean()), 1e-9))),
                    sigma / max(light, 1e-9),
                    whiteness,
                )
            )
    columns = np.array(rows, np.float64).reshape(-1, len(fields(Blocks))).T
    return Blocks(*columns)


@dataclass(frozen=True)
class _Found:
    across: int
    down: int
    disparity: float
    vertical: float
    zncc: float
    zncc_fine: float
    width_x: float
    width_y: float


def _surface(block: Array, view: Array, y: int, x: int) -> Array:
    """Correlations (2·DOWN + 1, 2·ACROSS + 1) of a block with `view` at all shifts."""
    import cv2

    searched = view[y - DOWN : y + BLOCK + DOWN, x - ACROSS : x + BLOCK + ACROSS]
    picture, template = (np.ascontiguousarray(plane, np.float32) for plane in (searched, block))
    return np.asarray(cv2.matchTemplate(picture, template, cv2.TM_CCOEFF_NORMED), np.float64)


def _match(smooth: Array, fine: Array) -> _Found:
    """The peak of `smooth` refined by parabolas; disparity is NaN where the peak lies on the border of the search."""
    row, column = divmod(int(np.nan_to_num(smooth).argmax()), smooth.shape[1])
    across, down = ACROSS - column, DOWN - row
    inner = 0 < row < smooth.shape[0] - 1 and 0 < column < smooth.shape[1] - 1
    if not inner:
        peak = float(smooth[row, column])
        return _Found(across, down, np.nan, np.nan, peak, float(fine[row, column]), np.nan, np.nan)
    shift_x, shift_y, peak = _vertex(smooth, row, column)
    _, _, peak_fine = _vertex(fine, row, column)
    width_x = _width(fine[row, column - 1 : column + 2])
    width_y = _width(fine[row - 1 : row + 2, column])
    return _Found(across, down, across - shift_x, down - shift_y, peak, peak_fine, width_x, width_y)


def _vertex(surface: Array, row: int, column: int) -> tuple[float, float, float]:
    """Offset (x, y) of the maximum from its pixel, px, and its height, at most 1."""
    offsets, height = [], float(surface[row, column])
    for before, at, after in (surface[row, column - 1 : column + 2], surface[row - 1 : row + 2, column]):
        bend = before - 2 * at + after
        offset = float(np.clip(0.5 * (before - after) / bend, -1, 1)) if bend < 0 else 0.0
        offsets.append(offset)
        height += -0.25 * float(before - after) * offset
    return offsets[0], offsets[1], min(height, 1.0)


def _width(three: Array) -> float:
    """l of a correlation c·(1 - s²/(2 l²)), px, from values at three neighbouring shifts s."""
    before, at, after = three
    bend = before - 2 * at + after
    return float(np.sqrt(at / -bend)) if bend < 0 < at else float("nan")


def _weakest(slope_y: Array, slope_x: Array) -> float:
    """Root of the smaller eigenvalue of the structure tensor."""
    yy, xx, xy = (float(np.mean(p * q)) for p, q in ((slope_y, slope_y), (slope_x, slope_x), (slope_x, slope_y)))
    return float(np.sqrt(max((yy + xx) / 2 - np.hypot((yy - xx) / 2, xy), 0.0)))
