"""Augmentation that obeys physics: what a sensor, a lens or a hand could have done, with the truth kept true."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.sample import Sample
from training.optics import add_sensor_noise


@dataclass(frozen=True)
class Augmentation:
    """How strongly each effect may act; probabilities are per sample."""

    flip: float = 0.5
    gain_field: float = 0.35
    noise: float = 0.5
    tone: float = 0.3
    eight_bit: float = 0.25


def flip_along_axis(sample: Sample) -> Sample:
    """Mirror along the DP axis: each mirrored view is what the *other* half aperture would have seen."""
    mirrored = sample.map(lambda t: t.flip(_dp_dimension(sample)))
    return replace(mirrored, left=mirrored.right, right=mirrored.left)


def flip_across_axis(sample: Sample) -> Sample:
    """Mirror across the DP axis: the views keep their roles."""
    across = -3 - _dp_dimension(sample)
    return sample.map(lambda t: t.flip(across))


def _dp_dimension(sample: Sample) -> int:
    """The dimension of (B, 1, H, W) along which the two views are displaced."""
    return {"horizontal": -1, "vertical": -2}[sample.dp_axis]


def resize(sample: Sample, scale: float) -> Sample:
    """Resize along both axes by `scale`; disparities are pixels, so they scale too."""
    scaled = sample.map(
        lambda t: F.interpolate(t, scale_factor=scale, mode="bilinear", align_corners=False, antialias=True)
    )
    return replace(scaled, disparity=scaled.disparity * scale)


def _chosen(sample: Sample, other: Sample, choose: Tensor) -> Sample:
    """Per sample of the batch: `other` where `choose` (B, 1, 1, 1) is true."""
    return Sample(
        torch.where(choose, other.left, sample.left),
        torch.where(choose, other.right, sample.right),
        torch.where(choose, other.disparity, sample.disparity),
        torch.where(choose, other.valid, sample.valid),
        sample.dp_axis,
    )


def augment(sample: Sample, settings: Augmentation, generator: torch.Generator) -> Sample:
    """A random physical variation of every sample of the batch."""
    batch = sample.left.shape[0]

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, 1, 1, 1, generator=generator, device=sample.left.device)

    sample = _chosen(sample, flip_along_axis(sample), draw(0, 1) < settings.flip)
    sample = _chosen(sample, flip_across_axis(sample), draw(0, 1) < settings.flip)
    left, right = sample.left, sample.right
    exposure = 0.35 / torch.clamp(left.mean((2, 3), keepdim=True), min=1e-4) * 2.0 ** draw(-2.0, 0.7)
    left, right = left * exposure, right * exposure
    noisy = draw(0, 1) < settings.noise
    electrons, read = 10.0 ** draw(2.5, 4.5), draw(0.5, 6.0)
    views = []
    for view in (left, right):
        view = view * _gain_field(view, settings.gain_field, generator)
        view = torch.where(noisy, add_sensor_noise(view, electrons, read, generator), view)
        views.append(torch.clamp(view, 0.0, 1.0))
    gamma = torch.where(draw(0, 1) < settings.tone, draw(0.8, 1.25), 1.0)
    coarse = draw(0, 1) < settings.eight_bit
    toned = []
    for view in views:
        view = torch.clamp(view, min=1e-6) ** gamma
        stored = torch.round(255.0 * view ** (1 / 2.2)) / 255.0
        toned.append(torch.where(coarse, stored**2.2, view))
    return replace(sample, left=toned[0], right=toned[1])


def _gain_field(view: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Vignetting of one half aperture: a smooth gain around 1, drawn anew for each view."""
    coarse = torch.randn(view.shape[0], 1, 3, 3, generator=generator, device=view.device) * strength * 0.4
    smooth = F.interpolate(coarse, size=view.shape[-2:], mode="bicubic", align_corners=True)
    return torch.exp(torch.clamp(smooth, -1.0, 1.0))
