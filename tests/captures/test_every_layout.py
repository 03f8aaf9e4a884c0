"""Every format opens from either view, and names the file when one is torn or missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime_py.captures import FORMATS, find_captures, open_capture
from runtime_py.captures.pgm import write_pgm
from runtime_py.errors import CaptureError

Files = list[Path]
GREY = np.full((40, 60), 90, np.uint8)
GREY_16 = np.full((40, 60), 9000, np.uint16)


def _save(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pgm":
        write_pgm(path, pixels)
    elif path.suffix == ".npy":
        np.save(path, pixels)
    else:
        assert cv2.imwrite(str(path), pixels)
    return path


def _google_app(root: Path) -> Files:
    return [_save(root / f"a_{side}.pgm", np.full((756, 2016), 9000, np.uint16)) for side in ("left", "right")]


def _cmu(root: Path) -> Files:
    whole = np.full((1512, 2016), 4000, np.uint16)
    for side in ("left", "right"):
        _save(root / f"calibration/white_sheet_{side}.png", whole)
    return [_save(root / f"007_{side}.png", whole) for side in ("left", "right")]


def _pair(left: str, right: str, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Callable[[Path], Files]:
    return lambda root: [_save(root / name, pixels) for name in (left, right)]


LAYOUTS: dict[str, Callable[[Path], Files]] = {
    "google-app": _google_app,
    "cmu-pixel4": _cmu,
    "dp119": _pair("box/001/l.png", "box/001/r.png", GREY),
    "google-dual-pixels": _pair(
        "t/left_pd/c/result_leftPd_top.png", "t/right_pd/c/result_rightPd_top.png", np.ascontiguousarray(GREY.T)
    ),
    "google-raw": _pair("t/raw_left_pd/c/result_pd_left_top.npy", "t/raw_right_pd/c/result_pd_right_top.npy", GREY_16),
    "dp-disp": _pair("007_L.jpg", "007_R.jpg", GREY),
    "dpmv": _pair("B/dp_data/v/image_007_left.jpg", "B/dp_data/v/image_007_right.jpg", GREY),
    "dpdd": _pair("train_l/source/1P0A0001.png", "train_r/source/1P0A0101.png", GREY_16),
    "light-field": lambda root: [_save(root / f"s_00_{c:02d}.png", GREY) for c in (0, 2, 1)],
    "plain": _pair("left.png", "right.png", GREY),
}
"""How to make the smallest tree of each format; the first two files are the ones that a pair is made of."""


def test_every_format_has_a_miniature_here() -> None:
    assert {*LAYOUTS, "dpz"} == set(FORMATS), "a package is one file, which test_dpz.py tears"


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_capture_opens_from_either_view_and_from_the_folder(tmp_path: Path, name: str) -> None:
    left, right, *_ = LAYOUTS[name](tmp_path)
    captures = [open_capture(path) for path in (left, right, tmp_path)]
    assert {c.format for c in captures} == {name}
    assert len({c.name for c in captures}) == 1
    assert 0 < float(captures[0].left.mean()) < 1
    np.testing.assert_array_equal(captures[0].left, captures[0].right)


@pytest.mark.parametrize("damage", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_torn_view_is_named(tmp_path: Path, name: str, side: int, damage: float) -> None:
    files = LAYOUTS[name](tmp_path)
    torn = files[side]
    torn.write_bytes(torn.read_bytes()[: int(damage * torn.stat().st_size)])
    with pytest.raises(CaptureError) as caught:
        open_capture(files[1 - side])
    assert torn.name in str(caught.value)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("name", [n for n in LAYOUTS if n not in ("dpdd", "light-field")])
def test_a_missing_view_is_named(tmp_path: Path, name: str, side: int) -> None:
    files = LAYOUTS[name](tmp_path)
    files[side].unlink()
    assert len(find_captures(tmp_path)) == 1
    with pytest.raises(CaptureError) as caught:
        open_capture(files[1 - side])
    assert f"{files[side].name} is missing" in str(caught.value)
