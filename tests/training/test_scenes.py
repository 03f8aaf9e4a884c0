"""Procedural scenes: what the renderer and the student may rely on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.scenes import PATTERNS, Dice, fractal_noise, grating, random_scene, silhouette, texture

H, W = 65, 81


def dice(batch: int = 6, seed: int = 0) -> Dice:
    return Dice(torch.Generator().manual_seed(seed), batch)


def test_scene_follows_from_the_generator_alone() -> None:
    first, again, other = (random_scene(torch.Generator().manual_seed(s), 2, (H, W)) for s in (3, 3, 4))
    for part in ("texture", "coverage", "disparity"):
        assert torch.equal(getattr(first, part), getattr(again, part))
        assert not torch.equal(getattr(first, part), getattr(other, part))


@pytest.mark.parametrize("reach", [2.0, 6.0])
def test_scene_keeps_its_promises(reach: float) -> None:
    scene = random_scene(torch.Generator().manual_seed(1), 24, (H, W), layers=4, reach=reach)
    assert scene.texture.shape == scene.coverage.shape == scene.disparity.shape == (24, 4, H, W)
    assert torch.all(torch.isfinite(scene.texture))
    assert float(scene.texture.min()) >= 0
    assert torch.all(scene.coverage[:, 0] == 1)
    assert 0 <= float(scene.coverage.min()) <= float(scene.coverage.max()) <= 1
    assert float(scene.disparity.abs().max()) <= reach


def test_layers_in_front_are_nearer() -> None:
    scene = random_scene(torch.Generator().manual_seed(2), 32, (H, W))
    at_pivot = scene.disparity[:, :, H // 2, W // 2]
    assert torch.all(at_pivot.diff(dim=1) >= -1e-5)


def test_scenes_show_both_signs_of_disparity_and_objects_and_bare_walls() -> None:
    scene = random_scene(torch.Generator().manual_seed(3), 64, (32, 32))
    middle = scene.disparity.mean((1, 2, 3))
    assert 0.2 < float((middle > 0).float().mean()) < 0.8
    present = (scene.coverage[:, 1:].amax((2, 3)) > 0.5).float().mean()
    assert 0.3 < float(present) < 0.9


@pytest.mark.parametrize("pattern", [p for p, _ in PATTERNS])
def test_patterns_are_finite_and_differ_between_samples(pattern) -> None:
    field = pattern(dice(4), H, W)
    assert field.shape == (4, H, W)
    assert torch.all(torch.isfinite(field))
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


def test_silhouettes_are_opaque_inside_with_edges_one_or_two_pixels_wide() -> None:
    cover = silhouette(dice(48), 96, 96)
    assert 0 <= float(cover.min()) <= float(cover.max()) <= 1
    partial = ((cover > 0.01) & (cover < 0.99)).float().mean((1, 2))
    assert 0 < float(partial.mean()) < 0.1
    assert float((cover > 0.99).float().mean()) > 0.05


def test_some_surfaces_have_hardly_any_texture() -> None:
    field = texture(dice(64), 48, 48)
    contrast = field.std((1, 2)) / field.mean((1, 2))
    assert float(field.min()) >= 0
    assert 0.02 < float((contrast < 0.1).float().mean()) < 0.5
