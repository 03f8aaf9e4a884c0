"""Each estimator finds what was put into synthetic pairs; distances agree with scipy's; the page holds no picture."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from scipy.stats import ks_2samp, wasserstein_distance

from benchmarks.realism.distances import distance, inside, ks, wasserstein
from benchmarks.realism.edges import edges, implied_alpha
from benchmarks.realism.facts import measure
from benchmarks.realism.gain import gain_field
from benchmarks.realism.matching import blocks
from benchmarks.realism.noise import fit_noise
from benchmarks.realism.page import write
from benchmarks.realism.pairs import RENDERED, Array, Source, Window, real_sources, rendered_source, windows_of
from benchmarks.realism.summary import summarise
from benchmarks.realism.texture import texture
from runtime_py.captures.capture import DPCapture
from runtime_py.contract import Preprocess
from runtime_py.errors import CaptureError, DpocketError
from training.recipes import recipe

SIDE = 160
SETTINGS = Preprocess()


def noise_picture(seed: int, grain: float, side: int = SIDE) -> Array:
    """Periodic normal noise of unit deviation with details of `grain` px."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), grain, mode="wrap")
    return np.asarray(field / field.std())


def shifted(picture: Array, y: float, x: float) -> Array:
    """A periodic picture moved by (y, x) px, exactly."""
    fy, fx = np.fft.fftfreq(picture.shape[0])[:, None], np.fft.fftfreq(picture.shape[1])[None]
    return np.asarray(np.fft.ifft2(np.fft.fft2(picture) * np.exp(-2j * np.pi * (fy * y + fx * x))).real)


def window(left: Array, right: Array, name: str = "synthetic") -> Window:
    return Window(name, left, right, (float(left.mean()), float(right.mean())))


@pytest.mark.parametrize(("disparity", "vertical"), [(-2.3, 0.4), (1.45, -0.7), (0.0, 0.0), (5.2, 0.1)])
def test_a_known_shift_is_measured_with_its_sign(disparity: float, vertical: float) -> None:
    picture = 0.4 * np.exp(0.4 * noise_picture(1, 2.5))
    left, right = shifted(picture, vertical / 2, disparity / 2), shifted(picture, -vertical / 2, -disparity / 2)
    found = blocks(window(left, right), SETTINGS)
    assert found.matched.mean() > 0.9
    assert np.median(found.disparity[found.matched]) == pytest.approx(disparity, abs=0.05)
    assert np.median(found.vertical[found.matched]) == pytest.approx(vertical, abs=0.05)
    assert np.median(found.zncc[found.matched]) > 0.99


def test_match_width_grows_with_blur_and_not_with_noise() -> None:
    rng = np.random.default_rng(2)
    fine, coarse = (0.4 * np.exp(0.4 * noise_picture(3, grain)) for grain in (2.0, 4.0))

    def width(picture: Array, noise: float) -> float:
        views = [np.maximum(picture + noise * rng.standard_normal(picture.shape), 1e-3) for _ in range(2)]
        found = blocks(window(*views), SETTINGS)
        return float(np.nanmedian(found.width_x[found.matched]))

    # The autocorrelation of noise blurred by a Gaussian of s px is a Gaussian of s·√2 px.
    assert width(fine, 0.0) == pytest.approx(2.0 * np.sqrt(2), rel=0.15)
    assert width(coarse, 0.0) > 1.5 * width(fine, 0.0)
    assert width(fine, 0.05) == pytest.approx(width(fine, 0.0), rel=0.1)


@pytest.mark.parametrize(("electrons", "read"), [(3000.0, 4.0), (800.0, 12.0), (20000.0, 0.0)])
def test_shot_and_read_noise_come_back_from_a_textured_moving_scene(electrons: float, read: float) -> None:
    rng = np.random.default_rng(4)
    lights, sigmas = [], []
    for index in range(12):
        base = 0.03 * 1.3**index
        picture = base * np.exp(0.25 * noise_picture(10 + index, 6.0))
        views = []
        for d in (0.6, -0.6):
            clean = shifted(picture, 0, d)
            variance = clean / electrons + (read / electrons) ** 2
            views.append(clean + np.sqrt(variance) * rng.standard_normal(clean.shape))
        found = blocks(window(*views), SETTINGS)
        lights.append(found.light)
        sigmas.append(found.sigma * found.light)
    law = fit_noise(np.concatenate(lights), np.concatenate(sigmas))
    assert law.electrons == pytest.approx(electrons, rel=0.1)
    # Read noise shows in the darkest blocks only, where it competes with their shot noise.
    assert law.read == pytest.approx(read, abs=0.2 * (read + np.sqrt(0.03 * electrons)))


