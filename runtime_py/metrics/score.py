"""Scoring a map under a published protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError
from runtime_py.metrics.affine_invariant import affine_invariant_1, affine_invariant_2
from runtime_py.metrics.depth import abs_rel, ratio_share, rmse, rmse_log, sq_rel
from runtime_py.metrics.protocols import PROTOCOLS, Protocol
from runtime_py.metrics.ranks import rank_loss
from runtime_py.metrics.stereo import bad_share, d1_share, end_point_error
from runtime_py.metrics.vectors import Vector

Metric = Callable[..., float]
"""f(prediction, truth, confidence=None): smaller is better, except for a1, a2 and a3."""

METRICS: dict[str, Metric] = {
    "ai1": affine_invariant_1,
    "ai2": affine_invariant_2,
    "rank_loss": rank_loss,
    "epe": end_point_error,
    "bad1": partial(bad_share, tau=1.0),
    "bad2": partial(bad_share, tau=2.0),
    "bad3": partial(bad_share, tau=3.0),
    "d1": d1_share,
    "abs_rel": abs_rel,
    "sq_rel": sq_rel,
    "rmse": rmse,
    "rmse_log": rmse_log,
    "a1": partial(ratio_share, power=1),
    "a2": partial(ratio_share, power=2),
    "a3": partial(ratio_share, power=3),
}


@dataclass(frozen=True)
class Score:
    """Figures of one map by metric, the number of pixels with weight, and the protocol's name.

    `rank` is the convention behind rank_loss, None where the protocol does not rank.
    """

    protocol: str
    figures: dict[str, float]
    pixels: int
    rank: str | None


def protocol_named(name: str) -> Protocol:
    """The entry of `PROTOCOLS`. Raises ContractError, listing the names, when there is none."""
    if name not in PROTOCOLS:
        raise ContractError(f"there is no protocol '{name}'; known are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def score(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    confidence: NDArray[Any] | None = None,
    *,
    protocol: str,
    valid: NDArray[Any] | None = None,
) -> Score:
    """Figures of one map under a protocol, whose crop, grid, weights, fit and ranks are applied here.

    truth, confidence, valid: H×W, whole, as the dataset stores them (0..1 for codes, px, or metres); prediction: the
    same pixels, or the capture's where the protocol has `truth_at`. valid: where truth is known, by default where it
    is finite. Raises ContractError for sizes that are not the protocol's, a confidence that it does not use, and
    values that no metric can take.
    """
    chosen = protocol_named(protocol)
    if confidence is not None and not chosen.weighted:
        raise ContractError(f"protocol '{protocol}' weighs no pixel; leave the confidence out, or mask with `valid`")
    d = np.asarray(truth, np.float64)
    known = np.isfinite(d) if valid is None else np.asarray(valid, np.bool_)
    c = None if confidence is None else np.asarray(confidence, np.float64)
    _require_size(protocol, chosen, d)
    p = np.asarray(prediction, np.float64)
    if chosen.truth_at is not None and p.ndim == 2:
        p = p[chosen.truth_at]
    for name, plane in (("prediction", p), ("valid mask", known), ("confidence", c)):
        if plane is not None and plane.shape != d.shape:
            raise ContractError(
                f"under protocol '{protocol}' the {name} covers {plane.shape} of the truth's {d.shape} (rows, columns)"
            )
    if chosen.unknown == "zero":
        d = np.where(known, d, 0)
    if chosen.unknown in ("as stored", "zero"):
        known = np.ones(d.shape, np.bool_)
    if chosen.regrid_truth is not None and chosen.regrid_map is not None:
        d, p, c = chosen.regrid_truth(d), chosen.regrid_map(p), None if c is None else chosen.regrid_map(c)
        known = np.ones(d.shape, np.bool_)
    window = chosen.window(*d.shape)
    c = None if c is None else c[window]
    return score_pixels(p[window], d[window], c, protocol=protocol, valid=known[window])


def score_pixels(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    confidence: NDArray[Any] | None = None,
    *,
    protocol: str,
    valid: NDArray[Any] | None = None,
) -> Score:
    """Figures of pixels that were cropped and brought to one grid already; weights, fit and ranks as in `score`.

    All arrays have the same shape, any. `valid` is True everywhere by default.
    """
    chosen = protocol_named(protocol)
    p, d = (np.asarray(a, np.float64).ravel() for a in (prediction, truth))
    known = np.ones(d.shape, np.bool_) if valid is None else np.asarray(valid, np.bool_).ravel()
    c = np.ones_like(d) if confidence is None else np.asarray(confidence, np.float64).ravel()
    if not p.size == d.size == c.size == known.size:
        raise ContractError(
            f"prediction, truth, confidence and valid have {p.size}, {d.size}, {c.size} and {known.size} values"
        )
    if chosen.truth_range is not None:
        known = known & (d > chosen.truth_range[0]) & (d < chosen.truth_range[1])
    if chosen.unknown == "weight 0":
        c = np.where(known, c, 0)
    else:
        p, d, c = p[known], d[known], c[known]
    if chosen.median_scaled:
        p = _median_scaled(p, d)
    if chosen.clamped and chosen.truth_range is not None:
        p = np.clip(p, *chosen.truth_range)
    figures = {name: metric(p, d, c) for name, metric in metrics_of(chosen).items()}
    return Score(protocol, figures, int(np.count_nonzero(c)), chosen.rank if "rank_loss" in figures else None)


def metrics_of(protocol: Protocol) -> dict[str, Metric]:
    """The protocol's metrics, with its fit and its ranks."""
    special: dict[str, Metric] = {
        "ai1": partial(affine_invariant_1, steps=protocol.steps, ridge=protocol.ridge),
        "ai2": partial(affine_invariant_2, ridge=protocol.ridge, squared=protocol.squared_fit),
        "rank_loss": partial(rank_loss, rank=protocol.rank),
    }
    return {name: special.get(name, METRICS[name]) for name in protocol.metrics}


def _median_scaled(p: Vector, d: Vector) -> Vector:
    middle = float(np.median(p)) if p.size else 0.0
    if not middle > 0:
        raise ContractError(f"the median of the predicted depths is {middle:g}; it cannot be brought to the truth's")
    return p * (float(np.median(d)) / middle)


def _require_size(name: str, protocol: Protocol, truth: Vector) -> None:
    if truth.ndim != 2:
        raise ContractError(f"the truth has shape {truth.shape}; protocol '{name}' scores H×W")
    if protocol.truth_size is not None and truth.shape != protocol.truth_size:
        rows, columns = protocol.truth_size
        raise ContractError(
            f"protocol '{name}' scores a truth of {rows}×{columns} (rows × columns); this one is "
            f"{truth.shape[0]}×{truth.shape[1]}"
        )
