"""A light field's views become a dual-pixel pair whose disparity is positive where nearer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from runtime_py.captures import open_capture
from runtime_py.captures.correspond import WIDTH, correspond
from runtime_py.captures.light_field import grid_of
from runtime_py.errors import CaptureError

SIZE = (240, 768)


def _texture(seed: int) -> NDArray[np.float64]:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(SIZE), 3)
    return np.asarray(0.4 + 0.1 * noise / noise.std()).clip(0.05, 0.9)


def _photographed(folder: Path, near: float, far: float, columns: range, row: str = "03") -> None:
    """Pinhole cameras in a row, one length unit apart, the first furthest left: a point at X and depth z is seen at
    f·(X - camera)/z. Its inverse depth times f is `near` on the right half of the scene and `far` on the left."""
    for at, column in enumerate(columns):
        moved = [
            shift(_texture(seed), (0, -at * inverse), order=1, mode="wrap") for seed, inverse in ((1, far), (2, near))
        ]
        light = np.where(np.arange(SIZE[1]) < SIZE[1] // 2, *moved)
        cv2.imwrite(str(folder / f"toy_{row}_{column:02d}.png"), np.rint(255 * light ** (1 / 2.2)).astype(np.uint8))


@pytest.mark.parametrize(("near", "far"), [(2.0, 0.5), (1.0, -1.0)])
def test_disparity_is_the_shift_between_neighbours_and_larger_where_nearer(
    tmp_path: Path, near: float, far: float
) -> None:
    _photographed(tmp_path, near, far, range(4, 9))
    capture = open_capture(tmp_path)
    assert (capture.format, capture.name, capture.dp_axis) == ("light-field", "toy", "horizontal")
    matches = correspond(capture.left, capture.right)
    for half, expected in ((matches.centres[:, 1] > WIDTH * 0.55, near), (matches.centres[:, 1] < WIDTH * 0.45, far)):
        assert half.sum() > 50
        assert np.median(matches.shifts[half, 1]) == pytest.approx(expected, abs=0.1)
        assert np.median(matches.shifts[half, 0]) == pytest.approx(0, abs=0.05)


def test_real_light_field_has_the_toy_nearer_than_the_wall_behind_it(captures_root: Path) -> None:
    folder = captures_root / "lightfield-lytro"
    if not folder.is_dir():
        pytest.skip("the light field is not among the captures on this machine")
    capture = open_capture(folder)
    assert capture.size == (383, 552)
    matches = correspond(capture.left, capture.right)
    row, column = matches.centres.T / WIDTH
    toy = np.median(matches.shifts[(abs(row - 0.37) < 0.05) & (abs(column - 0.3) < 0.1), 1])
    wall = np.median(matches.shifts[(row < 0.15) & (column < 0.35), 1])
    assert toy > wall + 0.5


def test_the_pair_is_the_mean_light_of_the_centre_and_each_neighbour(tmp_path: Path) -> None:
    for column, value in ((1, 50), (2, 100), (3, 200)):
        cv2.imwrite(str(tmp_path / f"s_01_{column:02d}.png"), np.full((6, 8, 3), value, np.uint8))
    capture = open_capture(tmp_path / "s_01_03.png")
    light = {v: (v / 255) ** 2.2 for v in (50, 100, 200)}
    assert capture.left[0, 0] == pytest.approx((light[50] + light[100]) / 2, rel=1e-5)
    assert capture.right[0, 0] == pytest.approx((light[200] + light[100]) / 2, rel=1e-5)


@pytest.mark.parametrize(("columns", "centre"), [(range(2, 9), 5), (range(1, 15), 7), (range(3), 1)])
def test_the_centre_is_the_middle_view_and_the_lower_of_two(tmp_path: Path, columns: range, centre: int) -> None:
    for row in columns:
        for column in columns:
            (tmp_path / f"s_{row:02d}_{column:02d}.png").touch()
    grid = grid_of(tmp_path / f"s_{columns[0]:02d}_{columns[-1]:02d}.png")
    assert grid is not None
    assert grid.centre == (centre, centre)


@pytest.mark.parametrize("gone", [4, 5, 6])
def test_a_missing_view_next_to_the_centre_is_named_and_others_are_not_needed(tmp_path: Path, gone: int) -> None:
    _photographed(tmp_path, 1, 0, range(2, 9))
    (tmp_path / "toy_03_03.png").unlink()
    open_capture(tmp_path)
    (tmp_path / f"toy_03_{gone:02d}.png").unlink()
    with pytest.raises(CaptureError, match=rf"view 03_{gone:02d} of light field toy is missing .* columns 2 to 8"):
        open_capture(tmp_path)


def test_views_of_different_size_are_refused(tmp_path: Path) -> None:
    for column in range(3):
        cv2.imwrite(str(tmp_path / f"s_00_{column:02d}.png"), np.zeros((6, 8 + column // 2), np.uint8))
    with pytest.raises(CaptureError, match=r"s_00_02.png is \(6, 9\)"):
        open_capture(tmp_path)


def test_two_dated_photographs_are_no_light_field(tmp_path: Path) -> None:
    for name in ("trip_04_17.png", "trip_04_18.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((6, 8), np.uint8))
    with pytest.raises(CaptureError, match="no view of a dual-pixel capture"):
        open_capture(tmp_path / "trip_04_17.png")