def test_noise_correlation_tells_resized_noise_from_white() -> None:
    rng = np.random.default_rng(5)
    white = [0.5 + 0.02 * rng.standard_normal((SIDE, SIDE)) for _ in range(2)]
    coloured = [0.5 + 0.1 * gaussian_filter(rng.standard_normal((SIDE, SIDE)), 1.0, mode="wrap") for _ in range(2)]
    assert np.median(blocks(window(*white), SETTINGS).whiteness) == pytest.approx(0.0, abs=0.05)
    # A Gaussian of 1 px leaves exp(-1/4) between neighbours.
    assert np.median(blocks(window(*coloured), SETTINGS).whiteness) == pytest.approx(np.exp(-0.25), abs=0.06)


@pytest.mark.parametrize("disparity", [0.0, 2.0])
def test_a_gain_ramp_is_measured_through_disparity(disparity: float) -> None:
    picture = 0.4 * np.exp(0.4 * noise_picture(6, 2.5))
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    ramp = np.exp(0.10 + 0.08 * x / 100 - 0.03 * y / 100)
    left, right = shifted(picture, 0, disparity / 2) * ramp, shifted(picture, 0, -disparity / 2)
    field = gain_field(blocks(window(left, right), SETTINGS))
    assert field is not None
    assert field.offset == pytest.approx(10.0, abs=0.5)
    assert field.slope_x == pytest.approx(8.0, abs=0.7)
    assert field.slope_y == pytest.approx(-3.0, abs=0.7)
    assert field.rough < 1.0


def step_seen_through(weight: Array, at: Array, disparity_axis: float) -> Array:
    """A step edge at the window's middle, spread by a line-spread function of samples (offset, weight)."""
    x = np.arange(SIDE) - SIDE / 2
    risen = np.clip(x[:, None] - disparity_axis - at[None] + 0.5, 0, 1) @ (weight / weight.sum())
    return np.tile(0.2 + 0.6 * risen, (SIDE, 1))


@pytest.mark.parametrize("coc", [4.0, 9.0, -9.0])
def test_edge_rise_and_disparity_are_those_of_a_ramp_disc(coc: float) -> None:
    u = np.linspace(-0.5, 0.5, 2001)
    chord = np.sqrt(0.25 - u**2)
    left = step_seen_through((u + 0.5) * chord, coc * u, 0.0)
    right = step_seen_through((0.5 - u) * chord, coc * u, 0.0)
    found = edges(window(left, right))
    assert len(found.disparity) > 10
    # α of a linear ramp is 1/4; of the three quantiles that are read, 0.27.
    assert np.allclose(found.disparity, 0.25 * coc, rtol=0.1)
    # 0.394 of the circle of confusion, and the 0.735 px of a triangle: a pixel's square, read by linear interpolation.
    assert np.allclose(found.rise_left, np.hypot(0.394 * coc, 0.735), rtol=0.08)
    assert np.allclose(found.rise_left, found.rise_right, rtol=0.02)
    assert np.allclose(found.lean_left, -found.lean_right, atol=0.02)
    assert np.all(np.sign(found.lean_left) == -np.sign(coc))


def test_implied_alpha_orders_kernels_by_their_disparity_per_blur() -> None:
    u = np.linspace(-0.5, 0.5, 2001)
    chord = np.sqrt(0.25 - u**2)
    implied = []
    for tilt in (0.4, 1.0):
        disparity, rise = [], []
        for coc in np.linspace(8.0, 12.0, 12):
            left, right = (step_seen_through((1 + sign * 2 * tilt * u) * chord, coc * u, 0.0) for sign in (1, -1))
            found = edges(window(left, right))
            disparity.append(found.disparity[0])
            rise.append(found.rise_left[0])
        implied.append(implied_alpha(np.array(disparity), np.array(rise)))
    # α = tilt/4; the ramp is narrower than the whole disc that is assumed, which makes it look larger by 1.25.
    assert implied[0] == pytest.approx(0.1, rel=0.2)
    assert implied[1] == pytest.approx(0.25 * 1.25, rel=0.2)


def test_texture_of_known_pictures() -> None:
    rng = np.random.default_rng(7)
    flat = np.full((SIDE, SIDE), 0.3)
    assert texture(window(flat, flat), SETTINGS).flat_share == 1.0
    normal = np.exp(0.1 * rng.standard_normal((SIDE, SIDE)))
    found = texture(window(normal, normal), replace(SETTINGS, floor=0.0))
    assert found.kurtosis == pytest.approx(3.0, abs=0.2)
    assert found.slope == pytest.approx(0.0, abs=0.3)
    assert found.anisotropy == pytest.approx(1.0, abs=0.1)
    frequency = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.fftfreq(512)[None])
    frequency[0, 0] = np.inf
    pink = np.fft.ifft2(np.fft.fft2(rng.standard_normal((512, 512))) / frequency).real
    pink = np.exp(0.2 * pink / pink.std())[:SIDE, :SIDE]
    assert texture(window(pink, pink), replace(SETTINGS, floor=0.0)).slope == pytest.approx(-2.0, abs=0.4)


values = arrays(np.float64, st.integers(12, 60), elements=st.floats(-50, 50, allow_subnormal=False))


