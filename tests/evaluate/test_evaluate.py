"""Scoring: the reference evaluation's protocol, the worst scene beside the mean, and nothing skipped in silence."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.datasets import read_scene, scene_paths
from runtime_py.errors import CaptureError, ContractError
from runtime_py.evaluate import evaluate, score
from runtime_py.evaluate_table import table


def _capture(kind: str = "inverse-depth", axis: str = "horizontal", **truth: Any) -> DPCapture:
    rng = np.random.default_rng(0)
    left = rng.random((40, 60)).astype(np.float32)
    return DPCapture(
        "scene", "plain", left, rng.random((40, 60)).astype(np.float32), axis,
        truth=Truth(left.astype(np.float64), left > 0.3, kind, **truth),
    )  # fmt: skip


def test_a_perfect_map_up_to_scale_scores_zero() -> None:
    got = score(lambda left, _: 3 * left - 1, _capture())
    assert (got.ai1, got.ai2, got.rank_loss) == pytest.approx((0, 0, 0), abs=1e-6)
    assert got.agreement == pytest.approx(1)


def test_agreement_tells_a_reversed_map_from_a_right_one() -> None:
    assert score(lambda left, _: -left, _capture()).agreement == pytest.approx(-1)
    assert score(lambda left, _: -left, _capture("defocus-code")).agreement == pytest.approx(1)
    assert score(lambda left, _: -left, _capture()).rank_loss == pytest.approx(0, abs=1e-6)


def test_a_portrait_capture_is_turned_before_and_its_result_back() -> None:
    shapes = []

    def method(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        shapes.append(left.shape)
        return left

    assert score(method, _capture(axis="vertical")).ai2 == pytest.approx(0, abs=1e-6)
    assert shapes == [(60, 40)]


def test_only_the_crop_of_the_truth_counts() -> None:
    capture = _capture()
    rows, columns = slice(10, 30), slice(5, 25)
    truth = Truth(
        capture.left[rows, columns].astype(float), np.ones((20, 20), np.bool_), "inverse-depth", rows, columns
    )
    cropped = DPCapture("crop", "plain", capture.left, capture.right, truth=truth)

    def wrong_outside(left: np.ndarray, _: np.ndarray) -> np.ndarray:
        out = np.zeros_like(left)
        out[rows, columns] = left[rows, columns]
        return out

    got = score(wrong_outside, cropped)
    assert got.ai1 == pytest.approx(0, abs=1e-6)
    assert got.pixels == 400


def test_confidence_of_the_truth_weighs_pixels() -> None:
    confidence = np.zeros((40, 60))
    confidence[:, :30] = 1
    capture = _capture(confidence=confidence)

    def half_right(left: np.ndarray, _: np.ndarray) -> np.ndarray:
        return np.where(confidence > 0, left, 0.5 - left)

    got = score(half_right, capture)
    assert got.weighted
    assert got.ai1 == pytest.approx(0, abs=1e-6)


def test_a_smaller_map_is_enlarged_linearly() -> None:
    ramp = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1))
    capture = DPCapture("ramp", "plain", ramp, ramp, truth=Truth(ramp.astype(float), ramp >= 0, "inverse-depth"))
    got = score(lambda left, _: left.reshape(20, 2, 30, 2).mean((1, 3)), capture)
    assert got.ai1 < 0.001


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (np.zeros((40, 60, 1)), r"on scene the method returned shape \(40, 60, 1\)"),
        (np.full((40, 60), np.nan), "on scene: the prediction has .* NaN"),
    ],
)
def test_a_map_that_is_none_is_refused_with_its_scene(returned: np.ndarray, sentence: str) -> None:
    with pytest.raises(ContractError, match=sentence):
        score(lambda *_: returned, _capture())


def _dp119(root: Path) -> None:
    rng = np.random.default_rng(1)
    for name in ("box/001", "box/002", "casual/iphone/003"):
        (root / name).mkdir(parents=True)
        for file in ("l.png", "r.png"):
            cv2.imwrite(str(root / name / file), rng.integers(30, 200, (20, 30, 3)).astype(np.uint8))
        cv2.imwrite(str(root / name / "d.png"), rng.integers(10, 200, (20, 30)).astype(np.uint8))
    torn = root / "box/002/r.png"
    torn.write_bytes(torn.read_bytes()[:50])


def test_mean_worst_rank_convention_and_skipped_scenes_are_reported(tmp_path: Path) -> None:
    from rich.console import Console

    _dp119(tmp_path)
    told: list[tuple[int, int, str]] = []
    result = evaluate(lambda left, _: left, "dp119", tmp_path, lambda *a: told.append(a), rank="dense")
    assert [(done, total) for done, total, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert "skipped" in told[1][2]
    assert len(result.skipped) == 1
    data = json.loads(result.to_json())
    assert data["rank"] == "dense"
    assert data["mean"]["ai1"] == pytest.approx(np.mean([s.ai1 for s in result.scenes]))
    assert data["worst"]["ai1"]["value"] == max(s.ai1 for s in result.scenes)
    assert "truncated" in data["skipped"][0]
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table(result))
    text = console.export_text()
    assert all(word in text for word in ("casual/iphone/003", "mean of 2", "worst", "dense", "skipped"))


def test_a_dataset_of_damaged_scenes_only_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "box/001").mkdir(parents=True)
    (tmp_path / "box/001/l.png").write_bytes(b"")
    with pytest.raises(CaptureError, match="none of the 1 scenes of dp119 could be read"):
        evaluate(lambda left, _: left, "dp119", tmp_path)


@pytest.mark.parametrize(("dataset", "theirs", "scene"), [("cmu", "cmu", 0), ("dp119", "sdirt", 3)])
def test_scores_equal_those_of_the_reference_evaluation(
    captures_root: Path, dataset: str, theirs: str, scene: int
) -> None:
    path = captures_root.parent / "tools" / "dp_eval.py"
    if not path.is_file():
        pytest.skip("the reference evaluation script (dp_eval.py) is not beside the captures")
    spec = importlib.util.spec_from_file_location("dp_eval", path)
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    _, left, right, crop, values, valid = [
        row for row, _ in zip(getattr(reference, theirs)(captures_root), range(scene + 1), strict=False)
    ][scene]

    disparity = reference.sgbm(left, right).astype(np.float64)
    got = score(lambda *_: disparity, read_scene(dataset, scene_paths(dataset, captures_root)[scene]))
    p, d = disparity[crop][valid], values[valid]
    expected = [f(p, d, np.ones_like(d)) for f in (reference.ai1, reference.ai2, reference.spear)]
    np.testing.assert_allclose([got.ai1, got.ai2, got.rank_loss], expected, atol=1e-6)
