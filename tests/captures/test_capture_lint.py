"""A sound capture has no findings; each defect, made on purpose, has its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from benchmarks.lint_defects import cells
from runtime_py.captures import open_capture
from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.correspond import correspond
from runtime_py.captures.describe import describe, table
from runtime_py.captures.gain import gain_ramp
from runtime_py.captures.lint import CHECKS, findings
from runtime_py.captures.survey import survey

SIZE = (512, 768)


def _texture(seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    octaves = [gaussian_filter(rng.standard_normal(SIZE), s) * s for s in (1.5, 4, 16)]
    return np.exp(np.sum(octaves, axis=0) * 1.5) * 0.05


def _sound() -> DPCapture:
    """A plane that recedes to the right: x_left - x_right falls from +2 to -2 pixels; truth is inverse depth."""
    scene = _texture(5)
    disparity = np.broadcast_to(np.linspace(2, -2, SIZE[1]), SIZE)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)
    left, right = (map_coordinates(scene, [y, x - s * disparity / 2], order=1, mode="nearest") for s in (1, -1))
    truth = Truth(1 + 0.2 * disparity, np.ones(SIZE, np.bool_), "inverse-depth")
    views = (np.clip(v, 0, 0.99).astype(np.float32) for v in (left, right))
    return DPCapture("plane", "plain", *views, bit_depth=10, white=1023.0, truth=truth)


@pytest.fixture(scope="module")
def sound() -> DPCapture:
    return _sound()


def _checks(capture: DPCapture) -> list[str]:
    return [f.check for f in findings(capture)]


def test_a_sound_capture_has_no_findings_and_its_disparity_is_measured(sound: DPCapture) -> None:
    assert _checks(sound) == []
    matches = correspond(sound.left, sound.right)
    expected = np.interp(matches.centres[:, 1], (0, SIZE[1] - 1), (2, -2))
    assert np.abs(matches.shifts[:, 1] - expected).mean() < 0.1
    assert np.abs(matches.shifts[:, 0]).mean() < 0.1


def _shifted_rows(c: DPCapture) -> DPCapture:
    return replace(c, right=np.roll(c.right, 1, 0))


def _eight_bit(c: DPCapture) -> DPCapture:
    left, right = (np.rint(v * 255).astype(np.float32) / 255 for v in (c.left, c.right))
    return replace(c, left=left, right=right, bit_depth=16)


BROKEN = {
    "exposure": lambda c: replace(c, right=c.right * 0.6),
    "black-level": lambda c: replace(c, left=c.left * 0.9 + 0.1, right=c.right * 0.9 + 0.1),
    "saturation": lambda c: replace(c, left=np.minimum(c.left * 8, 1), right=np.minimum(c.right * 8, 1)),
    "levels": _eight_bit,
    "aspect": lambda c: replace(c, left=c.left[::2], right=c.right[::2], truth=None),
    "identical": lambda c: replace(c, right=c.left),
    "unmatched": lambda c: replace(c, right=_texture(6).astype(np.float32)),
    "untextured": lambda c: replace(c, left=np.full_like(c.left, 0.3), right=np.full_like(c.left, 0.31)),
    "misalignment": _shifted_rows,
    "axis": lambda c: replace(c, dp_axis="vertical"),
    "swapped": lambda c: replace(c, left=c.right, right=c.left),
}


@pytest.mark.parametrize("check", list(CHECKS))
def test_a_defect_made_on_purpose_is_found(sound: DPCapture, check: str) -> None:
    found = findings(BROKEN[check](sound))
    assert check in [f.check for f in found]
    assert len(found) <= 2


def test_the_measured_misalignment_is_the_one_that_was_made(sound: DPCapture) -> None:
    found = {f.check: f for f in findings(_shifted_rows(sound))}
    assert found["misalignment"].value == pytest.approx(-1, abs=0.1)


def test_swapped_views_are_not_guessed_without_truth(sound: DPCapture) -> None:
    assert _checks(replace(sound, left=sound.right, right=sound.left, truth=None)) == []


def test_a_white_wall_is_not_taken_for_a_black_level() -> None:
    wall = _sound()
    bright = np.random.default_rng(7).uniform(0.5, 0.6, SIZE).astype(np.float32)
    assert "black-level" not in _checks(replace(wall, left=bright, right=bright.copy()))


def test_description_gives_size_range_and_disparity_in_the_captures_own_pixels(sound: DPCapture) -> None:
    from rich.console import Console

    description = describe(sound)
    assert (description.width, description.height, description.dp_axis) == (768, 512, "horizontal")
    assert description.disparity == pytest.approx((-1.7, 1.7), abs=0.3)
    assert description.left[2] == pytest.approx(float(np.median(sound.left)))
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table(description, findings(sound)))
    assert "nothing looks wrong" in console.export_text()


def test_the_axis_is_told_by_a_tenth_of_a_pixel_of_variation(sound: DPCapture) -> None:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)
    shallow = 0.15 * np.sin(2 * np.pi * x / SIZE[1])
    scene = _texture(8)
    left, right = (
        map_coordinates(scene, [y - s * shallow / 2, x], order=3, mode="nearest").astype(np.float32) for s in (1, -1)
    )
    rng = np.random.default_rng(9)
    left, right = (v + rng.normal(0, 0.002, SIZE).astype(np.float32) for v in (left, right))
    assert _checks(replace(sound, left=left, right=right, truth=None)) == ["axis"]
    turned = replace(sound, left=left, right=right, truth=None, dp_axis="vertical")
    assert _checks(turned) == []


def test_half_a_pixel_across_the_axis_is_found_at_768_and_a_sixteenth_is_not(sound: DPCapture) -> None:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)

    def moved(pixels: float) -> DPCapture:
        return replace(sound, right=map_coordinates(sound.right, [y - pixels, x], order=3, mode="nearest"))

    found = {f.check: f for f in findings(moved(0.5))}
    assert found["misalignment"].value == pytest.approx(-0.5, abs=0.07)
    assert _checks(moved(1 / 16)) == []


def test_stored_levels_are_counted_before_colours_are_mixed(tmp_path: Path) -> None:
    eight = np.random.default_rng(4).integers(0, 256, (64, 64, 3)).astype(np.uint16)
    for side in ("left", "right"):
        assert cv2.imwrite(str(tmp_path / f"{side}.png"), eight * 257)
    capture = open_capture(tmp_path)
    assert capture.levels == 256
    assert np.unique(capture.left).size > 256
    assert "levels" in _checks(capture)


@pytest.mark.parametrize("bits", [10, 14, 16])
def test_eight_bit_data_are_found_in_files_of_any_depth(sound: DPCapture, bits: int) -> None:
    def at(stored_bits: int) -> DPCapture:
        left, right = (np.rint(v * (2**stored_bits - 1)) / np.float32(2**stored_bits - 1) for v in pair)
        return replace(sound, left=left, right=right, bit_depth=bits, truth=None)

    pair = [view / sound.left.max() for view in (sound.left, sound.right)]
    assert "levels" in _checks(at(8))
    assert "levels" not in _checks(at(bits))


@pytest.mark.parametrize("slope", [0.6, -0.25])
def test_the_gain_ramp_is_the_one_that_was_made_and_follows_the_axis(sound: DPCapture, slope: float) -> None:
    ramp = np.exp(slope * (np.arange(SIZE[1]) / SIZE[1] - 0.5)).astype(np.float32)
    made = replace(sound, left=sound.left * ramp, right=sound.left, truth=None)
    found = gain_ramp(made)
    assert found is not None
    assert found.slope == pytest.approx(slope, abs=0.03)
    across = gain_ramp(replace(made, dp_axis="vertical"))
    assert across is not None
    assert across.slope == pytest.approx(0, abs=0.05)
    assert gain_ramp(replace(sound, left=np.zeros_like(sound.left), right=sound.left)) is None


def test_no_real_sound_capture_has_a_finding(captures_root: Path) -> None:
    told = survey(captures_root)
    assert told.read > 0
    assert (told.found, told.damaged) == ({}, [])


@pytest.mark.parametrize("path", ["sdirt-dp119/real_sample_set/box/005", "cca-public/CSGM"])
def test_every_defect_made_in_a_real_capture_is_found_but_swapped_views_without_truth(
    captures_root: Path, path: str
) -> None:
    if not (captures_root / path).exists():
        pytest.skip(f"{path} is not among the captures on this machine")
    told = cells(open_capture(captures_root / path))
    assert told.pop("none") == "nothing"
    assert [name for name, cell in told.items() if cell == "missed"] == ["swapped, no truth"]
