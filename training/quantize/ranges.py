"""The range of every tensor over a set of inputs, by one of the methods of `METHODS`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import StudentGraph

BINS = 2048
TAIL = 3e-4
"""Share of the values at each end that "percentile" may clip; chosen on real captures (RESULTS.md, "Calibration")."""

Span = tuple[float, float]
"""Smallest and largest value; 0 is always between them."""


def observed_ranges(graph: StudentGraph, batches: Iterable[Mapping[str, Tensor]], method: str) -> dict[str, Span]:
    """The range of every tensor of `graph` over float32 NCHW `batches`, by tensor name.

    `method` is "minmax", "percentile" (all but `TAIL` at each side) or "mse" (least squared error over symmetric
    shrinkings of the range). Raises DpocketError for another method, no batches, or a value that is not finite.
    """
    if method not in METHODS:
        raise DpocketError(f"no calibration method '{method}'; there are: {', '.join(METHODS)}")
    seen = list(batches)
    if not seen:
        raise DpocketError("calibration needs at least one batch of inputs")
    ranges = _extremes(graph, seen)
    if method == "minmax":
        return ranges
    counts = _histograms(graph, seen, ranges)
    return {name: METHODS[method](counts[name], *ranges[name]) for name in ranges}


def inputs_hash(batches: Iterable[Mapping[str, Tensor]]) -> str:
    """SHA-256 of float32 inputs as little-endian bytes, sample by sample, each sample's inputs in order of name.

    How samples are grouped into batches does not count.
    """
    digest = hashlib.sha256()
    for batch in batches:
        planes = [batch[name].contiguous().numpy().astype("<f4", copy=False) for name in sorted(batch)]
        for sample in zip(*planes, strict=True):
            for plane in sample:
                digest.update(plane.tobytes())
    return digest.hexdigest()


def _observe(graph: StudentGraph, batches: list[Mapping[str, Tensor]], see: Callable[[str, Tensor], None]) -> None:
    def visit(name: str, value: Tensor) -> Tensor:
        see(name, value)
        return value

    with torch.no_grad():
        for batch in batches:
            graph.run(batch, visit)


def _extremes(graph: StudentGraph, batches: list[Mapping[str, Tensor]]) -> dict[str, tuple[float, float]]:
    ranges: dict[str, tuple[float, float]] = {}

    def see(name: str, value: Tensor) -> None:
        lo, hi = (float(v) for v in torch.aminmax(value))
        if not (np.isfinite(lo) and np.isfinite(hi)):
            raise DpocketError(
                f"calibration met a value that is not finite in '{name}'; check the weights and the inputs"
            )
        old = ranges.get(name, (0.0, 0.0))
        ranges[name] = (min(old[0], lo), max(old[1], hi))

    _observe(graph, batches, see)
    return ranges


def _histograms(
    graph: StudentGraph, batches: list[Mapping[str, Tensor]], ranges: Mapping[str, tuple[float, float]]
) -> dict[str, NDArray[np.float64]]:
    counts = {name: torch.zeros(BINS, dtype=torch.float64) for name in ranges}

    def see(name: str, value: Tensor) -> None:
        lo, hi = ranges[name]
        if hi > lo:
            counts[name] += torch.histc(value, BINS, lo, hi).double()

    _observe(graph, batches, see)
    return {name: c.numpy() for name, c in counts.items()}


def _percentile(counts: NDArray[np.float64], lo: float, hi: float) -> tuple[float, float]:
    total = counts.sum()
    if total == 0:
        return lo, hi
    share = np.cumsum(counts) / total
    edges = np.linspace(lo, hi, BINS + 1)
    low, high = edges[np.searchsorted(share, TAIL, side="right")], edges[np.searchsorted(share, 1 - TAIL) + 1]
    return min(float(low), 0.0), max(float(high), 0.0)


def _least_squares(counts: NDArray[np.float64], lo: float, hi: float) -> tuple[float, float]:
    if counts.sum() == 0:
        return lo, hi
    centres = lo + (np.arange(BINS) + 0.5) * (hi - lo) / BINS

    def error(shrink: float) -> float:
        step = shrink * (hi - lo) / 255
        beyond = centres - np.clip(centres, shrink * lo, shrink * hi)
        # Inside the range rounding errors are uniform: step² / 12.
        return float(np.sum(counts * np.where(beyond != 0, beyond**2, step**2 / 12)))

    best = min(np.geomspace(1 / 64, 1.0, 121), key=lambda shrink: error(float(shrink)))
    return float(best) * lo, float(best) * hi


METHODS: dict[str, Callable[..., tuple[float, float]]] = {
    "minmax": lambda counts, lo, hi: (lo, hi),
    "percentile": _percentile,
    "mse": _least_squares,
}
