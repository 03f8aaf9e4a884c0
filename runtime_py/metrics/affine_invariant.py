"""Affine-invariant errors: what remains of a disparity once the scale and offset that suit it best are given away.

A dual-pixel disparity is affine in inverse depth with coefficients that the camera rarely tells, hence the fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.metrics.vectors import Vector, checked, mean


def affine_invariant_1(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    confidence: NDArray[Any] | None = None,
    *,
    steps: int = 5,
    floor: float = 1e-3,
    ridge: float = 0.0,
) -> float:
    """AI(1): mean absolute error, in units of the truth, after the affine fit that (nearly) minimises it.

    Iteratively re-weighted least squares: (a, b) = argmin Σ C·w·(aP + b − D)², then w = 1/max(floor, |aP + b − D|),
    from w = 1, `steps` times; Σ C·|aP + b − D| / Σ C (Garg et al., ICCV 2019, section 5; `ridge` is 1e-5 there).
    """
    p, d, c = checked(prediction, truth, confidence)
    w, residual = np.ones_like(d), np.zeros_like(d)
    for _ in range(steps):
        a, b = affine_fit(p, d, c * w, ridge)
        residual = np.abs(a * p + b - d)
        w = 1 / np.maximum(floor, residual)
    return mean(residual, c)


def affine_invariant_2(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    confidence: NDArray[Any] | None = None,
    *,
    ridge: float = 0.0,
    squared: bool = False,
) -> float:
    """AI(2): root mean squared error, in units of the truth, after the weighted least-squares affine fit.

    (a, b) = argmin Σ C·(aP + b − D)²; sqrt(Σ C·(aP + b − D)² / Σ C). With `squared` the fit (not the mean) weighs by
    C²: KAIST's and Sony's released code multiplies the rows of the system by C where √C was meant. Weights of 0 and 1
    give the same either way.
    """
    p, d, c = checked(prediction, truth, confidence)
    a, b = affine_fit(p, d, c * c if squared else c, ridge)
    return float(np.sqrt(mean((a * p + b - d) ** 2, c)))


def affine_fit(p: Vector, d: Vector, weight: Vector, ridge: float = 0.0) -> tuple[float, float]:
    """(a, b) that minimise Σ weight·(aP + b − D)² + ridge·(a² + b²); a is 0 for a constant P."""
    total = float(np.sum(weight))
    if ridge:
        off = float(np.sum(weight * p))
        normal = np.array([[float(np.sum(weight * p * p)), off], [off, total]]) + ridge * np.eye(2)
        a, b = np.linalg.solve(normal, np.array([np.sum(weight * p * d), np.sum(weight * d)]))
        return float(a), float(b)
    # Centred moments: the plain normal equations lose the variance of P when its mean is large.
    mean_p, mean_d = float(np.sum(weight * p)) / total, float(np.sum(weight * d)) / total
    spread = float(np.sum(weight * (p - mean_p) ** 2))
    if spread <= total * (1e-12 * max(abs(mean_p), 1e-300)) ** 2:
        return 0.0, mean_d
    a = float(np.sum(weight * (p - mean_p) * (d - mean_d))) / spread
    return a, mean_d - a * mean_p
