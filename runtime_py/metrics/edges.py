"""Edges of a map: the Sobel operator, and how far the slopes of a prediction are from those of the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError
from runtime_py.metrics.vectors import Vector, checked, mean

GAIN = 8.0
"""What the Sobel kernels return on a ramp of one unit per pixel."""


def sobel(plane: NDArray[Any]) -> tuple[Vector, Vector]:
    """Correlation of an H×W plane with Sobel's two 3×3 kernels: (x, y), positive where values grow right, down.

    x: rows (−1 0 1), (−2 0 2), (−1 0 1); y is its transpose. Edge pixels are repeated outwards. On a ramp of one unit
    per pixel the result is 8.
    """
    plane = np.asarray(plane, np.float64)
    if plane.ndim != 2 or plane.size == 0:
        raise ContractError(f"the plane has shape {plane.shape}; the Sobel operator works on H×W")
    padded = np.pad(plane, 1, mode="edge")
    across = padded[:, 2:] - padded[:, :-2]
    down = padded[2:] - padded[:-2]
    return across[:-2] + 2 * across[1:-1] + across[2:], down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]


def gradient_error(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    confidence: NDArray[Any] | None = None,
    *,
    valid: NDArray[Any] | None = None,
) -> float:
    """Mean length of the difference of the two gradients, in units of the maps per pixel; all arrays H×W.

    Gradients are Sobel's, divided by 8. A pixel counts where its 3×3 neighbourhood is valid (everywhere by default).
    """
    shapes = {np.shape(a) for a in (prediction, truth, confidence, valid) if a is not None}
    if len(shapes) != 1:
        raise ContractError(f"prediction, truth, confidence and valid have shapes {sorted(shapes)}; give one shape")
    known = np.ones(np.shape(truth), np.bool_) if valid is None else np.asarray(valid, np.bool_)
    difference = np.where(known, np.asarray(prediction, np.float64), 0) - np.where(known, truth, 0)
    x, y = sobel(difference)
    around = np.pad(known, 1, mode="edge")
    height, width = known.shape
    whole = np.all([around[i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0)
    weight = whole if confidence is None else np.where(whole, confidence, 0)
    length, _, c = checked(np.hypot(x, y), np.zeros_like(x), weight)
    return mean(length, c) / GAIN
