"""The capture that ships: the thin lens says where everything is, and matching must find it there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.block_matching import matched_disparity
from runtime_py.captures.google_app import BLACK
from training import demo_capture
from training.demo_capture import MARGIN, SAMPLES, SENSOR, STAMP, STEP, camera, tabletop
from training.render import front_most
from training.sensor import expose

ALPHA = float(camera().alpha)

PLACES = {"wall": (2.4, -500, 400), "board": (1.1, -60, -560), "ball": (0.7, 20, 210), "page": (0.45, 330, -330)}
PLACES |= {"box": (0.36, 260, 690), "cup": (0.31, 610, 120)}
"""Depth (m) and the middle (y, x) of each object, px from the centre of 1512×2016."""


def expected_disparity(depth: float) -> float:
    """α·c of a Pixel 4 in focus at 45 cm; 3.99937 is L·f / (1 - f/g) / p, computed by hand."""
    return ALPHA * 3.99937 * (1 / depth - 1 / 0.45)


def stored_samples(path: Path) -> NDArray[np.float64]:
    """The big-endian samples after the header of a 16-bit PGM."""
    data = path.read_bytes()
    header = re.match(rb"P5\s(\d+)\s(\d+)\s65535\s", data)
    assert header
    width, height = (int(n) for n in header.groups())
    return np.frombuffer(data[header.end() :], ">u2").reshape(height, width).astype(np.float64)


def truth_of(path: Path) -> NDArray[np.float64]:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float64) / 1024 - 32


@pytest.fixture(scope="module")
def views() -> list[NDArray[np.float64]]:
    return [stored_samples(SAMPLES / f"{STAMP}_{name}.pgm") for name in ("left", "right")]


@pytest.fixture(scope="module")
def smooth(views: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Without vignetting, and without the details on which skewed kernels show more than their centroids."""
    light = [v - BLACK for v in views]
    return [gaussian_filter(v / gaussian_filter(v, (30, 60)), (3, 6)) for v in light]


def test_shipped_views_are_ten_bit_counts_above_a_black_level(views: list[NDArray[np.float64]]) -> None:
    for view in views:
        assert view.shape == (756, 2016)
        counts = view / (65535 / 1023)
        assert np.abs(counts - np.rint(counts)).max() < 0.02
        assert 60 <= counts.min() < counts.max() <= 1023
        assert (counts >= 1022.5).mean() < 0.02


@pytest.mark.parametrize("place", list(PLACES))
def test_shipped_objects_are_displaced_as_the_thin_lens_says(place: str, smooth: list[NDArray[np.float64]]) -> None:
    depth, cy, cx = PLACES[place]
    window = (slice((756 + cy) // 2 - 40, (756 + cy) // 2 + 40), slice(1008 + cx - 90, 1008 + cx + 90))
    assert matched_disparity(*(view[window] for view in smooth)) == pytest.approx(expected_disparity(depth), abs=0.08)


@pytest.mark.parametrize("place", list(PLACES))
def test_shipped_truth_is_that_of_the_thin_lens(place: str) -> None:
    depth, cy, cx = PLACES[place]
    truth = truth_of(SAMPLES / f"{STAMP}_truth.png")
    assert truth.shape == (378, 504)
    assert truth[(756 + cy) // 4, (1008 + cx) // 4] == pytest.approx(expected_disparity(depth), abs=2e-3)


@pytest.fixture
def small_sensor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_capture, "HEIGHT", 160)
    monkeypatch.setattr(demo_capture, "WIDTH", 256)


@pytest.mark.usefixtures("small_sensor")
def test_scene_is_the_same_every_time_with_the_wall_behind_and_the_ball_in_front() -> None:
    first, again = (tabletop() for _ in range(2))
    assert torch.equal(first.texture, again.texture)
    assert first.inverse_depth.shape == (1, 7, 160 + 2 * MARGIN, 256 + 2 * MARGIN)
    disparity = camera().disparity(front_most(first)[1])[0, 0]
    corner, ball = disparity[0, 0], disparity[80 + MARGIN + 20, -1 - MARGIN]
    assert float(corner) == pytest.approx(expected_disparity(2.4), abs=1e-3)
    assert float(ball) == pytest.approx(expected_disparity(0.7), abs=1e-3)


@pytest.mark.usefixtures("small_sensor")
def test_stored_view_has_the_statistics_of_the_sensor() -> None:
    grey = torch.full((1, 2, 160, 256), 0.4)
    flat = replace(SENSOR, lean=torch.zeros(1, 2), falloff=torch.zeros(1, 2))
    stored = expose(grey, flat, torch.Generator().manual_seed(0)).stored[0, 0].numpy() * STEP
    assert stored.shape == (80, 256)
    light = (stored - BLACK) / (65535 - BLACK)
    n = light.size
    # 6000 electrons at white with 3 electrons of read noise, and the uniform error of rounding to 1/959 of white.
    variance = (0.4 * 6000 + 9) / 6000**2 + 1 / 959**2 / 12
    assert light.mean() == pytest.approx(0.4, abs=4 * np.sqrt(variance / n) + 1e-5)
    assert light.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / n))
    assert pytest.approx(65535 / 1023) == STEP


@pytest.mark.usefixtures("small_sensor")
def test_main_writes_both_views_and_the_truth_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for name in ("first", "again"):
        monkeypatch.setattr(demo_capture, "SAMPLES", tmp_path / name)
        demo_capture.main()
        written.append({p.name: p.read_bytes() for p in sorted((tmp_path / name).iterdir())})
    assert list(written[0]) == [f"{STAMP}_{part}" for part in ("left.pgm", "right.pgm", "truth.png")]
    assert written[0] == written[1]
    left, right = (stored_samples(tmp_path / "first" / f"{STAMP}_{v}.pgm") for v in ("left", "right"))
    assert left.shape == right.shape == (80, 256)
    assert not np.array_equal(left, right)
    inner = camera().disparity(front_most(tabletop())[1])[0, 0, MARGIN:-MARGIN, MARGIN:-MARGIN].numpy()
    found = truth_of(tmp_path / "first" / f"{STAMP}_truth.png")
    np.testing.assert_allclose(found, inner[::4, ::4], atol=1e-3)
