"""The table of matching errors: its walls, its kernels and the laws that its figures obey."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import matching_bias
from benchmarks.matching_bias import DISPARITIES, errors, lenses, on_grid, wall
from benchmarks.psf_matching import transfer
from runtime_py.errors import CaptureError
from training.optics import PSF_FAMILIES, aperture


@pytest.mark.parametrize("grain", [1.0, 2.0])
def test_texture_of_a_wall_is_correlated_over_twice_its_grain(grain: float) -> None:
    """White noise blurred by a Gaussian of deviation g has the autocorrelation exp(-x² / 4g²)."""
    texture = wall(grain) - wall(grain).mean()
    for shift in (1, 2):
        found = float((texture * np.roll(texture, shift, 1)).mean() / texture.var())
        assert found == pytest.approx(math.exp(-(shift**2) / (4 * grain**2)), abs=0.05)


def test_kernels_on_a_grid_have_the_spectrum_of_the_samples_they_were() -> None:
    lens, coc = aperture("butterworth", 0.3, right_shape=0.6, offset=0.04), 7.3
    found = transfer(*on_grid(lens), coc, (16, 20))
    u, v, weight = (t.double().numpy() for t in (lens.u, lens.v, lens.weight))
    for y, x in ((0, 0), (1, 0), (0, 3), (-2, 5)):
        expected = (weight * np.exp(-2j * np.pi * coc * (y / 16 * v + x / 20 * u))).sum(-1)
        np.testing.assert_allclose(found[:, y, x], expected, atol=1e-6)


def test_error_changes_sign_with_the_disparity_where_the_views_mirror_each_other_and_vanishes_with_known_kernels() -> (
    None
):
    rows = errors("ramp_disc", aperture("ramp_disc"), grain=2.0)
    plain = {row.disparity: row.plain for row in rows}
    assert set(plain) == set(DISPARITIES)
    assert all(plain[-d] == pytest.approx(-plain[d], abs=0.02) for d in DISPARITIES)
    assert plain[4.0] > 0.5
    assert all(abs(row.modelled) < 0.02 for row in rows)


def test_the_command_prints_a_row_per_wall_and_writes_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matching_bias, "GRAINS", (8.0,))
    monkeypatch.setattr(matching_bias, "DISPARITIES", (1.0,))
    monkeypatch.setattr(sys, "argv", ["matching_bias", "--json", str(tmp_path / "rows.json")])
    matching_bias.main()
    table = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == [f"| {family}" for family in PSF_FAMILIES]
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["grain"] for row in rows] == [8.0] * 4
    assert all(abs(row["plain"]) < 0.05 for row in rows), "coarse texture shows the centroids"


def test_a_folder_without_measured_kernels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"no blur_kernels_left\.npy with blur_kernels_right\.npy at or below"):
        lenses(tmp_path)


def test_measured_kernels_are_found_in_a_folder_of_captures(captures_root: Path) -> None:
    found = lenses(captures_root)
    assert set(lenses(None)) < set(found)
    assert float(found["Pixel 4, middle"].alpha) == pytest.approx(0.21, abs=0.02)
