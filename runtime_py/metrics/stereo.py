"""Errors of a disparity in pixels: end-point error and shares of outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.metrics.vectors import checked, mean


def end_point_error(prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None) -> float:
    """EPE: mean absolute difference of two disparities, in their pixels."""
    p, d, c = checked(prediction, truth, confidence)
    return mean(np.abs(p - d), c)


def bad_share(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None, *, tau: float
) -> float:
    """bad-τ: share (0..1) of pixels whose error exceeds `tau` pixels."""
    p, d, c = checked(prediction, truth, confidence)
    return mean(np.abs(p - d) > tau, c)


def d1_share(prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None) -> float:
    """D1 (KITTI 2015): share (0..1) of pixels with an error above 3 pixels and above 5 % of the true disparity."""
    p, d, c = checked(prediction, truth, confidence)
    error = np.abs(p - d)
    return mean((error > 3) & (error > 0.05 * np.abs(d)), c)
