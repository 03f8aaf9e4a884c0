"""dpMV: which frames belong together, who is in which split, and where the teacher's disparity lies."""

from __future__ import annotations

import json
import random
from pathlib import Path

import cv2
import miniature_trees as trees
import numpy as np
import pytest
import torch

from runtime_py.errors import DpocketError
from training.data.datasets import DATASETS
from training.data.datasets.dpmv_lists import split_videos
from training.data.sample import check

DPMV = DATASETS["dpmv"]


def test_videos_are_split_80_10_10_by_a_shuffle_with_seed_42_and_two_dates_left_out() -> None:
    videos = [f"202301{day:02d}_100000_000" for day in range(1, 29)] + ["20230212_100000_000", "20230301_100000_000"]
    shuffled = sorted(videos)
    random.seed(42)
    random.shuffle(shuffled)
    expected = {"train": shuffled[:24], "val": shuffled[24:27], "test": shuffled[27:]}
    for split, members in expected.items():
        found = split_videos(list(reversed(videos)), split)
        assert set(found) == {v for v in members if v[:8] not in ("20230212", "20230301")}
    parts = [video for split in ("train", "val", "test") for video in split_videos(videos, split)]
    assert sorted(parts) == split_videos(videos, "all")
    assert len(parts) == 28


def test_no_frame_of_a_skipped_date_is_in_any_split(tmp_path: Path) -> None:
    trees.dpmv(tmp_path, frames=1)
    names = [n for split in ("train", "val", "test") for n in DPMV.open(tmp_path, split).names]
    assert len(names) == 20
    assert not any(name.startswith("20230212") for name in names)


def test_frames_of_the_phones_are_paired_by_order_since_their_numbers_differ(tmp_path: Path) -> None:
    frames = DPMV.open(trees.dpmv(tmp_path, videos=trees.VIDEOS[:1]))
    assert frames.names == tuple(f"{trees.VIDEOS[0]}/image_{n}" for n in (100, 101, 102))
    assert dict(frames.sources[1].triple.files) == {"A": "image_001.jpg", "B": "image_101.jpg", "C": "image_201.jpg"}


def test_a_list_gives_the_triples_where_there_is_one(tmp_path: Path) -> None:
    trees.dpmv(tmp_path, videos=trees.VIDEOS[:2])
    files = {"A": "image_002.jpg", "B": "image_100.jpg", "C": "image_201.jpg"}
    trees.dpmv_list(tmp_path, "train", [(trees.VIDEOS[1], files), (trees.SKIPPED_VIDEO, files)])
    frames = DPMV.open(tmp_path, "train")
    assert frames.names == (f"{trees.VIDEOS[1]}/image_100",)
    assert dict(frames.sources[0].triple.files) == files
    assert len(DPMV.open(tmp_path, "all")) == 1
    with pytest.raises(DpocketError, match=r"lists of train and none of val: val_files.json"):
        DPMV.open(tmp_path, "val")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "no list of dpMV frames"),
        ('{"videos": [{"frames": [{"rgb": {}}]}]}', "KeyError: 'name'"),
        (json.dumps({"videos": [{"name": "../..", "frames": [{"rgb": {"B": "image_1.jpg"}}]}]}), "names '../..'"),
        (json.dumps({"videos": [{"name": "v", "frames": [{"rgb": {"B": "/etc/image_1.jpg"}}]}]}), "without folders"),
        (json.dumps({"videos": [{"name": "v", "frames": [{"rgb": {"A": "image_1.jpg"}}]}]}), "no frame of phone B"),
    ],
)
def test_a_malformed_list_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1)
    (tmp_path / "test_files.json").write_text(text)
    with pytest.raises(DpocketError, match=sentence):
        DPMV.open(tmp_path, "test")


def test_leading_frames_of_both_tables_are_dropped_the_larger_count_winning(tmp_path: Path) -> None:
    trees.dpmv(tmp_path, videos=trees.VIDEOS[:3])
    trees.dpmv_table(tmp_path, "blurred.csv", [(trees.VIDEOS[0], 1), (trees.VIDEOS[1], 1)])
    trees.dpmv_table(tmp_path, "stopwatch.csv", [(trees.VIDEOS[1], 2)])
    names = DPMV.open(tmp_path).names
    kept = {video: [n.split("/")[1] for n in names if n.startswith(video)] for video in trees.VIDEOS[:3]}
    assert kept == {
        trees.VIDEOS[0]: ["image_101", "image_102"],
        trees.VIDEOS[1]: ["image_102"],
        trees.VIDEOS[2]: ["image_100", "image_101", "image_102"],
    }