@settings(max_examples=50, deadline=None)
@given(values, values)
def test_distances_equal_those_of_scipy(a: Array, b: Array) -> None:
    assert ks(a, b) == pytest.approx(ks_2samp(a, b).statistic, abs=1e-9)
    assert wasserstein(a, b) == pytest.approx(wasserstein_distance(a, b), abs=1e-6)


def test_a_source_of_many_captures_weighs_no_more_than_one_of_few() -> None:
    rng = np.random.default_rng(8)
    many, few = rng.normal(0, 1, 5000), rng.normal(10, 1, 50)
    gap = distance(rng.normal(5, 1, 500), [many, few])
    assert gap is not None
    assert gap.ks == pytest.approx(0.5, abs=0.03)
    assert inside(many, many) == pytest.approx(0.95, abs=0.01)


def test_windows_are_turned_with_the_axis_and_know_the_mean_of_the_whole_view() -> None:
    left = np.tile(np.linspace(0.1, 0.9, 640, dtype=np.float32)[:, None], (1, 330))
    capture = DPCapture("portrait", "plain", left, left, dp_axis="vertical")
    found = windows_of(capture, 640, SIDE)
    assert len(found) == 4 * 2
    assert all(w.means[0] == pytest.approx(0.5, abs=1e-3) for w in found)
    # What grew downwards now grows to the right.
    assert np.all(np.diff(found[0].left[0]) > 0)
    with pytest.raises(CaptureError, match="windows are 400 px"):
        windows_of(capture, 640, 400)


def textured_source(title: str, contrast: float, seed: int) -> Source:
    rng = np.random.default_rng(seed)
    made = []
    for index in range(16):
        picture = 0.4 * np.exp(contrast * noise_picture(seed + index, float(rng.uniform(1.5, 4.0))))
        d = float(rng.uniform(-2, 2))
        views = [shifted(picture, 0, s * d / 2) + 0.004 * rng.standard_normal(picture.shape) for s in (1, -1)]
        made.append(window(np.maximum(views[0], 1e-3), np.maximum(views[1], 1e-3), f"{title} {index % 4}"))
    return Source(title, tuple(made))


def test_only_what_was_changed_is_written_about(tmp_path: Path) -> None:
    real = measure(textured_source("one", 0.4, 200), SETTINGS)
    weak = [measure(textured_source(RENDERED, 0.15, 300), SETTINGS), real]
    same, changed = summarise([replace(real, title=RENDERED), real]), summarise(weak)
    assert same["overall"]["ks"] < 0.05  # the pool is told by quantiles
    assert same["sentences"] == []
    assert changed["measures"]["input_rms"]["distance"]["ks"] == 1.0
    told = [s for s in changed["sentences"] if s.startswith("RMS of the network's input")]
    assert len(told) == 1
    assert "Too little" in told[0]

    write(tmp_path, weak, {"recipe": "none", "width": 1008, "side": SIDE, **changed})
    page = (tmp_path / "index.html").read_text()
    assert json.loads((tmp_path / "realism.json").read_text())["overall"] == changed["overall"]
    assert len(page) < 600_000
    sources = re.findall(r'(?:src|href)="([^"]{0,22})', page)
    assert len(sources) == 8
    assert set(sources) == {"data:image/png;base64,"}


def test_rendered_windows_are_crops_of_the_pool_as_training_sees_them() -> None:
    chosen = recipe("pocket", ["data.size=96", "optimisation.crop=64"])
    first, again = rendered_source(chosen, 2), rendered_source(chosen, 2)
    assert [w.left.shape for w in first.windows] == [(64, 64)] * 2
    assert np.array_equal(first.windows[1].left, again.windows[1].left)
    assert first.windows[0].means[0] == pytest.approx(first.windows[0].left.mean())
    with pytest.raises(DpocketError, match="--count is 0"):
        rendered_source(chosen, 0)


def test_defocus_of_a_canon_makes_little_disparity(captures_root: Path) -> None:
    (source,) = real_sources(captures_root / "sdirt-dp119" / "real_sample_set" / "flat", 1008, SIDE)
    assert source.title == "DP119 Canon"
    assert len(source.captures) == 2
    facts = measure(source, SETTINGS)
    disparity = [
        float(
            np.median(
                np.concatenate(
                    [b.disparity[b.matched] for b, n in zip(facts.blocks, facts.captures, strict=True) if n == name]
                )
            )
        )
        for name in source.captures
    ]
    # A target at 0.6 m with focus at 1 m, and one at 1.5 m (FIELD.md section 7: d = 1.05/Z - 1.13 px at 768 px).
    assert disparity[0] == pytest.approx((1.05 / 0.6 - 1.13) * 1008 / 768, abs=0.25)
    assert disparity[1] == pytest.approx((1.05 / 1.5 - 1.13) * 1008 / 768, abs=0.25)


def test_a_folder_without_real_pairs_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=str(tmp_path)):
        real_sources(tmp_path, 1008, SIDE)
