"""`Finding`, what a check reports, and `Evidence`, what several checks measure on a capture once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.correspond import BLOCK, Correspondences, correspond
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
        """Whether enough blocks were found again for their shifts to mean something."""
        return len(self.matches) >= ENOUGH and len(self.matches) >= self.matches.tried / 3

    @cached_property
    def varied(self) -> tuple[float, float]:
        """How much the shifts vary over the scene, across and along the axis (standard deviations, px at `WIDTH`).

        From the covariance of neighbouring blocks that share no pixel: what varies with the scene is common to them,
        the error of matching is not. So a scene of little depth still shows along which axis its disparity runs.
        """
        across, along = (_common_variation(self.matches, k) for k in (0, 1))
        return across, along

    @property
    def crossed(self) -> bool:
        """Whether shifts vary with the scene across the stated axis rather than along it.

        1.25 times as much, and by 0.08 px: sound captures of the public datasets show ratios up to 0.7, turned ones
        1.5 (a scene of 0.1 px of variation) and more.
        """
        across, along = self.varied
        return across > 0.08 and across > 1.25 * along


def _common_variation(matches: Correspondences, component: int) -> float:
    values = matches.shifts[:, component]
    middle = np.median(values)
    # A false match is as far off as the search allows: limit what one can add.
    limit = 0.3 + 4.5 * float(np.median(np.abs(values - middle)))
    centred = np.clip(values - middle, -limit, limit)
    at = {(round(y), round(x)): float(v) for (y, x), v in zip(matches.centres, centred, strict=True)}
    products = [
        value * at[y + down, x + right]
        for (y, x), value in at.items()
        for down, right in ((BLOCK, 0), (0, BLOCK))
        if (y + down, x + right) in at
    ]
    return float(np.sqrt(max(float(np.mean(np.array(products))), 0.0))) if len(products) >= ENOUGH else 0.0


def nearness_at(capture: DPCapture, centres: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The truth, turned so that nearer is larger, at points (row, column) of the horizontal views at `width` px.

    NaN where it is unknown.
    """
    if capture.truth is None:
        return np.full(len(centres), np.nan)
    whole = np.full(capture.size, np.nan)
    sign = -1 if capture.truth.kind == "defocus-code" else 1
    whole[capture.truth.rows, capture.truth.columns] = np.where(
        capture.truth.valid, sign * capture.truth.values, np.nan
    )
    if capture.dp_axis == "vertical":
        whole = np.rot90(whole)
    row, column = (centres * whole.shape[1] / width).astype(np.intp).T
    return np.asarray(whole[row.clip(0, whole.shape[0] - 1), column.clip(0, whole.shape[1] - 1)])
