"""dpMV's turn and tone curve, DPDD's pairing by order, and the raw views of Google's data."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from runtime_py.captures import find_captures, open_capture
from runtime_py.captures.correspond import correspond
from runtime_py.captures.dpdd import scene_of
from runtime_py.captures.orientation import views
from runtime_py.errors import CaptureError


def _save(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 100])
    return path


def _dpmv(root: Path, left: NDArray[np.uint8], right: NDArray[np.uint8], phone: str = "B") -> Path:
    folder = root / "unrectified" / phone / "dp_data" / "20230306_163832_130"
    _save(folder / "image_012_right.jpg", np.dstack([right] * 3))
    return _save(folder / "image_012_left.jpg", np.dstack([left] * 3))


@pytest.mark.parametrize("disparity", [2.0, -3.0])
def test_dpmv_turned_to_portrait_keeps_the_sign_of_disparity(tmp_path: Path, disparity: float) -> None:
    texture = gaussian_filter(np.random.default_rng(3).random((480, 768)), 2)
    stored = np.rint(255 * (texture - texture.min()) / np.ptp(texture))
    left, right = (shift(stored, (0, s * disparity / 2), order=1, mode="nearest") for s in (1, -1))
    capture = open_capture(_dpmv(tmp_path, left.astype(np.uint8), right.astype(np.uint8)))
    assert (capture.size, capture.dp_axis) == ((768, 480), "vertical")
    np.testing.assert_allclose(np.median(correspond(*views(capture)).shifts, axis=0), [0, disparity], atol=0.1)


def test_dpmv_turns_clockwise_and_squares_the_stored_value(tmp_path: Path) -> None:
    stored = np.full((48, 64), 100, np.uint8)
    stored[:16, :16] = 200
    capture = open_capture(_dpmv(tmp_path, stored, stored))
    assert capture.name == "B/20230306_163832_130/image_012"
    assert capture.left[40, 5] == pytest.approx(100**2 / 65535, rel=0.02)
    assert capture.left[5, 40] == pytest.approx(200**2 / 65535, rel=0.02), "top left comes to the top right"
    assert capture.truth is None


def test_the_same_frame_of_three_phones_is_three_captures(tmp_path: Path) -> None:
    for phone in "ABC":
        _dpmv(tmp_path, *(np.full((48, 64), 100, np.uint8),) * 2, phone=phone)
    assert sorted(chosen.read(left).name[0] for left, chosen in find_captures(tmp_path).items()) == ["A", "B", "C"]


def test_portrait_files_are_no_unrectified_dpmv_views(tmp_path: Path) -> None:
    left = _dpmv(tmp_path, *(np.full((64, 48), 100, np.uint8),) * 2)
    with pytest.raises(CaptureError, match=r"image_012_left.jpg is 48×64, portrait"):
        open_capture(left)


def _dpdd(root: Path, count: int = 3) -> Path:
    for at in range(count):
        for number, folder in ((7, "train_l/source"), (105, "train_r/source"), (3, "train_c/source")):
            level = 20000 if folder.startswith("train_l") else 30000
            _save(root / folder / f"1P0A{number + 11 * at:04d}.png", np.full((6, 8, 3), level + at, np.uint16))
        _save(root / "train_c/target" / f"1P0A{900 + at:04d}.png", np.full((6, 8, 3), 5, np.uint16))
    return root


def test_dpdd_pairs_the_nth_left_with_the_nth_right_whatever_they_are_called(tmp_path: Path) -> None:
    _dpdd(tmp_path)
    expected = (np.array([20001, 30001]) / 65535) ** 2.2
    for name in ("l/source/1P0A0018", "r/source/1P0A0116", "c/source/1P0A0014", "c/target/1P0A0901"):
        capture = open_capture(tmp_path / f"train_{name}.png")
        assert capture.name == "train/1P0A0018"
        np.testing.assert_allclose([capture.left[0, 0], capture.right[0, 0]], expected, rtol=1e-5)
    scene = scene_of(tmp_path / "train_l/source/1P0A0018.png")
    assert scene.target is not None
    assert scene.target.name == "1P0A0901.png"
    assert len(find_captures(tmp_path)) == 3


def test_dpdd_folders_of_unequal_length_are_refused_rather_than_paired_wrongly(tmp_path: Path) -> None:
    _dpdd(tmp_path)
    (tmp_path / "train_r/source/1P0A0105.png").unlink()
    with pytest.raises(CaptureError, match=r"holds 3 files and .*train_r/source 2: DPDD pairs them by order"):
        open_capture(tmp_path / "train_l/source/1P0A0029.png")
    (tmp_path / "train_c/target/1P0A0900.png").unlink()
    _dpdd(tmp_path / "again")
    (tmp_path / "again/train_c/target/1P0A0900.png").unlink()
    assert scene_of(tmp_path / "again/train_l/source/1P0A0007.png").target is None


def _raw(root: Path, pixels: NDArray[np.generic], suffix: str = "npy") -> Path:
    for side in ("right", "left"):
        path = root / f"train/raw_{side}_pd/cap/result_pd_{side}_center.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == "npy":
            np.save(path, pixels)
        else:
            assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("suffix", ["npy", "png"])
def test_google_raw_counts_reach_one_at_16368(tmp_path: Path, suffix: str) -> None:
    counts = np.zeros((64, 48), np.uint16)
    counts[:, 0], counts[:, 1] = 16368, 8184
    capture = open_capture(_raw(tmp_path, counts, suffix))
    assert capture.left[3, :3].tolist() == [1.0, 0.5, 0.0]
    assert (capture.name, capture.dp_axis, capture.bit_depth, capture.levels) == ("cap/center", "vertical", 10, 3)


@pytest.mark.parametrize(
    ("stored", "size", "axis"), [((90, 30), (90, 60), "vertical"), ((30, 90), (60, 90), "horizontal")]
)
def test_google_raw_read_out_in_half_is_doubled_across_the_axis(
    tmp_path: Path, stored: tuple[int, int], size: tuple[int, int], axis: str
) -> None:
    capture = open_capture(_raw(tmp_path, np.full(stored, 5000, np.uint16)))
    assert (capture.size, capture.dp_axis) == (size, axis)


def test_google_raw_takes_the_truth_of_the_same_position(tmp_path: Path) -> None:
    left = _raw(tmp_path, np.full((2016, 1512), 5000, np.uint16))
    code = np.full((1008, 756), 51, np.uint8)
    _save(tmp_path / "train/merged_depth/cap/result_merged_depth_center.png", code)
    truth = open_capture(left).truth
    assert truth is not None
    assert truth.values[0, 0] == pytest.approx(0.2)
    assert truth.values.shape == (1024, 768)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((8, 8)), "float64 of shape"),
        (np.zeros((8, 8, 3), np.uint16), "one plane of 16 bit"),
        (np.array([{"a": 1}], dtype=object), "damaged or truncated .npy"),
    ],
)
def test_google_raw_of_another_kind_is_refused_and_no_pickle_is_loaded(
    tmp_path: Path, pixels: NDArray[np.generic], said: str
) -> None:
    with pytest.raises(CaptureError, match=said):
        open_capture(_raw(tmp_path, pixels))
