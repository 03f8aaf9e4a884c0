"""Rank correlation, with the three ways in which the field ranks equal values.

On one published pair 1 − |ρ_s| is 0.060 with dense ranks, 0.174 with Google's and 0.292 with the textbook's: figures
of different conventions cannot be compared, so every figure is printed with the name of its convention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError
from runtime_py.metrics.vectors import Vector, checked, mean


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
    """Spearman's ρ_s in −1..1, 0 where one side has equal ranks: the weighted Pearson correlation of the ranks.

    Papers print 1 − |ρ_s|, with one of three conventions for equal values that give very different numbers: `rank` is
    "average", "google" or "dense"; say which one beside every figure. Pixels are ranked unweighted, those of weight 0
    included: leave out what should not take a rank.
    """
    if rank not in RANKS:
        raise ContractError(f"there is no rank convention '{rank}'; known are {', '.join(RANKS)}")
    p, d, c = checked(prediction, truth, confidence)
    return _correlation(RANKS[rank](p), RANKS[rank](d), c)


def rank_loss(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None, *, rank: str = "average"
) -> float:
    """1 − |ρ_s| in 0..1, 0 for a prediction that orders the pixels as the truth does, or in reverse.

    Google's ranks of −P are not the reverse of the ranks of P where values are equal; their released code takes the
    larger ρ_s of the two, and so does rank="google".
    """
    rho = spearman(prediction, truth, confidence, rank=rank)
    if rank != "google":
        return 1 - abs(rho)
    return 1 - max(rho, spearman(-np.asarray(prediction, np.float64), truth, confidence, rank=rank))


def _correlation(a: Vector, b: Vector, c: Vector) -> float:
    a, b = a - mean(a, c), b - mean(b, c)
    spread = np.sqrt(np.sum(c * a * a) * np.sum(c * b * b))
    return float(np.clip(np.sum(c * a * b) / spread, -1, 1)) if spread > 0 else 0.0
