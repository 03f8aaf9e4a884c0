"""Datasets are found from several starting points, and no damaged scene passes unnoticed."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime_py.captures.datasets import DATASETS, scene_paths, scenes
from runtime_py.errors import CaptureError


def _dp119(base: Path, names: tuple[str, ...] = ("box/001", "box/002", "casual/iphone/001")) -> None:
    for name in names:
        (base / name).mkdir(parents=True)
        for file in ("l.png", "r.png", "d.png"):
            cv2.imwrite(str(base / name / file), np.full((20, 30, 3), 60, np.uint8))


@pytest.mark.parametrize("start", ["", "pack", "pack/real_sample_set"])
def test_scenes_are_found_from_the_pack_or_the_datasets_own_folder(tmp_path: Path, start: str) -> None:
    _dp119(tmp_path / "pack/real_sample_set")
    assert [c.name for c in scenes("dp119", tmp_path / start)] == ["box/001", "box/002", "casual/iphone/001"]


def test_flat_targets_are_no_scenes_with_truth(tmp_path: Path) -> None:
    _dp119(tmp_path, ("box/001", "flat/001/0600/f4"))
    assert len(scene_paths("dp119", tmp_path)) == 1


def test_damaged_scenes_are_named_counted_and_skipped(tmp_path: Path) -> None:
    _dp119(tmp_path)
    torn = tmp_path / "box/001/r.png"
    torn.write_bytes(torn.read_bytes()[:40])
    (tmp_path / "box/002/l.png").unlink()
    told: list[str] = []
    assert [c.name for c in scenes("dp119", tmp_path, told.append)] == ["casual/iphone/001"]
    assert len(told) == 2
    assert "1 so far" in told[0]
    assert "truncated PNG" in told[0]
    assert "2 so far" in told[1]
    assert "l.png is missing" in told[1]
    with pytest.warns(UserWarning, match="truncated PNG"), pytest.warns(UserWarning, match="missing"):
        list(scenes("dp119", tmp_path))


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_an_empty_folder_tells_the_layout(tmp_path: Path, dataset: str) -> None:
    with pytest.raises(CaptureError, match=r"no .* scene was found .* its layout is"):
        scene_paths(dataset, tmp_path)


def test_unknown_datasets_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no dataset 'kitti'; known are cmu, dp119, dp-disp, google"):
        scene_paths("kitti", tmp_path)
    with pytest.raises(CaptureError, match="there is no folder"):
        scene_paths("cmu", tmp_path / "gone")


def _reference(root: Path):  # type: ignore[no-untyped-def]
    tools = root.parent / "tools"
    if not (tools / "dp_eval.py").is_file():
        pytest.skip("the reference evaluation script (dp_eval.py) is not on this machine")
    sys.path.insert(0, str(tools))
    try:
        import dp_eval
    finally:
        sys.path.remove(str(tools))
    return dp_eval


@pytest.mark.parametrize(("dataset", "theirs"), [("cmu", "cmu"), ("dp119", "sdirt")])
def test_views_and_truth_equal_those_of_the_reference_evaluation(
    captures_root: Path, dataset: str, theirs: str
) -> None:
    expected = next(getattr(_reference(captures_root), theirs)(captures_root))
    _, left, right, crop, values, valid = expected
    capture = next(scenes(dataset, captures_root))
    np.testing.assert_array_equal(capture.left, left)
    np.testing.assert_array_equal(capture.right, right)
    assert capture.truth is not None
    np.testing.assert_array_equal(capture.truth.valid, valid)
    np.testing.assert_array_equal(capture.truth.values[valid], values[valid])
    assert capture.left[capture.truth.rows, capture.truth.columns].shape == left[crop].shape == valid.shape
