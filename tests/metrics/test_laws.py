"""Laws that metrics keep for any data: invariances, weights as counts, bounds, and sums in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime_py.metrics import METRICS, RANKS, affine_invariant_1, affine_invariant_2, rank_loss

SEEDS = st.integers(0, 2**32 - 1)
SLOPES = st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3)
UNRANKED = [name for name in METRICS if name != "rank_loss"]
Sample = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _sample(seed: int) -> Sample:
    """Positive prediction, truth and integer confidence, with equal values among them, as depths would have."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 30, 80) / 4
    prediction = np.maximum(0.25, np.round(truth + rng.normal(0, 2, 80), 1))
    return prediction, truth, rng.integers(0, 4, 80).astype(np.float64)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SLOPES, st.floats(-100, 100))
def test_affine_maps_of_the_prediction_change_no_affine_invariant_error(seed: int, a: float, b: float) -> None:
    p, d, c = _sample(seed)
    for metric in (affine_invariant_1, affine_invariant_2):
        assert metric(a * p + b, d, c) == pytest.approx(metric(p, d, c), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SLOPES, st.floats(-100, 100))
def test_affine_maps_of_the_truth_scale_ai2_by_their_slope(seed: int, a: float, b: float) -> None:
    p, d, c = _sample(seed)
    assert affine_invariant_2(p, a * d + b, c) == pytest.approx(abs(a) * affine_invariant_2(p, d, c), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from(list(RANKS)))
def test_monotone_maps_of_either_side_change_no_rank_loss(seed: int, rank: str) -> None:
    p, d, c = _sample(seed)
    wanted = rank_loss(p, d, c, rank=rank)
    assert rank_loss(np.exp(p / 10), d, c, rank=rank) == pytest.approx(wanted, abs=1e-12)
    assert rank_loss(p, d**3, c, rank=rank) == pytest.approx(wanted, abs=1e-12)
    assert rank_loss(-p, d, c, rank=rank) == pytest.approx(wanted, abs=1e-12), "order reversed"


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(UNRANKED))
def test_a_confidence_of_k_is_k_copies_of_the_pixel(seed: int, name: str) -> None:
    p, d, c = _sample(seed)
    count = c.astype(int)
    copies = METRICS[name](np.repeat(p, count), np.repeat(d, count))
    assert METRICS[name](p, d, c) == pytest.approx(copies, rel=1e-9, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(list(METRICS)), st.floats(1e-3, 1e3))
def test_only_ratios_of_confidences_matter(seed: int, name: str, factor: float) -> None:
    p, d, c = _sample(seed)
    assert METRICS[name](p, d, factor * c) == pytest.approx(METRICS[name](p, d, c), rel=1e-9, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(list(METRICS)))
def test_the_order_of_pixels_does_not_matter(seed: int, name: str) -> None:
    p, d, c = _sample(seed)
    order = np.random.default_rng(seed + 1).permutation(p.size)
    assert METRICS[name](p[order], d[order], c[order]) == pytest.approx(METRICS[name](p, d, c), rel=1e-9, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(list(METRICS)))
def test_no_metric_is_negative_and_the_truth_scores_best(seed: int, name: str) -> None:
    p, d, c = _sample(seed)
    best = 1.0 if name in ("a1", "a2", "a3") else 0.0
    assert METRICS[name](d, d, c) == pytest.approx(best, abs=1e-6)
    assert METRICS[name](p, d, c) >= 0
    if name in ("rank_loss", "bad1", "bad2", "bad3", "d1", "a1", "a2", "a3"):
        assert METRICS[name](p, d, c) <= 1


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_ai2_is_at_most_the_spread_of_the_truth(seed: int) -> None:
    p, d, c = _sample(seed)
    middle = np.average(d, weights=c)
    assert affine_invariant_2(p, d, c) <= np.sqrt(np.average((d - middle) ** 2, weights=c)) * (1 + 1e-12)


def test_fitting_with_the_square_of_the_confidence_shows_only_in_weights_between_0_and_1() -> None:
    p, d, c = _sample(3)
    mask = (c > 1).astype(float)
    assert affine_invariant_2(p, d, mask, squared=True) == pytest.approx(affine_invariant_2(p, d, mask), rel=1e-12)
    rows = c[:, None] * np.stack([p, np.ones_like(p)], 1)
    a, b = np.linalg.lstsq(rows, c * d, rcond=None)[0]
    expected = np.sqrt(np.sum(c * (a * p + b - d) ** 2) / np.sum(c))
    assert affine_invariant_2(p, d, c, squared=True) == pytest.approx(expected, rel=1e-9)
    assert affine_invariant_2(p, d, c, squared=True) > affine_invariant_2(p, d, c) + 1e-6


def test_four_million_float32_pixels_are_fitted_in_float64() -> None:
    rng = np.random.default_rng(0)
    p = (1000 + rng.standard_normal(4_000_000)).astype(np.float32)
    d = 2 * (p - 1000)  # exact in float32
    ones = np.ones_like(p)
    normal = np.array([[np.sum(p * p), np.sum(p)], [np.sum(p), np.sum(ones)]], np.float32)
    a, b = np.linalg.solve(normal, np.array([np.sum(p * d), np.sum(d)], np.float32))
    in_float32 = float(np.sqrt(np.mean((a * p + b - d) ** 2)))
    assert in_float32 > 0.01
    assert affine_invariant_2(p, d) < 1e-9
