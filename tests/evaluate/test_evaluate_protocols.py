"""Datasets scored by the name of a protocol: its crop, its grid and its ranks, and no protocol of another dataset."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.datasets import read_scene, scene_paths
from runtime_py.errors import CaptureError, ContractError
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


def test_three_published_protocols_score_one_real_frame_of_dp_disp(captures_root: Path) -> None:
    (left,) = scene_paths("dp-disp", captures_root)
    capture = read_scene("dp-disp", left)
    near = np.asarray(cv2.imread(str(left.with_name("005_D.TIF")), cv2.IMREAD_GRAYSCALE), np.float64)
    disparity = np.round(np.sqrt(near) + 4 * cv2.blur(capture.left, (31, 31)), 2)

    found = {name: score(lambda *_: disparity, capture, protocol=name) for name in ("dp-disp", "kaist", "sony")}
    assert {name: got.pixels for name, got in found.items()} == {
        "dp-disp": (1325 - 139) * (2447 - 139), "kaist": (1228 - 40) * (2317 - 40), "sony": (1228 - 40) * (2317 - 40)
    }  # fmt: skip
    assert all(got.agreement > 0.5 for got in found.values()), "the map grows as the stored one does: bright is near"
    # The three frames show nearly the same part of the scene.
    assert [got.ai2 for got in found.values()] == pytest.approx([found["kaist"].ai2] * 3, rel=0.2)

    # KAIST's frame by hand: no weight differs from 1, so AI(2) is the residual of an ordinary line.
    frame = (slice(125, 125 + 2592), slice(143, 143 + 4736))
    d, p = (cv2.resize(plane[frame], (2386, 1296))[40:, 40:] for plane in ((255 - near) / 255, disparity))
    rows, columns = ((n - 1 - 111) // 33 * 33 + 33 for n in (1296, 2386))
    d, p = d[:rows, :columns].ravel(), p[:rows, :columns].ravel()
    residual = np.polyval(np.polyfit(p, d, 1), p) - d
    assert found["kaist"].pixels == d.size
    assert found["kaist"].ai2 == pytest.approx(np.sqrt(np.mean(residual**2)), abs=1e-9)
    dense = [stats.rankdata(v, method="dense") for v in (p, d)]
    assert found["kaist"].rank_loss == pytest.approx(1 - abs(np.corrcoef(*dense)[0, 1]), abs=1e-3)


def _small_dp_disp(root: Path) -> Path:
    """Two scenes of 20×30, one without truth; nearness grows to the right, unknown in the first row."""
    near = np.tile(np.arange(30, dtype=np.uint8) + 100, (20, 1))
    near[0] = 0
    for scene in ("007", "008"):
        for side in "LR":
            cv2.imwrite(str(root / f"{scene}_{side}.jpg"), np.dstack([near] * 3))
    cv2.imwrite(str(root / "007_D.TIF"), near)
    return root


def test_dp_disp_is_scored_where_depth_is_known_with_average_ranks_unless_a_protocol_is_named(tmp_path: Path) -> None:
    rightwards = np.tile(np.arange(30.0), (20, 1))
    result = evaluate(lambda *_: rightwards, "dp-disp", _small_dp_disp(tmp_path))
    assert (result.rank, result.protocol, len(result.scenes)) == ("average", None, 1)
    scene = result.scenes[0]
    assert (scene.name, scene.pixels, scene.agreement) == ("007", 19 * 30, pytest.approx(1))
    assert (scene.ai1, scene.ai2, scene.rank_loss) == pytest.approx((0, 0, 0), abs=1e-9)
    with pytest.raises(ContractError, match="on 007: the truth is 20×30, which is not the window of protocol 'sony'"):
        evaluate(lambda left, _: left, "dp-disp", tmp_path, protocol="sony")
    (tmp_path / "007_D.TIF").unlink()
    with pytest.raises(CaptureError, match=r"no DP-disp .* scene was found .* beside NNN_D.TIF"):
        evaluate(lambda left, _: left, "dp-disp", tmp_path)


@pytest.mark.parametrize(
    ("dataset", "protocol", "rank", "sentence"),
    [
        ("cmu", "google", None, "'google' does not score dataset 'cmu'; the ones that do: kaist-cmu, cmu"),
        ("dp119", "kitti", None, "'kitti' does not score dataset 'dp119'; the ones that do: dp119"),
        ("dp-disp", "cmu", None, "'cmu' does not score dataset 'dp-disp'; the ones that do: dp-disp, kaist, sony"),
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