def test_a_table_that_cannot_be_understood_names_its_line(tmp_path: Path) -> None:
    trees.dpmv(tmp_path, videos=trees.VIDEOS[:1])
    trees.dpmv_table(tmp_path, "blurred.csv", [(trees.VIDEOS[0], "many")])
    with pytest.raises(DpocketError, match=r"blurred.csv, line 2, is '.*,many'"):
        DPMV.open(tmp_path)


def test_light_is_the_square_of_the_stored_value_and_frames_are_portrait(tmp_path: Path) -> None:
    trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1)
    sample = check(DPMV.open(tmp_path)[0])
    stored = cv2.imread(str(next((tmp_path / "unrectified/B").rglob("*_left.jpg"))), cv2.IMREAD_UNCHANGED)[..., 0]
    expected = np.rot90(stored.astype(np.float64) ** 2 / 65535, -1)
    np.testing.assert_allclose(sample.left[0, 0].numpy(), expected, rtol=1e-5)
    assert (sample.size, sample.dp_axis, sample.unit) == ((32, 24), "vertical", "affine")


@pytest.mark.parametrize("teacher", ["pfm", "png"])
def test_the_teachers_disparity_lies_on_the_colour_pictures_pixels_and_not_on_the_pairs(
    tmp_path: Path, teacher: str
) -> None:
    sample = DPMV.open(trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1, teacher=teacher))[0]
    assert not sample.rgb_registered
    assert not sample.truth_registered
    assert sample.disparity.shape == (1, 1, 16, 12) == (1, 1, *sample.rgb.shape[-2:])
    assert float(sample.disparity[0, 0, 3, 3]) == 18.5
    assert float(sample.rgb[0, 0].mean()) > 10 * float(sample.rgb[0, 2].mean()), "red comes first"
    if teacher == "pfm":
        assert sample.valid[0, 0, 0, :2].tolist() == [0, 1], "the teacher's infinity is unknown"


def test_neighbouring_phones_stand_one_baseline_left_and_right(tmp_path: Path) -> None:
    sample = check(DPMV.open(trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1), views=True)[0])
    assert sample.view_offsets == ((-1.0, 0.0), (1.0, 0.0))
    assert sample.views.shape == (1, 2, 3, 16, 12)


def test_a_registration_lays_the_pair_onto_the_colour_picture(tmp_path: Path) -> None:
    """A half-size homography: pixel centres (x + 0.5) · 0.5 - 0.5, moved 2 px right, so two columns see nothing."""
    trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1)
    plain = DPMV.open(tmp_path)[0]
    matrix = [[0.5, 0, 2 - 0.25], [0, 0.5, -0.25], [0, 0, 1]]
    (tmp_path / "registration.json").write_text(json.dumps({"B": matrix}))
    sample = check(DPMV.open(tmp_path, registration=tmp_path / "registration.json")[0])
    assert sample.rgb_registered
    assert sample.truth_registered
    assert sample.left.shape == sample.disparity.shape == (1, 1, 16, 12)
    halved = torch.nn.functional.avg_pool2d(plain.left, 2)
    torch.testing.assert_close(sample.left[..., 2:], halved[..., :-2], rtol=1e-4, atol=1e-5)
    assert float(sample.valid[..., :2].max()) == 0
    assert float(sample.valid[..., 1:, 2:].min()) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1]", "no registration"),
        ('{"B": [[1, 0], [0, 1]]}', "no invertible 3×3"),
        ('{"B": [[1, 0, 0], [1, 0, 0], [0, 0, 1]]}', "no invertible 3×3"),
    ],
)
def test_a_registration_that_cannot_be_one_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1)
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DpocketError, match=sentence):
        DPMV.open(tmp_path, registration=tmp_path / "r.json")


def test_a_registration_of_another_phone_is_no_registration(tmp_path: Path) -> None:
    trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1)
    (tmp_path / "r.json").write_text(json.dumps({"A": np.eye(3).tolist()}))
    with pytest.raises(DpocketError, match="no matrix for phone B"):
        DPMV.open(tmp_path, registration=tmp_path / "r.json")[0]
