"""Finding a shift between two pictures with numpy and scipy only, so that the renderer is not judged by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift as shifted
from scipy.optimize import minimize_scalar

REACH = 9
"""Largest shift searched, px."""


def matched_disparity(left: NDArray[Any], right: NDArray[Any]) -> float:
    """d = x_left - x_right (px) of one window: `right` moved by d to larger x fits `left` with the least squares."""
    inner = (slice(None), slice(REACH + 3, -REACH - 3))
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)

    def misfit(d: float) -> float:
        moved = shifted(right, (0.0, d), order=3, mode="nearest")
        return float(np.mean((left[inner] - moved[inner]) ** 2))

    coarse = min(range(-REACH, REACH + 1), key=misfit)
    found = minimize_scalar(misfit, bounds=(coarse - 1, coarse + 1), method="bounded", options={"xatol": 1e-3})
    return float(found.x)


def phase_disparity(left: NDArray[Any], right: NDArray[Any]) -> float:
    """d (px) of two *periodic* pictures from the phase of their lowest horizontal frequency, rows summed.

    Near frequency zero the phase of a kernel is its centroid, whatever its form; what is left is cubic in frequency.
    """
    lowest = [np.fft.fft(np.asarray(view, np.float64).sum(0))[1] for view in (left, right)]
    return float(-np.angle(lowest[0] * np.conj(lowest[1])) * left.shape[1] / (2 * np.pi))


def matched_displacement(first: NDArray[Any], second: NDArray[Any]) -> tuple[float, float]:
    """How far (x, y), px, the details of a window lie farther right and down in `first` than in `second`."""
    edge = slice(REACH + 3, -REACH - 3)
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    x = y = 0.0
    for _ in range(4):
        x = matched_disparity(first[edge], shifted(second, (y, 0.0), order=3, mode="nearest")[edge])
        y = matched_disparity(first.T[edge], shifted(second, (0.0, x), order=3, mode="nearest").T[edge])
    return x, y
