"""Errors of a depth map in metres (Eigen et al., NIPS 2014, section 4.2), as every KITTI table prints them.

Both sides are positive depths; each function raises ContractError where one is zero or negative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError
from runtime_py.metrics.vectors import Vector, checked, mean


def abs_rel(prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None) -> float:
    """Mean of |P − D| / D."""
    p, d, c = _depths(prediction, truth, confidence)
    return mean(np.abs(p - d) / d, c)


def sq_rel(prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None) -> float:
    """Mean of (P − D)² / D, in metres."""
    p, d, c = _depths(prediction, truth, confidence)
    return mean((p - d) ** 2 / d, c)


def rmse(prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None) -> float:
    """Root of the mean of (P − D)², in metres."""
    p, d, c = _depths(prediction, truth, confidence)
    return float(np.sqrt(mean((p - d) ** 2, c)))


def rmse_log(prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None) -> float:
    """Root of the mean of (ln P − ln D)²."""
    p, d, c = _depths(prediction, truth, confidence)
    return float(np.sqrt(mean(np.log(p / d) ** 2, c)))


def ratio_share(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None, *, power: int
) -> float:
    """a_k: share (0..1) of pixels with max(P/D, D/P) < 1.25 to the `power` of k; larger is better."""
    p, d, c = _depths(prediction, truth, confidence)
    return mean(np.maximum(p / d, d / p) < 1.25**power, c)


def _depths(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None
) -> tuple[Vector, Vector, Vector]:
    p, d, c = checked(prediction, truth, confidence)
    for name, values in (("prediction", p), ("truth", d)):
        bad = int(np.count_nonzero(values <= 0))
        if bad:
            raise ContractError(
                f"the {name} has {bad} of {values.size} depths that are zero or negative; mask or clamp them"
            )
    return p, d, c
