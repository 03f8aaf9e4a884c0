"""Each format's geometry and radiometry on files made here, and how a path finds its format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime_py.captures import FORMATS, open_capture
from runtime_py.captures.datasets import read_scene, scene_paths
from runtime_py.captures.pgm import write_pgm
from runtime_py.errors import CaptureError

RNG = np.random.default_rng(2)


def _picture(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def _google_app(folder: Path, counts: NDArray[np.int64]) -> None:
    scaled = (counts * 65535 // 1023).astype(np.uint16)
    for side in ("left", "right"):
        write_pgm(folder / f"20200101_000000_000_{side}.pgm", scaled)


def test_google_app_maps_ten_bit_black_and_white_to_zero_and_one(tmp_path: Path) -> None:
    counts = np.full((756, 2016), 64)
    counts[0, 1], counts[1, 0] = 1023, 64 + 959 // 2
    _google_app(tmp_path, counts)
    capture = open_capture(tmp_path / "20200101_000000_000_right.pgm")
    assert (capture.format, capture.bit_depth, capture.dp_axis) == ("google-app", 10, "horizontal")
    assert capture.size == (1512, 2016)
    assert capture.left[:2, 1].tolist() == [1.0, 1.0], "each stored row covers two rows of square pixels"
    assert capture.left[0, 0] == pytest.approx(0, abs=1e-5)
    assert capture.left[2, 0] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("kept", "gone"), [("left", "right"), ("right", "left")])
def test_the_missing_partner_is_named(tmp_path: Path, kept: str, gone: str) -> None:
    _google_app(tmp_path, np.full((756, 2016), 100))
    (tmp_path / f"20200101_000000_000_{gone}.pgm").unlink()
    with pytest.raises(CaptureError, match=f"the {gone} view 20200101_000000_000_{gone}.pgm is missing"):
        open_capture(tmp_path / f"20200101_000000_000_{kept}.pgm")


def test_a_jpeg_called_pgm_is_named_as_such(tmp_path: Path) -> None:
    _google_app(tmp_path, np.full((756, 2016), 100))
    left = tmp_path / "20200101_000000_000_left.pgm"
    left.write_bytes(bytes(cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1]))
    with pytest.raises(CaptureError, match="is a JPEG file"):
        open_capture(left)


def _cmu(folder: Path, gain: float = 1.25) -> None:
    counts = RNG.integers(1100, 9000, (1512, 2016))
    _picture(folder / "003_left.png", counts.astype(np.uint16))
    _picture(folder / "003_right.png", ((counts - 1024) / gain + 1024).round().astype(np.uint16))
    for side, level in (("left", 4000), ("right", 4000 / gain)):
        _picture(folder / "calibration" / f"white_sheet_{side}.png", np.full((1512, 2016), 1024 + level, np.uint16))
    code = np.zeros((1008, 1344), np.uint8)
    code[10:20, 30:40] = 51
    _picture(folder / "gt_defocus_map" / "003_gt.png", code)


def test_cmu_white_sheets_make_the_views_equally_bright_and_truth_is_the_centre(tmp_path: Path) -> None:
    _cmu(tmp_path)
    capture = open_capture(tmp_path / "003_left.png")
    assert capture.format == "cmu-pixel4"
    np.testing.assert_allclose(capture.right, capture.left, atol=1.0 / 16383)
    assert capture.truth is not None
    assert (capture.truth.rows, capture.truth.columns) == (slice(252, 1260), slice(336, 1680))
    assert int(capture.truth.valid.sum()) == 100
    assert capture.truth.values[15, 35] == 0.2
    assert open_capture(tmp_path).name == "003", "the white sheets are no capture of their own"


@pytest.mark.parametrize(
    ("family", "depth", "metres"),
    [("casual/orbbec", np.uint16(1500), 1.5), ("box", np.uint8(51), 2.0)],
)
def test_dp119_depth_is_millimetres_in_16_bit_and_tenths_of_full_scale_in_8(
    tmp_path: Path, family: str, depth: np.uint8 | np.uint16, metres: float
) -> None:
    scene = tmp_path / family / "001"
    view = np.full((6, 8, 3), 128, np.uint8)
    _picture(scene / "l.png", view)
    _picture(scene / "r.png", view)
    map_ = np.full((12, 16), depth)
    map_[:, :2] = np.iinfo(map_.dtype).max  # too far
    _picture(scene / "d.png", map_)
    capture = open_capture(scene)
    assert (capture.name, capture.format) == (f"{family}/001", "dp119")
    assert capture.left[0, 0] == pytest.approx((128 / 255) ** 2.2)
    assert capture.truth is not None
    assert capture.truth.kind == "inverse-depth"
    assert capture.truth.values[3, 4] == pytest.approx(1 / metres)
    assert not capture.truth.valid[:, 0].any()
    assert capture.truth.valid[:, 1:].all()


def test_dp119_flat_target_has_no_truth(tmp_path: Path) -> None:
    for name in ("l.png", "r.png"):
        _picture(tmp_path / "flat/001/0600/f4" / name, np.full((6, 8, 3), 9, np.uint8))
    capture = open_capture(tmp_path)
    assert (capture.name, capture.truth) == ("flat/001/0600/f4", None)


def _google(folder: Path) -> Path:
    view = RNG.integers(0, 255, (2016, 1512)).astype(np.uint8)
    for kind, name in (("left_pd", "leftPd"), ("right_pd", "rightPd")):
        _picture(folder / kind / "cap" / f"result_{name}_center.png", view)
    code = np.zeros((1008, 756), np.uint8)
    code[248, 186] = 255
    _picture(folder / "merged_depth" / "cap" / "result_merged_depth_center.png", code)
    return folder / "right_pd" / "cap" / "result_rightPd_center.png"


def test_google_dual_pixels_is_vertical_and_scores_the_central_crop(tmp_path: Path) -> None:
    capture = open_capture(_google(tmp_path / "test"))
    assert (capture.format, capture.dp_axis, capture.size) == ("google-dual-pixels", "vertical", (2016, 1512))
    assert capture.truth is not None
    assert capture.truth.values.shape == (1024, 768)
    assert (capture.truth.rows.start, capture.truth.columns.start) == (496, 372)
    assert capture.truth.values[:2, :2].tolist() == [[1, 1], [1, 1]]
    assert capture.truth.values.sum() == 4
    assert capture.truth.confidence is None


def test_google_confidence_weighs_the_truth(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR", reason="the OpenEXR package is not installed")
    path = _google(tmp_path / "test")
    plane = np.zeros((1008, 756), np.float32)
    plane[248, 186] = 0.5
    target = tmp_path / "test/merged_conf/cap/result_merged_conf_center.exr"
    target.parent.mkdir(parents=True)
    exr.File({"type": exr.scanlineimage}, {"R": plane}).write(str(target))
    truth = open_capture(path).truth
    assert truth is not None
    assert truth.confidence is not None
    assert truth.confidence[:3, 0].tolist() == [0.5, 0.5, 0.0]
    assert int(truth.valid.sum()) == 4
    target.write_bytes(target.read_bytes()[:100])
    with pytest.raises(CaptureError, match="damaged or unsupported EXR"):
        open_capture(path)


def test_without_openexr_a_capture_opens_but_is_not_scored_unweighted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _google(tmp_path / "test")
    confidence = tmp_path / "test/merged_conf/cap/result_merged_conf_center.exr"
    confidence.parent.mkdir(parents=True)
    confidence.write_bytes(b"v/1\x01")
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    truth = open_capture(path).truth
    assert truth is not None
    assert truth.confidence is None
    with pytest.raises(CaptureError, match=r"without the confidence .*pip install OpenEXR"):
        read_scene("google", scene_paths("google", tmp_path)[0])


def test_dp_disp_truth_grows_with_distance(tmp_path: Path) -> None:
    view = np.full((6, 8, 3), 200, np.uint8)
    _picture(tmp_path / "007_L.jpg", view)
    _picture(tmp_path / "007_R.jpg", view)
    near = np.full((6, 8), 255, np.uint8)
    near[0, :2] = 0, 51
    _picture(tmp_path / "007_D.TIF", near)
    truth = open_capture(tmp_path / "007_R.jpg").truth
    assert truth is not None
    assert truth.values[0, 1:3].tolist() == [0.8, 0.0]
    assert not truth.valid[0, 0]


def test_plain_pair_is_gamma_in_8_bit_and_linear_in_16(tmp_path: Path) -> None:
    for side in ("left", "right"):
        _picture(tmp_path / "a" / f"x_{side}.jpg", np.full((6, 8), 128, np.uint8))
        _picture(tmp_path / "b" / f"{side}.tif", np.full((6, 8), 32768, np.uint16))
        _picture(tmp_path / "c" / f"{side}.png", np.dstack([np.full((6, 8), v, np.uint16) for v in (0, 65535, 0)]))
    assert open_capture(tmp_path / "a").left[0, 0] == pytest.approx((128 / 255) ** 2.2, rel=1e-6)
    assert open_capture(tmp_path / "b").left[0, 0] == pytest.approx(32768 / 65535)
    assert open_capture(tmp_path / "c").left[0, 0] == pytest.approx(0.5)
    assert open_capture(tmp_path / "a").name == "x"


def test_plain_pair_is_read_as_its_description_says(tmp_path: Path) -> None:
    for side in ("left", "right"):
        _picture(tmp_path / f"{side}.png", np.full((6, 8), 1024 + 800, np.uint16))
    told = {"black": 1024, "white": 1024 + 1600, "pixel_aspect": 2, "dp_axis": "vertical"}
    (tmp_path / "capture.json").write_text(json.dumps(told))
    capture = open_capture(tmp_path)
    assert capture.left[0, 0] == pytest.approx(0.5)
    assert (capture.size, capture.dp_axis) == ((12, 8), "vertical")
    (tmp_path / "capture.json").write_text(json.dumps({"blak": 1024}))
    with pytest.raises(CaptureError, match="unknown fields blak; it may have black, white"):
        open_capture(tmp_path)


def test_views_of_different_size_are_refused(tmp_path: Path) -> None:
    _picture(tmp_path / "left.png", np.zeros((6, 8), np.uint8))
    _picture(tmp_path / "right.png", np.zeros((6, 9), np.uint8))
    with pytest.raises(CaptureError, match="left view is 8×6 and the right view 9×6"):
        open_capture(tmp_path)


def test_a_folder_of_several_captures_names_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for side in ("left", "right"):
            _picture(tmp_path / "deep" / f"{name}_{side}.png", np.zeros((6, 8), np.uint8))
    with pytest.raises(CaptureError, match=r"holds 2 captures: deep/a_left.png, deep/b_left.png; give the path"):
        open_capture(tmp_path)


def test_an_unknown_file_lists_every_format(tmp_path: Path) -> None:
    (tmp_path / "holiday.png").write_bytes(b"x")
    for path in (tmp_path, tmp_path / "holiday.png"):
        with pytest.raises(CaptureError) as caught:
            open_capture(path)
        assert all(name in str(caught.value) for name in FORMATS)
    with pytest.raises(CaptureError, match="there is no file or folder"):
        open_capture(tmp_path / "gone")
