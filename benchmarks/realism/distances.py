"""How far two distributions are apart, and how far one covers the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.realism.pairs import Array

FEWEST = 12
"""Values below which a source has no say in a measure."""

QUANTILES = 200
"""Values that stand for each source in a pool, so that a source of many captures does not outweigh the others."""

TAIL = 2.5
"""Per cent cut off at either end before one distribution is said to cover another."""


@dataclass(frozen=True)
class Distance:
    """Rendered against the pool of all real sources.

    ks: largest difference of the two distribution functions, 0..1; wasserstein: mean distance over the pool's
    interquartile range; covered: share of the real values inside of the rendered ones' central 95 %; spent: share of
    the rendered values inside of the real ones' central 95 %; among: the median `ks` of a real source against the pool
    of the other real ones, NaN where there is only one.
    """

    ks: float
    wasserstein: float
    covered: float
    spent: float
    among: float


def ks(a: Array, b: Array) -> float:
    """The two-sample Kolmogorov-Smirnov statistic."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    below = [np.searchsorted(values, both, side="right") / values.size for values in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def wasserstein(a: Array, b: Array) -> float:
    """The mean distance that the values of one have to go to become the other, in their unit (order 1)."""
    both = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(np.sort(values), both[:-1], side="right") / values.size for values in (a, b)]
    return float(np.sum(np.abs(below[0] - below[1]) * np.diff(both)))


def inside(values: Array, of: Array) -> float:
    """Share of `values` within the central 95 % of `of`."""
    low, high = np.percentile(of, (TAIL, 100 - TAIL))
    return float(np.mean((values >= low) & (values <= high)))


def pooled(sources: list[Array]) -> Array:
    """One distribution of several, each with equal weight."""
    at = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.concatenate([np.quantile(values, at) for values in sources])


def distance(rendered: Array, real: list[Array]) -> Distance | None:
    """None where rendered pairs or all real sources have too few values."""
    real = [values for values in real if values.size >= FEWEST]
    if rendered.size < FEWEST or not real:
        return None
    pool = pooled(real)
    spread = float(np.subtract(*np.percentile(pool, (75, 25))))
    others = [ks(values, pooled(real[:i] + real[i + 1 :])) for i, values in enumerate(real)] if len(real) > 1 else []
    return Distance(
        ks=ks(rendered, pool),
        wasserstein=wasserstein(rendered, pool) / max(spread, 1e-9),
        covered=inside(pool, rendered),
        spent=inside(rendered, pool),
        among=float(np.median(others)) if others else float("nan"),
    )
