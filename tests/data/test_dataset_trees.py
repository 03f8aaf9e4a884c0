"""Every dataset's layout on a miniature tree: what is found, in which split, with which truth in which unit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import miniature_trees as trees
import numpy as np
import pytest
import torch

from benchmarks.block_matching import matched_disparity
from runtime_py.errors import DpocketError
from training.data.datasets import DATASETS, dataset
from training.data.datasets.frames import Readable
from training.data.sample import Sample, check

TREES: dict[str, tuple[Callable[[Path], Path], str, dict[str, Any], int]] = {
    "dpmv": (trees.dpmv, "train", {}, 48),
    "google": (trees.google, "train", {}, 2),
    "dpdd": (trees.dpdd, "train", {}, 3),
    "dp-disp": (trees.dp_disp, "all", {}, 1),
    "cmu": (trees.cmu, "all", {}, 2),
    "dp119": (trees.dp119, "all", {}, 3),
    "middlebury": (trees.middlebury, "trainingQ", {}, 1),
    "kitti": (trees.kitti, "training", {}, 1),
    "kitti-raw": (trees.kitti_raw, "train", {}, 1),
    "light-field": (trees.light_field, "all", {"views": 5}, 1),
    "plain": (trees.plain, "all", {}, 3),
}
"""Maker of a tree, a split of it, options, and the frames that are there."""


def only(name: str, root: Path, split: str = "all", **options: Any) -> Sample:
    frames = DATASETS[name].open(root, split, **options)
    assert len(frames) == 1
    return frames[0]


def test_every_dataset_has_a_miniature_here() -> None:
    assert set(TREES) == set(DATASETS)


@pytest.mark.parametrize("name", list(TREES))
def test_a_tree_opens_from_its_top_and_from_a_folder_above(tmp_path: Path, name: str) -> None:
    make, split, options, count = TREES[name]
    make(tmp_path / "disk" / "tree")
    for root in (tmp_path / "disk" / "tree", tmp_path):
        frames = DATASETS[name].open(root, split, **options)
        assert len(frames) == len(set(frames.names)) == count
        for index in (0, len(frames) - 1):
            sample = check(frames[index])
            assert sample.names == (frames.names[index],)
            assert sample.left.shape[0] == 1
            assert 0 < float(sample.left.mean()) < 1.01


@pytest.mark.parametrize("name", list(TREES))
def test_an_empty_folder_says_which_layout_was_expected(tmp_path: Path, name: str) -> None:
    chosen = DATASETS[name]
    with pytest.raises(DpocketError) as caught:
        chosen.open(tmp_path, chosen.splits[-1])
    assert chosen.layout in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_what_is_asked_for_wrongly_is_answered_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(DpocketError, match=r"no dataset 'nyu'; known are dpmv, google"):
        dataset("nyu")
    with pytest.raises(DpocketError, match="no split 'dev'; it has all, train, val, test"):
        dataset("google").open(tmp_path, "dev")
    with pytest.raises(DpocketError, match="no option 'side'; it has raw, positions"):
        dataset("google").open(tmp_path, "train", side="left")
    with pytest.raises(DpocketError, match="there is no folder"):
        dataset("cmu").open(tmp_path / "gone")


def test_google_depth_follows_the_released_formula_and_colour_lies_on_the_views(tmp_path: Path) -> None:
    frames = DATASETS["google"].open(trees.google(tmp_path), "train", positions=("center",))
    assert frames.names == ("train/cap/center",)
    sample = frames[0]
    assert (sample.dp_axis, sample.unit, sample.size) == ("vertical", "affine", (1024, 768))
    assert float(sample.depth[0, 0, 0, 0]) == pytest.approx(100.0, rel=1e-4)
    assert float(sample.depth[0, 0, -1, -1]) == pytest.approx(0.2, rel=1e-4)
    assert float(sample.disparity[0, 0, -1, -1]) > float(sample.disparity[0, 0, 0, 0]), "near is larger"
    assert sample.rgb.shape[-2:] == sample.left.shape[-2:]
    assert sample.rgb_registered
    assert float(sample.rgb.mean()) == pytest.approx((90 / 255) ** 2.2, rel=0.02)


def test_google_raw_views_are_linear_fractions_of_16368(tmp_path: Path) -> None:
    sample = DATASETS["google"].open(trees.google(tmp_path, raw=True), "train", raw=True)[0]
    assert float(sample.left[0, 0, 5, 5]) == pytest.approx(0.5)
    assert float(sample.valid.mean()) == 1


def test_google_confidence_decides_what_is_known(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR", reason="the OpenEXR package is not installed")
    trees.google(tmp_path, positions=("center",))
    plane = np.zeros((512, 384), np.float32)
    plane[10, 20] = 0.5
    target = tmp_path / "train/merged_conf/cap/result_merged_conf_center.exr"
    target.parent.mkdir(parents=True)
    exr.File({"type": exr.scanlineimage}, {"R": plane}).write(str(target))
    sample = only("google", tmp_path, "train")
    assert float(sample.valid.sum()) == 4
    assert sample.confidence[0, 0, 20:22, 40:42].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert int(torch.isfinite(sample.depth).sum()) == 4


def test_google_splits_are_folders(tmp_path: Path) -> None:
    trees.google(tmp_path, "train", positions=("center",))
    trees.google(tmp_path, "test", positions=("center",))
    assert [len(DATASETS["google"].open(tmp_path, s)) for s in ("all", "train", "test")] == [2, 1, 1]
    with pytest.raises(DpocketError, match="split 'val'"):
        DATASETS["google"].open(tmp_path, "val")


def test_dpdd_pairs_by_order_across_names_that_differ(tmp_path: Path) -> None:
    frames = DATASETS["dpdd"].open(trees.dpdd(tmp_path), "train")
    for n in range(3):
        sample = frames[n]
        light = ((n + 1) / 10) ** 2.2
        for plane in (sample.left, sample.right, sample.rgb):
            assert float(plane.mean()) == pytest.approx(light, rel=1e-3)
        assert float(sample.valid.max()) == 0, "there is no truth"


def test_dp_disp_nearness_becomes_an_affine_disparity_known_where_it_is_not_zero(tmp_path: Path) -> None:
    sample = only("dp-disp", trees.dp_disp(tmp_path))
    assert sample.unit == "affine"
    assert float(sample.disparity[0, 0, 5, 5]) == pytest.approx(-(255 - 51) / 255)
    assert sample.valid[0, 0, :2, 0].tolist() == [0, 1]
    assert sample.rgb.shape == (1, 3, 20, 30)


def test_cmu_truth_lies_in_the_middle_of_the_capture(tmp_path: Path) -> None:
    sample = DATASETS["cmu"].open(trees.cmu(tmp_path))[0]
    assert float(sample.valid.sum()) == 1008 * 672
    assert sample.valid[0, 0, 252, 336] == 1
    assert sample.valid[0, 0, 251, 336] == sample.valid[0, 0, 252, 335] == 0
    assert float(sample.disparity[0, 0, 252, 336]) == pytest.approx(-0.2)


@pytest.mark.parametrize(("split", "metres"), [("box", 2.0), ("casual", 1.5), ("flat", 0.6)])
def test_dp119_depth_is_metres_and_disparity_its_inverse(tmp_path: Path, split: str, metres: float) -> None:
    sample = only("dp119", trees.dp119(tmp_path), split)
    assert float(sample.depth[0, 0, 3, 3]) == pytest.approx(metres, rel=1e-5)
    assert float(sample.disparity[0, 0, 3, 3]) == pytest.approx(1 / metres, rel=1e-5)
    assert sample.unit == "affine"


def test_middlebury_depth_uses_the_principal_points_and_infinity_is_unknown(tmp_path: Path) -> None:
    sample = only("middlebury", trees.middlebury(tmp_path), "trainingQ")
    assert (sample.pair, sample.unit) == ("stereo", "px")
    assert sample.valid[0, 0, :2, 0].tolist() == [0, 1]
    assert float(sample.disparity[0, 0, 2, 2]) == 10
    assert float(sample.depth[0, 0, 2, 2]) == pytest.approx(700 * 0.1 / (10 + 4))
    assert torch.isnan(sample.depth[0, 0, 0]).all()
    assert float(sample.occluded.sum()) == 1
    assert float(sample.occluded[0, 0, 1, 1]) == 1


@pytest.mark.parametrize("year", [2012, 2015])
def test_kitti_disparity_has_256_steps_per_px_and_depth_its_baseline(tmp_path: Path, year: int) -> None:
    sample = only("kitti", trees.kitti(tmp_path, year), "training")
    assert float(sample.disparity[0, 0, 2, 2]) == 12.5
    assert float(sample.depth[0, 0, 2, 2]) == pytest.approx(720 * 0.54 / 12.5, rel=1e-5)
    assert sample.valid[0, 0, :2, 0].tolist() == [0, 1]
    assert float(sample.occluded.sum()) == 1
    testing = only("kitti", tmp_path, "testing")
    assert float(testing.valid.max()) == 0


def test_kitti_raw_depth_is_sparse_and_gives_disparity(tmp_path: Path) -> None:
    sample = only("kitti-raw", trees.kitti_raw(tmp_path), "train")
    assert sample.names == ("2011_09_26_drive_0001_sync/0000000001",)
    assert float(sample.depth[0, 0, 2, 2]) == 27
    assert float(sample.disparity[0, 0, 2, 2]) == pytest.approx(720 * 0.54 / 27, rel=1e-5)
    assert torch.isnan(sample.depth[0, 0, 0]).all()
    every = DATASETS["kitti-raw"].open(tmp_path)
    assert len(every) == 2
    assert float(every[0].valid.max()) == 0


def test_a_light_field_gives_a_pair_whose_disparity_is_the_shift_between_neighbours(tmp_path: Path) -> None:
    trees.light_field(tmp_path, side=5, parallax=2, size=(40, 160))
    sample = only("light-field", tmp_path, views=5)
    assert matched_disparity(sample.left[0, 0].numpy(), sample.right[0, 0].numpy()) == pytest.approx(2.0, abs=0.05)
    assert sample.views.shape == (1, 25, 3, 40, 160)
    centre = sample.view_offsets.index((0.0, 0.0))
    assert torch.equal(sample.views[:, centre], sample.rgb)
    right, below = (sample.view_offsets.index(o) for o in ((1.0, 0.0), (0.0, 1.0)))
    inside = sample.rgb[..., 2:-2, 2:-2]
    assert torch.equal(sample.views[:, right][..., 2:-2, :-4], inside[..., :])
    assert torch.equal(sample.views[:, below][..., :-4, 2:-2], inside)
    assert only("light-field", tmp_path, views=0).views is None


def test_a_light_field_smaller_than_asked_for_names_the_missing_view(tmp_path: Path) -> None:
    frames = DATASETS["light-field"].open(trees.light_field(tmp_path, side=5), views=7)
    with pytest.raises(DpocketError, match=r"view 01_01 .* is missing"):
        frames[0]
    with pytest.raises(DpocketError, match="4 views on a side have no centre"):
        DATASETS["light-field"].open(tmp_path, views=4)[0]


def test_plain_folders_take_truth_and_colour_of_the_same_name(tmp_path: Path) -> None:
    frames = DATASETS["plain"].open(trees.plain(tmp_path))
    assert frames.names == ("f00_left", "f01_left", "f02_left")
    sample = frames[1]
    assert (sample.unit, float(sample.disparity[0, 0, 1, 1])) == ("px", 1.5)
    assert sample.valid[0, 0, :2, 0].tolist() == [0, 1]
    assert sample.rgb_registered
    cv2.imwrite(str(tmp_path / "f01_rgb.png"), np.zeros((20, 30, 3), np.uint8))
    assert not frames[1].rgb_registered, "a picture of another size does not lie on the views' pixels"


TORN = {
    "dpmv": "dp_data/20230101_120001_000/image_101_left.jpg",
    "google": "result_leftPd_center.png",
    "dpdd": "train_l/source/1P0A0201.png",
    "cmu": "001_right.png",
    "dp119": "box/001/d.png",
    "plain": "f01_disparity.pfm",
    "kitti-raw": "image_03/data/0000000001.png",
}


@pytest.mark.parametrize("name", list(TORN))
def test_a_torn_frame_is_named_counted_and_skipped(tmp_path: Path, name: str) -> None:
    make, _, options, _ = TREES[name]
    make(tmp_path)
    (file,) = [
        p
        for p in tmp_path.rglob("*")
        if p.is_file() and p.as_posix().endswith(TORN[name]) and "/A/" not in p.as_posix() and "/C/" not in p.as_posix()
    ]
    trees.tear(file)
    readable = Readable(DATASETS[name].open(tmp_path, "all", **options), tolerated=0.5)
    good = list(readable)
    assert len(good) == len(readable.frames) - 1
    (sentence,) = readable.skipped
    assert file.name in sentence
    lost = set(readable.frames.names) - {s.names[0] for s in good}
    assert f"frame {lost.pop()} of" in sentence


def test_a_wholly_broken_tree_is_an_error_and_no_empty_dataset(tmp_path: Path) -> None:
    trees.plain(tmp_path, frames=8)
    for file in tmp_path.glob("*_left.png"):
        trees.tear(file)
    with pytest.raises(
        DpocketError, match=r"3 of 8 frames could not be read, which is no accident; the last one: .*f02"
    ):
        list(Readable(DATASETS["plain"].open(tmp_path)))
    readable = Readable(DATASETS["plain"].open(tmp_path), tolerated=1.0)
    with pytest.raises(DpocketError, match="8 of 8 frames"):
        list(readable)
    assert len(readable.skipped) == 8


def test_a_second_walk_counts_anew(tmp_path: Path) -> None:
    trees.plain(tmp_path)
    trees.tear(tmp_path / "f01_left.png")
    readable = Readable(DATASETS["plain"].open(tmp_path))
    for _ in range(2):
        assert [s.names[0] for s in readable] == ["f00_left", "f02_left"]
        assert len(readable.skipped) == 1
