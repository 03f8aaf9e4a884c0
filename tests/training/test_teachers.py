"""Teachers against pairs of known disparity, hand-computed maps and the front door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from label_trees import dual_pixel_tree, middlebury_tree, texture

from convert.student import float_student
from runtime_py.captures.pfm import read_pfm, write_pfm
from runtime_py.errors import CaptureError, DpocketError
from training.checkpoint import SHIPPED, load_checkpoint
from training.data.sample import Sample
from training.label import LabelJob, Shard, label_dataset
from training.label_source import stereo_of
from training.teachers import TEACHERS, Teacher, make_teacher
from training.teachers.matching import fill_from_farther, left_right_agreement

NAN = np.nan


def dual_pixels(disparity: float, size: tuple[int, int] = (96, 200), seed: int = 0) -> Sample:
    """A textured plane at x_left - x_right = `disparity`, each view moved by half of it, exactly (in Fourier space)."""
    scene = texture(size, seed)
    omega = 2 * np.pi * np.fft.rfftfreq(size[1])
    views = [
        np.fft.irfft(np.fft.rfft(scene) * np.exp(-1j * omega * side * disparity / 2), size[1]).clip(0, 1)
        for side in (1, -1)
    ]
    left, right = (torch.from_numpy(view.astype(np.float32))[None, None] for view in views)
    unknown = torch.zeros_like(left)
    return Sample(left, right, unknown, unknown, names=("a/b",))


def test_names_and_paths_find_their_teacher(tmp_path: Path) -> None:
    write_pfm(tmp_path / "a.pfm", np.zeros((2, 2)))
    texts = {"sgbm": "sgbm", "zncc": "zncc", "checkpoint": str(SHIPPED), "files": str(tmp_path)}
    assert texts.keys() | {"stereo_net"} == TEACHERS.keys()  # a run's folder: test_recursive_task.py
    for name, text in texts.items():
        assert make_teacher(text).identity()["teacher"] == name


@pytest.mark.parametrize(("name", "tolerance"), [("sgbm", 0.35), ("zncc", 0.15)])
@pytest.mark.parametrize("disparity", [2.5, -4.0, 0.0])
def test_a_plane_of_dual_pixels_is_measured_with_its_sign(name: str, tolerance: float, disparity: float) -> None:
    label = make_teacher(name).label(dual_pixels(disparity))
    inner = label.disparity[16:-16, 24:-24]
    assert label.disparity.dtype == np.float32
    # Semi-global matching is drawn towards whole pixels by its integer costs.
    assert float(np.abs(inner - disparity).max()) < tolerance
    assert label.confidence is not None
    assert float(np.median(label.confidence[16:-16, 24:-24])) > 0.8


@pytest.mark.parametrize("name", ["sgbm", "zncc"])
def test_a_wide_frame_is_labelled_in_its_own_pixels(name: str) -> None:
    label = make_teacher(name).label(
        replace(
            sample := dual_pixels(2.0, (64, 700)),
            left=torch.nn.functional.interpolate(sample.left, scale_factor=2, mode="bilinear"),
            right=torch.nn.functional.interpolate(sample.right, scale_factor=2, mode="bilinear"),
        )
    )
    assert label.disparity.shape == (128, 1400)
    assert float(np.median(label.disparity)) == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize("name", ["sgbm", "zncc", str(SHIPPED)])
def test_a_portrait_frame_gets_the_turned_label_of_the_landscape_one(name: str) -> None:
    teacher, level = make_teacher(name), dual_pixels(3.0)
    # A quarter turn clockwise takes column x to row x: y_left - y_right is what x_left - x_right was.
    upright = replace(
        level,
        left=torch.rot90(level.left, -1, (-2, -1)),
        right=torch.rot90(level.right, -1, (-2, -1)),
        dp_axis="vertical",
    )
    expected, found = teacher.label(level), teacher.label(upright)
    np.testing.assert_array_equal(found.disparity, np.rot90(expected.disparity, -1))
    assert expected.confidence is not None
    assert found.confidence is not None
    np.testing.assert_array_equal(found.confidence, np.rot90(expected.confidence, -1))


@pytest.mark.parametrize("name", ["sgbm", "zncc"])
def test_a_black_frame_is_refused(name: str) -> None:
    black = torch.zeros(1, 1, 64, 96)
    with pytest.raises(CaptureError):
        make_teacher(name).label(Sample(black, black, black, black))


def test_a_checkpoint_labels_as_the_front_door_does() -> None:
    checkpoint = load_checkpoint(SHIPPED)
    size = (96, checkpoint.working_width)
    sample, student = dual_pixels(2.0, size), float_student(checkpoint, size)
    expected = student.disparity(sample.left[0, 0].numpy(), sample.right[0, 0].numpy())
    np.testing.assert_array_equal(make_teacher(str(SHIPPED)).label(sample).disparity, expected)


def test_holes_take_the_farther_neighbour_of_their_row() -> None:
    disparity = np.array([[NAN, 5, NAN, NAN, 2, NAN], [NAN] * 6, [NAN] * 6, [-1, NAN, -4, 1, 1, 1]], np.float32)
    filled = fill_from_farther(disparity, np.isfinite(disparity))
    first, last = [5, 5, 2, 2, 2, 2], [-1, -4, -4, 1, 1, 1]
    np.testing.assert_array_equal(filled, np.array([first, first, last, last], np.float32))


def test_views_that_agree_nowhere_are_refused() -> None:
    with pytest.raises(CaptureError, match="agree nowhere"):
        fill_from_farther(np.ones((3, 3), np.float32), np.zeros((3, 3), np.bool_))


def test_agreement_looks_up_the_right_view_where_the_left_one_points() -> None:
    left = np.array([[2, 2, 2, 2, NAN, -1]], np.float32)
    right = np.array([[2.25, 5, NAN, 0, 0, 0]], np.float32)
    # Columns 0 and 1 point outside, 2 to column 0, 3 to column 1, 4 nowhere, 5 outside.
    np.testing.assert_allclose(left_right_agreement(left, right, 1.0), [[0, 0, 0.75, 0, 0, 0]])


def prepared_files(tree: Path, names: tuple[str, ...]) -> Teacher:
    teacher = make_teacher(str(tree))
    teacher.prepare(names)
    return teacher


def test_files_are_found_by_the_end_of_the_name_where_it_is_unique(tmp_path: Path) -> None:
    sample = dual_pixels(0.0)
    plane = np.full(sample.size, 1.5, np.float32)
    write_pfm(tmp_path / "b_disp.pfm", plane)
    np.testing.assert_array_equal(prepared_files(tmp_path, ("a/b", "a/c")).label(sample).disparity, plane)
    with pytest.raises(CaptureError, match="has no a/b"):
        prepared_files(tmp_path, ("a/b", "z/b")).label(sample)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d[1:], "95, 200"),
        (lambda d: d * np.nan, "no finite value"),
        (lambda d: d + 500, "in px"),
        (lambda d: -d, "mostly negative"),
    ],
)
def test_a_file_that_cannot_be_the_label_is_named(tmp_path: Path, change: object, expected: str) -> None:
    sample = replace(dual_pixels(0.0), pair="stereo")
    write_pfm(tmp_path / "a" / "b.pfm", change(np.full(sample.size, 1.5, np.float32)))  # type: ignore[operator]
    with pytest.raises(CaptureError, match=expected) as refused:
        prepared_files(tmp_path, ("a/b",)).label(sample)
    assert "b.pfm" in str(refused.value)


def test_labels_are_themselves_files_of_a_teacher_and_damaged_ones_are_skipped(tmp_path: Path) -> None:
    tree, first, second = middlebury_tree(tmp_path / "tree", 2), tmp_path / "first", tmp_path / "second"
    label_dataset(LabelJob(tree, "sgbm", first), Shard())
    torn = first / "trainingQ" / "s01.pfm"
    torn.write_bytes(torn.read_bytes()[:-4])
    summary = label_dataset(LabelJob(tree, str(first), second), Shard())
    assert list(summary.skipped) == ["trainingQ/s01"]
    assert "s01.pfm is truncated" in summary.skipped["trainingQ/s01"]
    whole = "trainingQ/s00.pfm"
    assert (second / whole).read_bytes() == (first / whole).read_bytes()


def test_unknown_pixels_of_a_file_become_infinite_without_confidence(tmp_path: Path) -> None:
    sample = dual_pixels(0.0)
    plane = np.ones(sample.size, np.float32)
    plane[0, :3] = NAN, np.inf, -np.inf
    write_pfm(tmp_path / "a/b.pfm", plane)
    label = prepared_files(tmp_path, ("a/b",)).label(sample)
    assert label.disparity[0, :4].tolist() == [np.inf, np.inf, np.inf, 1.0]
    assert label.confidence is not None
    assert label.confidence[0, :4].tolist() == [0, 0, 0, 1]


def test_the_stereo_pair_of_a_rig_is_its_own_picture_and_the_camera_to_its_right() -> None:
    pictures = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 3, 4, 6) / 4
    dark = torch.zeros(1, 1, 8, 9)
    sample = Sample(
        dark,
        dark,
        torch.zeros(1, 1, 4, 6),
        torch.zeros(1, 1, 4, 6),
        dp_axis="vertical",
        rgb=pictures[:1],
        rgb_registered=False,
        truth_registered=False,
        views=pictures[1:][None],
        view_offsets=((-1.0, 0.0), (1.0, 0.0)),
        names=("n",),
    )
    pair = stereo_of(sample, "dpmv")
    assert (pair.pair, pair.dp_axis, pair.size) == ("stereo", "horizontal", (4, 6))
    assert (float(pair.left.mean()), float(pair.right.mean())) == (0.0, 0.5)
    with pytest.raises(DpocketError, match="no stereo pair"):
        stereo_of(replace(sample, views=None, view_offsets=()), "dpmv")


def test_plain_pairs_are_dual_pixels_unless_they_are_said_to_be_stereo(tmp_path: Path) -> None:
    tree = dual_pixel_tree(tmp_path / "tree", 1)
    label_dataset(LabelJob(tree, "sgbm", tmp_path / "dual"), Shard())
    label_dataset(LabelJob(tree, "sgbm", tmp_path / "stereo", pair="stereo"), Shard())
    dual, stereo = (read_pfm(tmp_path / kind / "day" / "000_left.pfm") for kind in ("dual", "stereo"))
    assert float(dual.min()) < -1.5
    assert float(stereo.min()) >= 0
