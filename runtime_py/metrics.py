"""Metrics of disparity against truth: affine-invariant errors, rank correlation, end-point error and outlier shares.

P is the prediction, D the truth, C the confidence (weights, ones by default); all are flattened and must be finite.
Every sum runs in float64: in float32 the fits go wrong on millions of pixels. Functions raise ContractError for arrays
of different sizes, values that are not finite, and weights that are negative or all zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError

Vector = NDArray[np.float64]


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
    from w = 1, five times; Σ C·|aP + b − D| / Σ C (Garg et al., ICCV 2019, section 5; `ridge` is 1e-5 in their code).
    """
    p, d, c = _checked(prediction, truth, confidence)
    w, residual = np.ones_like(d), np.zeros_like(d)
    for _ in range(steps):
        a, b = affine_fit(p, d, c * w, ridge)
        residual = np.abs(a * p + b - d)
        w = 1 / np.maximum(floor, residual)
    return float(np.sum(c * residual) / np.sum(c))


def affine_invariant_2(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None, *, ridge: float = 0.0
) -> float:
    """AI(2): root mean squared error, in units of the truth, after the weighted least-squares affine fit."""
    p, d, c = _checked(prediction, truth, confidence)
    a, b = affine_fit(p, d, c, ridge)
    return float(np.sqrt(np.sum(c * (a * p + b - d) ** 2) / np.sum(c)))


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


def average_ranks(values: NDArray[Any]) -> Vector:
    """Ranks from 1; equal values share the mean of the ranks they occupy (the textbook's)."""
    _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts, dtype=np.float64)
    return np.asarray((last - (counts - 1) / 2)[place], np.float64)


def dense_ranks(values: NDArray[Any]) -> Vector:
    """Ranks from 1 among the distinct values (Punnappurath, KAIST, Sony)."""
    return np.unique(values.ravel(), return_inverse=True)[1].astype(np.float64) + 1


def google_ranks(values: NDArray[Any]) -> Vector:
    """Positions in sorted order, from 0: equal values get different ranks in the order they come (Google)."""
    order = np.argsort(values.ravel(), kind="stable")
    ranks = np.empty(order.size, np.float64)
    ranks[order] = np.arange(order.size)
    return ranks


RANKS: dict[str, Callable[[NDArray[Any]], Vector]] = {
    "average": average_ranks,
    "google": google_ranks,
    "dense": dense_ranks,
}


def spearman(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None, *, rank: str = "average"
) -> float:
    """Spearman's ρ_s in −1..1, 0 where one side is constant: the weighted Pearson correlation of the ranks.

    Papers print 1 − |ρ_s|, with one of three conventions for equal values that give very different numbers: `rank` is
    "average", "google" or "dense"; say which one beside every figure.
    """
    if rank not in RANKS:
        raise ContractError(f"there is no rank convention '{rank}'; known are {', '.join(RANKS)}")
    p, d, c = _checked(prediction, truth, confidence)
    a, b = RANKS[rank](p), RANKS[rank](d)
    total = np.sum(c)
    a, b = a - np.sum(c * a) / total, b - np.sum(c * b) / total
    spread = np.sqrt(np.sum(c * a * a) * np.sum(c * b * b))
    return float(np.sum(c * a * b) / spread) if spread > 0 else 0.0


def end_point_error(prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None) -> float:
    """EPE: mean absolute difference of two disparities, in their pixels."""
    p, d, c = _checked(prediction, truth, confidence)
    return float(np.sum(c * np.abs(p - d)) / np.sum(c))


def bad_share(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None, *, tau: float
) -> float:
    """bad-τ: share (0..1) of pixels whose error exceeds `tau` pixels."""
    p, d, c = _checked(prediction, truth, confidence)
    return float(np.sum(c * (np.abs(p - d) > tau)) / np.sum(c))


def d1_share(prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None) -> float:
    """D1 (KITTI 2015): share (0..1) of pixels with an error above 3 pixels and above 5 % of the true disparity."""
    p, d, c = _checked(prediction, truth, confidence)
    error = np.abs(p - d)
    return float(np.sum(c * ((error > 3) & (error > 0.05 * np.abs(d)))) / np.sum(c))


def _checked(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None
) -> tuple[Vector, Vector, Vector]:
    p, d = (np.asarray(a, np.float64).ravel() for a in (prediction, truth))
    c = np.ones_like(d) if confidence is None else np.asarray(confidence, np.float64).ravel()
    if not p.size == d.size == c.size:
        raise ContractError(
            f"prediction, truth and confidence have {p.size}, {d.size} and {c.size} values; give as many"
        )
    for name, values in (("prediction", p), ("truth", d), ("confidence", c)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise ContractError(f"the {name} has {bad} of {values.size} values that are NaN or infinite; mask them out")
    if d.size == 0 or c.min() < 0 or not c.sum() > 0:
        raise ContractError(
            "no pixel carries weight: the truth is empty, or a confidence is negative or zero everywhere"
        )
    return p, d, c
