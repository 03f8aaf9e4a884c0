"""Datasets scored by the name of a protocol: its crop, its grid and its ranks, and no protocol of another dataset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.datasets import read_scene, scene_paths
from runtime_py.errors import ContractError
from runtime_py.evaluate import EvalResult, SceneScore, evaluate, score
from runtime_py.evaluate_table import table
from runtime_py.metrics import rank_loss
from runtime_py.metrics import score as score_map


def _google_capture() -> tuple[DPCapture, NDArray[np.float64], NDArray[np.float64]]:
    """A portrait capture as the reader gives it, with the whole truth and confidence that were stored."""
    rng = np.random.default_rng(0)
    code = np.round(rng.random((1008, 756)), 2)
    confidence = np.maximum(0, rng.random((1008, 756)) - 0.2)
    crop = (slice(248, 760), slice(186, 570))

    def doubled(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return plane.repeat(2, axis=0).repeat(2, axis=1)

    truth = Truth(
        doubled(code[crop]), doubled(confidence[crop]) > 0, "defocus-code", slice(496, 1520), slice(372, 1140),
        confidence=doubled(confidence[crop]),
    )  # fmt: skip
    view = rng.random((2016, 1512)).astype(np.float32)
    return DPCapture("scene/center", "google-dual-pixels", view, view, "vertical", truth=truth), code, confidence


def test_googles_protocol_pools_the_map_to_the_pixels_of_the_truth() -> None:
    capture, code, confidence = _google_capture()
    stored = np.kron(code, np.ones((2, 2))) + np.random.default_rng(1).normal(0, 0.3, (2016, 1512))
    got = score(lambda *_: np.rot90(stored), capture, protocol="google")
    pooled = (stored[::2, ::2] + stored[1::2, ::2] + stored[::2, 1::2] + stored[1::2, 1::2]) / 4
    expected = score_map(pooled, code, confidence, protocol="google")
    assert (got.ai1, got.ai2, got.rank_loss) == pytest.approx(tuple(expected.figures.values()), abs=1e-12)
    assert got.pixels == expected.pixels
    assert got.agreement < 0, "the code grows with distance and so does this map"


def test_the_protocol_of_cmu_is_the_default_and_kaists_differs_in_ranks_only(captures_root: Path) -> None:
    capture = read_scene("cmu", scene_paths("cmu", captures_root)[0])
    assert capture.truth is not None
    disparity = np.round(np.random.default_rng(2).random(capture.left.shape) + capture.left, 2)
    plain, cmu = (score(lambda *_: disparity, capture, protocol=name) for name in (None, "cmu"))
    assert (cmu.ai1, cmu.ai2, cmu.rank_loss) == pytest.approx((plain.ai1, plain.ai2, plain.rank_loss), abs=1e-12)
    assert cmu.pixels == plain.pixels
    kaist = score(lambda *_: disparity, capture, protocol="kaist-cmu")
    assert (kaist.ai1, kaist.ai2) == pytest.approx((plain.ai1, plain.ai2), abs=1e-9)
    whole = disparity[capture.truth.rows, capture.truth.columns]
    dense = rank_loss(whole, capture.truth.values, capture.truth.valid, rank="dense")
    assert kaist.rank_loss == pytest.approx(dense, abs=1e-12)


@pytest.mark.parametrize(
    ("dataset", "protocol", "rank", "sentence"),
    [
        ("cmu", "google", None, "'google' does not score dataset 'cmu'; the ones that do: kaist-cmu, cmu"),
        ("dp119", "kitti", None, "'kitti' does not score dataset 'dp119'; the ones that do: dp119"),
        ("cmu", "eigen", None, "no protocol 'eigen'; known are google"),
        ("cmu", "kaist-cmu", "average", "'kaist-cmu' ranks by 'dense', not 'average'"),
    ],
)
def test_a_protocol_that_does_not_fit_is_refused_before_any_scene_is_read(
    tmp_path: Path, dataset: str, protocol: str, rank: str | None, sentence: str
) -> None:
    with pytest.raises(ContractError, match=sentence):
        evaluate(lambda left, _: left, dataset, tmp_path, rank=rank, protocol=protocol)


def test_a_truth_on_another_grid_is_refused_by_name() -> None:
    view = np.random.default_rng(0).random((60, 80)).astype(np.float32)
    truth = Truth(view.astype(float), view >= 0, "defocus-code")
    capture = DPCapture("small", "plain", view, view, truth=truth)
    with pytest.raises(ContractError, match="on small: the truth is 60×80, which is not the window of"):
        score(lambda left, _: left, capture, protocol="google")
    with pytest.raises(ContractError, match=r"'kitti' gives abs_rel, .*; an evaluation needs ai1, ai2, rank_loss"):
        score(lambda left, _: left, capture, protocol="kitti")


def test_the_protocol_stands_beside_the_figures() -> None:
    from rich.console import Console

    scene = SceneScore("005", 0.1, 0.2, 0.3, 0.7, 10, False, 0.01)
    result = EvalResult("cmu", "dense", (scene,), protocol="kaist-cmu")
    assert json.loads(result.to_json())["protocol"] == "kaist-cmu"
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table(result))
    assert "protocol: kaist-cmu" in console.export_text()
