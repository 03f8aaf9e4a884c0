"""Augmentation that obeys physics: what a sensor, a lens or a hand could have done, with the truth kept true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.geometry import flip_across_axis, flip_along_axis
from training.data.sample import Sample
from training.sensor import add_sensor_noise

INPUTS = ("left", "right", "rgb")
"""What a network is shown; `views` are what it may be asked for, and get no noise, tone curve or rounding."""


@dataclass(frozen=True)
class Augmentation:
    """How strongly each effect may act; probabilities are per sample.

    The gain of each view is exp of a constant + a plane + a bend, drawn with the deviations given here: real captures
    show such fields (docs/realism).
    """

    flip: float = 0.5
    gain: float = 0.12
    gain_slope: float = 0.04
    """Of the plane, per 100 px along the rows; half as much down the columns."""
    gain_bend: float = 0.01
    """Of the bend's 3×3 knots, which a bicubic surface spans over the picture."""
    correlated: float = 0.5
    """Chance that a noisy sample's noise is shared between neighbouring pixels (`add_sensor_noise`, spread)."""
    noise: float = 0.5
    tone: float = 0.3
    eight_bit: float = 0.25


def augment(sample: Sample, settings: Augmentation, generator: torch.Generator) -> Sample:
    """A random physical variation of every sample of the batch.

    Mirrors (never along the axis of a stereo pair, whose truth they would void), one exposure for everything, and for
    the network's inputs: vignetting of each half aperture, noise drawn anew for each view, one tone curve, 8-bit
    storage. Disparity, depth and their masks change by mirrors only.
    """
    if sample.pair != "stereo":
        sample = _flipped_by_chance(sample, flip_along_axis, settings.flip, generator)
    sample = _flipped_by_chance(sample, flip_across_axis, settings.flip, generator)
    return _photographed(sample, settings, generator)


def _flipped_by_chance(
    sample: Sample, flip: Callable[[Sample], Sample], chance: float, generator: torch.Generator
) -> Sample:
    """Some of the batch mirrored; all or nothing where a mirror moves the views to offsets that the batch has not."""
    flipped = flip(sample)
    chosen = _draw(sample, 0, 1, generator) < chance
    if flipped.view_offsets != sample.view_offsets:
        return flipped if bool(chosen[0]) else sample
    original = sample.planes()
    mixed: dict[str, Any] = {
        name: torch.where(chosen.reshape(-1, *[1] * (plane.ndim - 1)), plane, original[name])
        for name, plane in flipped.planes().items()
    }
    return replace(sample, **mixed)


def _draw(sample: Sample, low: float, high: float, generator: torch.Generator) -> Tensor:
    """(B, 1, 1, 1) uniform between `low` and `high`."""
    uniform = torch.rand(sample.left.shape[0], 1, 1, 1, generator=generator, device=sample.left.device)
    return low + (high - low) * uniform


def _photographed(sample: Sample, settings: Augmentation, generator: torch.Generator) -> Sample:
    """The same light through another lens, sensor and file format."""

    def draw(low: float, high: float) -> Tensor:
        return _draw(sample, low, high, generator)

    exposure = 0.35 / torch.clamp(sample.left.mean((2, 3), keepdim=True), min=1e-4) * 2.0 ** draw(-2.0, 0.7)
    noisy = draw(0, 1) < settings.noise
    electrons, read = 10.0 ** draw(2.5, 4.5), draw(0.5, 6.0)
    spread = torch.where(draw(0, 1) < settings.correlated, draw(0.0, 1.0 / 3.0), 0.0)
    gamma = torch.where(draw(0, 1) < settings.tone, draw(0.8, 1.25), 1.0)
    coarse = draw(0, 1) < settings.eight_bit
    changed: dict[str, Any] = {}
    for name in INPUTS:
        plane = getattr(sample, name)
        if plane is None:
            continue
        plane = plane * exposure
        if name != "rgb":
            plane = plane * _gain_field(plane, settings, generator)
        plane = torch.where(noisy, add_sensor_noise(plane, electrons, read, generator, spread), plane)
        plane = torch.clamp(torch.clamp(plane, 0.0, 1.0), min=1e-6) ** gamma
        stored = torch.round(255.0 * plane ** (1 / 2.2)) / 255.0
        changed[name] = torch.where(coarse, stored**2.2, plane)
    if sample.views is not None:
        changed["views"] = torch.clamp(sample.views * exposure[..., None], 0.0, 1.0)
    return replace(sample, **changed)


def _gain_field(view: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """(B, 1, H, W) vignetting of one half aperture, drawn anew for each view: `Augmentation`'s smooth gain, within
    1/e … e."""
    batch, _, h, w = view.shape
    constant, across, down = torch.randn(3, batch, 1, 1, 1, generator=generator, device=view.device)
    y = (torch.arange(h, device=view.device) - h / 2)[:, None] / 100.0
    x = (torch.arange(w, device=view.device) - w / 2) / 100.0
    knots = torch.randn(batch, 1, 3, 3, generator=generator, device=view.device)
    bend = F.interpolate(knots, size=(h, w), mode="bicubic", align_corners=True)
    plane = settings.gain_slope * (across * x + 0.5 * down * y)
    return torch.exp(torch.clamp(settings.gain * constant + plane + settings.gain_bend * bend, -1.0, 1.0))
