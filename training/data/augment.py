"""Augmentation that obeys physics: what a sensor, a lens or a hand could have done, with the truth kept true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.geometry import flip_across_axis, flip_along_axis
from training.data.sample import Sample
from training.sensor import correlated, standard_noise, with_noise

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
    gain_tail: float = 0.6
    """Deviation of the log of a factor on all three: few sensors have a field many times the usual one."""
    rim: float = 0.25
    """Chance that a view darkens towards one end of its rows, as at the border of a sensor."""
    jitter: float = 0.3
    """Largest deviation, px, of a random displacement of each view that turns within some 5 to 24 px: what local
    differences of real halves do to matching, and surroundings must outvote."""
    veil: float = 0.006
    """Deviation of stray light in a view, as a share of its mean: views of real pairs differ most where it is dark."""
    correlated: float = 0.5
    """Chance that a noisy sample's noise is shared between neighbouring pixels (`sensor.correlated`)."""
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
    chosen = _draw(sample, 0, 1, generator) < chance
    some = _which(chosen)
    flipped = flip(sample.map(lambda plane: plane[some]))
    if flipped.view_offsets != sample.view_offsets:
        return flip(sample) if bool(chosen[0]) else sample
    mixed: dict[str, Any] = {
        name: _put(flipped.planes()[name], plane, chosen, some) for name, plane in sample.planes().items()
    }
    return replace(sample, **mixed)


Some = Tensor | slice
"""Places in a batch."""


def _which(chosen: Tensor) -> Some:
    """The samples to work on for those that are `chosen`: on a GPU all, since it would have to finish before it said
    which."""
    return slice(None) if chosen.is_cuda else chosen.flatten().nonzero().flatten()


def _put(changed: Tensor, plane: Tensor, chosen: Tensor, some: Some) -> Tensor:
    """`plane` with the samples that are `chosen` as `changed` has them, which holds those that `some` names."""
    if isinstance(some, Tensor):
        return plane.index_copy(0, some, changed)
    return torch.where(chosen.reshape(-1, *[1] * (plane.ndim - 1)), changed, plane)


def _changed(plane: Tensor, chosen: Tensor, change: Callable[[Tensor, Some], Tensor]) -> Tensor:
    """`plane` with the samples that are `chosen` as `change` makes them, which is told which ones it gets."""
    some = _which(chosen)
    return _put(change(plane[some], some), plane, chosen, some)


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
            plane = _jittered(plane, settings.jitter, generator) * _gain_field(plane, settings, generator)
            stray = torch.randn(len(plane), 1, 1, 1, generator=generator, device=plane.device)
            plane = plane + settings.veil * stray * plane.mean((2, 3), keepdim=True)
        noise = standard_noise(plane, generator)
        noise = _changed(noise, noisy & (spread > 0), lambda chosen, some: correlated(chosen, spread[some]))
        plane = _changed(
            plane,
            noisy,
            lambda view, some, noise=noise: with_noise(view, noise[some], electrons[some], read[some]),  # type: ignore[misc]
        )
        plane = plane.clamp_(1e-6, 1.0)
        plane = _changed(plane, gamma != 1.0, lambda view, some: view ** gamma[some])
        changed[name] = _changed(plane, coarse, _stored_in_eight_bits)
    if sample.views is not None:
        changed["views"] = torch.clamp(sample.views * exposure[..., None], 0.0, 1.0)
    return replace(sample, **changed)


def _stored_in_eight_bits(view: Tensor, some: Some) -> Tensor:
    return (torch.round(255.0 * view ** (1 / 2.2)) / 255.0) ** 2.2


def _jittered(view: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """The view with its pixels displaced by random smooth offsets, small enough for a slope to tell what they meet.

    Their deviation is `largest` times the square of a uniform number, so that most samples hardly move.
    """
    batch, _, h, w = view.shape
    cell = int(torch.randint(5, 25, (1,), generator=generator, device=view.device))
    knots = torch.randn(batch, 2, h // cell + 2, w // cell + 2, generator=generator, device=view.device)
    size = largest * torch.rand(batch, 1, 1, 1, generator=generator, device=view.device) ** 2
    if largest == 0.0:  # only now, so that what is drawn next does not hang on this setting
        return view
    moved = F.interpolate(size * knots, size=(h, w), mode="bilinear", align_corners=True)
    across, down = torch.zeros_like(view), torch.zeros_like(view)
    across[..., 1:-1] = 0.5 * (view[..., 2:] - view[..., :-2])
    down[..., 1:-1, :] = 0.5 * (view[..., 2:, :] - view[..., :-2, :])
    return (view + moved[:, :1] * across + moved[:, 1:] * down).clamp_(min=0.0)


def _gain_field(view: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """(B, 1, H, W) vignetting of one half aperture, drawn anew for each view: `Augmentation`'s smooth gain, within
    1/e … e."""
    batch, _, h, w = view.shape
    constant, across, down = torch.randn(3, batch, 1, 1, 1, generator=generator, device=view.device)
    knots = torch.randn(batch, 1, 3, 3, generator=generator, device=view.device)
    weights = F.pad(settings.gain_bend * knots, (0, 2, 0, 2))
    weights[..., 3:4, 3:4] = settings.gain * constant
    weights[..., 3:4, 4:5] = settings.gain_slope * across
    weights[..., 4:5, 3:4] = settings.gain_slope * 0.5 * down
    log = _curves(h, view.device) @ weights @ _curves(w, view.device).T
    tail = torch.randn(batch, 1, 1, 1, generator=generator, device=view.device)
    log = log * torch.exp(settings.gain_tail * tail) - _rim(batch, w, settings.rim, generator, view.device)
    return log.clamp_(-1.0, 1.0).exp_()


def _rim(batch: int, w: int, chance: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """(B, 1, 1, w) log of the light lost at one end of the rows: up to 0.4, falling by 1/e within 4 to 32 px."""
    side, has, depth, length = torch.rand(4, batch, 1, 1, 1, generator=generator, device=device)
    along = torch.arange(w, device=device, dtype=torch.float32)
    along = torch.where(side < 0.5, along, along.flip(0))
    return torch.where(has < chance, 0.4 * depth, 0.0) * torch.exp(-along / (4.0 * 8.0**length))


@lru_cache(maxsize=16)
def _curves(n: int, device: torch.device) -> Tensor:
    """(n, 5) along an axis of n px: what each of three knots gives to a bicubic curve, 1, and the place in 100 px."""
    bend = F.interpolate(torch.eye(3)[None, None], size=(n, 3), mode="bicubic", align_corners=True)[0, 0]
    place = (torch.arange(n) - n / 2)[:, None] / 100.0
    return torch.cat([bend, torch.ones(n, 1), place], 1).to(device)
