"""Metrics against scipy, a general optimiser, hand-computed values and the invariances that define them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from runtime_py.errors import ContractError
from runtime_py.metrics import (
    affine_fit,
    affine_invariant_1,
    affine_invariant_2,
    bad_share,
    d1_share,
    end_point_error,
    spearman,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(0, 1, 4000)
PREDICTION = np.round(-3 * TRUTH + RNG.normal(0, 0.6, TRUTH.size), 1)
WEIGHT = RNG.uniform(0, 1, TRUTH.size) * (RNG.uniform(0, 1, TRUTH.size) > 0.2)


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (-2.5, 7.0), (1e-3, -4.0), (1e4, 1e6)])
def test_affine_invariant_errors_ignore_scale_sign_and_offset(a: float, b: float) -> None:
    moved = a * PREDICTION + b
    assert affine_invariant_1(moved, TRUTH, WEIGHT) == pytest.approx(affine_invariant_1(PREDICTION, TRUTH, WEIGHT))
    assert affine_invariant_2(moved, TRUTH, WEIGHT) == pytest.approx(affine_invariant_2(PREDICTION, TRUTH, WEIGHT))


def test_ai2_is_the_weighted_residual_of_numpys_line() -> None:
    line = np.polynomial.Polynomial.fit(PREDICTION, TRUTH, 1, w=np.sqrt(WEIGHT))
    expected = np.sqrt(np.sum(WEIGHT * (line(PREDICTION) - TRUTH) ** 2) / WEIGHT.sum())
    assert affine_invariant_2(PREDICTION, TRUTH, WEIGHT) == pytest.approx(expected, rel=1e-10)


def test_ai1_approaches_the_least_absolute_error_over_all_lines() -> None:
    def error(line: np.ndarray) -> float:
        return float(np.sum(WEIGHT * np.abs(line[0] * PREDICTION + line[1] - TRUTH)) / WEIGHT.sum())

    best = optimize.minimize(error, [0.0, 0.5], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).fun
    assert best <= affine_invariant_1(PREDICTION, TRUTH, WEIGHT) < 1.001 * best


def test_ai1_hardly_moves_for_an_outlier_and_ai2_does() -> None:
    p, d = np.arange(200.0), np.arange(200.0) / 200
    d[100] = 50.0
    assert affine_invariant_1(p, d) == pytest.approx(49.5 / 200, rel=0.02)
    assert affine_invariant_2(p, d) > 3


def test_a_constant_prediction_is_scored_as_the_spread_of_the_truth() -> None:
    assert affine_invariant_2(np.full(TRUTH.size, 0.3), TRUTH) == pytest.approx(TRUTH.std())
    assert spearman(np.full(TRUTH.size, 0.3), TRUTH) == 0


def test_fit_keeps_a_small_slope_under_a_large_offset() -> None:
    p = 1000 + 1e-3 * RNG.standard_normal(1000)
    a, b = affine_fit(p, 5 * (p - 1000), np.ones(1000))
    assert a == pytest.approx(5, rel=1e-6)
    assert a * 1000 + b == pytest.approx(0, abs=1e-8)


def test_ridge_solves_the_regularised_normal_equations() -> None:
    rows = np.stack([PREDICTION, np.ones_like(PREDICTION)], 1)
    left = rows.T @ (WEIGHT[:, None] * rows) + 0.1 * np.eye(2)
    expected = np.linalg.inv(left) @ rows.T @ (WEIGHT * TRUTH)
    np.testing.assert_allclose(affine_fit(PREDICTION, TRUTH, WEIGHT, ridge=0.1), expected, rtol=1e-9)


def test_average_ranks_give_scipys_spearman() -> None:
    assert spearman(PREDICTION, TRUTH) == pytest.approx(stats.spearmanr(PREDICTION, TRUTH).statistic, abs=1e-12)


@pytest.mark.parametrize("rank", ["average", "dense", "ordinal"])
def test_rank_conventions_are_those_of_scipy(rank: str) -> None:
    a, b = (stats.rankdata(v, method=rank) for v in (PREDICTION, TRUTH.round(2)))
    ours = spearman(PREDICTION, TRUTH.round(2), rank="google" if rank == "ordinal" else rank)
    assert ours == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)


def test_conventions_differ_on_tied_values() -> None:
    p, d = np.array([0, 0, 0, 0, 1, 2.0]), np.array([0, 1, 2, 3, 3, 3.0])
    values = [spearman(p, d, rank=r) for r in ("average", "google", "dense")]
    assert len({round(v, 3) for v in values}) == 3


def test_weights_of_the_rank_correlation_repeat_pixels_after_ranking() -> None:
    p, d, count = np.array([3.0, 1, 2, 5, 4]), np.array([1.0, 2, 3, 4, 6]), np.array([1, 2, 1, 3, 1])
    a, b = (np.repeat(stats.rankdata(v), count) for v in (p, d))
    assert spearman(p, d, count) == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_stereo_metrics_by_hand() -> None:
    truth = np.array([10.0, 100.0, 20.0, 4.0])
    prediction = np.array([10.5, 104.0, 24.0, 4.0])
    assert end_point_error(prediction, truth) == pytest.approx((0.5 + 4 + 4) / 4)
    assert bad_share(prediction, truth, tau=0.4) == 0.75
    assert bad_share(prediction, truth, tau=0.5) == 0.5, "an error equal to τ is not bad"
    assert d1_share(prediction, truth) == 0.25, "4 px are 4 % of 100 px"
    edge = d1_share(np.array([76.0, 84.1, 3.0]), np.array([80.0, 80.0, 0.0]))
    assert edge == pytest.approx(1 / 3), "errors of exactly 5 % or 3 px are no outliers"
    assert end_point_error(prediction, truth, np.array([1, 0, 0, 3])) == pytest.approx(0.125)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 60))
def test_no_confidence_is_a_confidence_of_one_and_zero_confidence_removes(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    p, d, keep = rng.normal(size=n), rng.normal(size=n), np.arange(n) > 0
    for metric in (affine_invariant_1, affine_invariant_2, end_point_error):
        assert metric(p, d) == pytest.approx(metric(p, d, np.full(n, 2.0)))
        assert metric(p, d, keep) == pytest.approx(metric(p[1:], d[1:]), abs=1e-9)
    assert -1 - 1e-9 <= spearman(p, d) <= 1 + 1e-9


def test_bad_values_are_named() -> None:
    with pytest.raises(ContractError, match="prediction has 1 of 3 values that are NaN"):
        affine_invariant_1(np.array([1, np.nan, 2]), np.ones(3))
    with pytest.raises(ContractError, match="3, 4 and 4 values"):
        end_point_error(np.ones(3), np.ones(4))
    with pytest.raises(ContractError, match="no pixel carries weight"):
        affine_invariant_2(np.ones(3), np.ones(3), np.zeros(3))
    with pytest.raises(ContractError, match="no rank convention 'min'; known are average, google, dense"):
        spearman(np.ones(3), np.ones(3), rank="min")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    path = Path(__file__).parents[2].parent / "shared" / "tools" / "dp_eval.py"
    if not path.is_file():
        pytest.skip("the reference evaluation script (dp_eval.py) is not on this machine")
    spec = importlib.util.spec_from_file_location("dp_eval", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("weight", [np.ones_like(TRUTH), WEIGHT])
def test_metrics_equal_those_of_the_reference_evaluation(reference: ModuleType, weight: np.ndarray) -> None:
    given = (PREDICTION, TRUTH, weight)
    assert affine_invariant_1(*given) == pytest.approx(reference.ai1(*given), abs=1e-9)
    assert affine_invariant_2(*given) == pytest.approx(reference.ai2(*given), abs=1e-9)
    assert 1 - abs(spearman(*given)) == pytest.approx(reference.spear(*given), abs=1e-9)
