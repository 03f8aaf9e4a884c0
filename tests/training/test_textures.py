"""What surfaces look like: scales, repetition, lines without edges along the DP axis, bare walls, colour."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from training.dice import Dice
from training.textures import (
    PATTERNS,
    dead_leaves,
    fractal_noise,
    grain,
    grating,
    light,
    scribble,
    stripes,
    texture,
    tinted,
    with_glints,
    written_lines,
)

H, W = 65, 81


def dice(batch: int = 6, seed: int = 0) -> Dice:
    return Dice(torch.Generator().manual_seed(seed), batch)


def edges(field: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared differences of each sample along columns and along rows."""
    return (field.diff(dim=1) ** 2).mean((1, 2)).numpy(), (field.diff(dim=2) ** 2).mean((1, 2)).numpy()


@pytest.mark.parametrize("pattern", [p for p, _ in PATTERNS])
@pytest.mark.parametrize("size", [(H, W), (24, 40)])
def test_patterns_are_finite_of_moderate_size_and_differ_between_samples(pattern, size) -> None:
    field = pattern(dice(4), *size)
    assert field.shape == (4, *size)
    assert torch.all(torch.isfinite(field))
    assert float(field.abs().max()) < 8
    assert 0.2 < float(field.std()) < 2
    assert not torch.equal(field[0], field[1])


def test_fractal_noise_is_standardised_and_its_spectrum_falls_as_a_power() -> None:
    field = fractal_noise(dice(12), 128, 128)
    np.testing.assert_allclose(field.mean((1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(field.std((1, 2)), 1, atol=1e-4)
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128))
    band = (frequency > 0.04) & (frequency < 0.45)
    amplitude = np.abs(np.fft.fft2(field.numpy()))[:, band]
    slopes = [np.polyfit(np.log(frequency[band]), np.log(a), 1)[0] for a in amplitude]
    assert -2.3 < min(slopes) < -1.3
    assert -1.2 < max(slopes) < -0.4


def test_gratings_repeat_within_the_stated_periods() -> None:
    field = grating(dice(16), 96, 96)
    assert float(field.abs().max()) <= 1 + 1e-5
    spectrum = np.abs(np.fft.fft2(field.numpy() - field.numpy().mean((1, 2), keepdims=True)))
    frequency = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(96)).ravel()
    strongest = frequency[spectrum.reshape(16, -1).argmax(1)]
    assert np.all(strongest > 1 / 40 - 1 / 96)
    assert np.all(strongest < np.sqrt(2) / 3 + 1 / 96)


@pytest.mark.parametrize(("pattern", "share"), [(grain, (0.1, 0.4)), (stripes, (0.55, 0.95))])
def test_some_textures_have_hardly_an_edge_along_the_dp_axis(pattern, share: tuple[float, float]) -> None:
    """The aperture problem: their rows are nearly constant, so that no matcher along rows finds anything."""
    across, along = edges(pattern(dice(80), 64, 64))
    assert share[0] < float((along < 0.05 * across).mean()) < share[1]


def test_dead_leaves_lie_at_all_scales() -> None:
    """Their spectrum falls as that of natural images, amplitude about 1/f, over a decade and a half."""
    field = dead_leaves(dice(24), 256, 256, count=60).numpy()
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    band = (frequency > 0.01) & (frequency < 0.3)
    amplitude = np.sqrt((np.abs(np.fft.fft2(field)) ** 2).mean(0))[band]
    assert np.polyfit(np.log(frequency[band]), np.log(amplitude), 1)[0] == pytest.approx(-1.3, abs=0.3)


def test_scribbled_lines_are_one_to_three_px_wide() -> None:
    field = scribble(dice(24), 96, 96).numpy()
    ink = np.where(field.max((1, 2), keepdims=True) > 2, field, -field)
    for sample in ink:
        half_width = distance_transform_edt(sample > sample.min() + 0.5 * np.ptp(sample))
        assert 1 <= np.percentile(half_width[half_width > 0], 98) <= 3


def test_written_lines_are_strokes_of_ink_on_paper() -> None:
    field = written_lines(dice(32), 96, 96)
    np.testing.assert_allclose(torch.unique(field), [-1.4, 1.0], rtol=1e-6)
    ink = (field < 0).float().mean((1, 2))
    assert 0.1 < float(ink.min()) <= float(ink.max()) < 0.35


def test_bare_surfaces_show_light_and_shadow_only() -> None:
    field = texture(dice(96), 64, 64, torch.ones(96, 1, 1))
    log = torch.log(field)
    # Shadows with narrow edges and specular dots are on a quarter and a fifth of them.
    flat = (log.diff(dim=2).abs() < 0.01).float().mean((1, 2))
    assert float((flat > 0.95).float().mean()) > 0.6
    assert float(field.min()) > 0.05 * np.exp(-2.3)


def test_surfaces_are_bare_in_the_stated_share_and_never_negative() -> None:
    field = texture(dice(300), 32, 32)
    assert float(field.min()) >= 0
    assert torch.all(torch.isfinite(field))
    rough = torch.log(field.clamp(min=1e-6)).diff(dim=2).diff(dim=1).abs()
    without = (rough.flatten(1).quantile(0.95, dim=1) < 0.01).float().mean()
    assert 0.08 < float(without) < 0.35


def test_light_is_smooth_but_for_the_edges_of_shadows() -> None:
    log = light(dice(100), 64, 64)
    steps = log.diff(dim=2).abs().amax((1, 2))
    assert 0.6 < float((steps < 0.02).float().mean()) < 0.97
    assert float(log.abs().max()) <= 2.3


def test_glints_only_add_light_in_few_places() -> None:
    grey = torch.full((40, 64, 64), 0.2)
    added = with_glints(dice(40), grey) - grey
    assert float(added.min()) >= 0
    brightest = added.amax((1, 2))
    assert 4 < float(brightest.max()) < 25
    assert float((added > 0.1).float().mean()) < 0.05
    assert float(brightest.min()) < 1


def test_colour_keeps_green_and_has_its_edges_where_green_has_them() -> None:
    green = texture(dice(24), 64, 64, torch.zeros(24, 1, 1))
    colour = tinted(dice(24, seed=1), green)
    assert torch.equal(colour[:, 1], green)
    assert float(colour.min()) >= 0
    assert not torch.equal(colour[:, 0], colour[:, 2])
    steps = colour.log().diff(dim=3).abs()
    still = steps[:, 1] < 1e-6
    assert float(steps[:, 0][still].max()) < 1e-4
    ratio = (colour[:, 0] / green).mean((1, 2))
    assert 0.3 < float(ratio.min()) < 0.8 < 1.2 < float(ratio.max()) < 4
