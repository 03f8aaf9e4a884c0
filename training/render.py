"""From one scene: the dual-pixel pair, its all-in-focus image and the truth, all consistent with each other.

Each layer is blurred by kernels that vary with its disparity: its pixels are shared linearly between the two nearest
nodes of disparity and each node's part is convolved with that node's kernel. Sharing is additive inside a
layer (a surface does not occlude itself) and "over" between layers, back to front, which lets light from behind an
out-of-focus edge through where the aperture sees past it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.optics import Aperture, splat_kernels
from training.scenes import Scene

BACK_PLANES, FRONT_PLANES, NODE_STEP = 5, 3, 0.75
"""Nodes of disparity in the back layer and in objects, at least; a layer of a wide range gets one every `NODE_STEP` px,
so that the two kernels which a pixel is shared between always look alike."""


@dataclass(frozen=True)
class Rendered:
    """left, right, sharp: (B, 1, H, W) linear radiance; disparity: (B, 1, H, W) px, x_left - x_right."""

    left: Tensor
    right: Tensor
    sharp: Tensor
    disparity: Tensor


def render_pair(scene: Scene, lens: Aperture, shift: Tensor | None = None, margin: int = 24) -> Rendered:
    """Render `scene` through `lens`; `margin` px are cut at every side, where the periodic convolution wraps.

    shift: (2, 2) px, added to (view, (y, x)): a vertical misregistration of the sensor's views.
    """
    b, layers, h, w = scene.texture.shape
    views = torch.zeros(b, 2, h, w, device=scene.texture.device)
    for index in range(layers):
        light, cover = _blur_layer(scene, index, lens, shift)
        views = light / torch.clamp(cover, min=1e-3) if index == 0 else views * (1.0 - cover) + light
    sharp, disparity = front_most(scene)
    inner = (slice(None), slice(None), slice(margin, h - margin), slice(margin, w - margin))
    return Rendered(views[:, :1][inner], views[:, 1:][inner], sharp[inner], disparity[inner])


def front_most(scene: Scene) -> tuple[Tensor, Tensor]:
    """All-in-focus image and disparity of the surface seen at each pixel, each (B, 1, H, W)."""
    sharp, disparity = scene.texture[:, 0], scene.disparity[:, 0]
    for index in range(1, scene.texture.shape[1]):
        cover = scene.coverage[:, index]
        sharp = sharp * (1 - cover) + scene.texture[:, index] * cover
        disparity = torch.where(cover > 0.5, scene.disparity[:, index], disparity)
    return sharp[:, None], disparity[:, None]


def _blur_layer(scene: Scene, index: int, lens: Aperture, shift: Tensor | None) -> tuple[Tensor, Tensor]:
    """Premultiplied light and coverage of one layer in both views, each (B, 2, H, W)."""
    disparity, cover = scene.disparity[:, index], scene.coverage[:, index]
    h, w = disparity.shape[-2:]
    low = disparity.amin((1, 2))
    # A flat layer keeps a small span, so that only its first node takes part.
    span = torch.clamp(disparity.amax((1, 2)) - low, min=0.05)
    fewest = BACK_PLANES if index == 0 else FRONT_PLANES
    planes = max(fewest, math.ceil(float(span.max()) / NODE_STEP) + 1)
    nodes = low[:, None] + span[:, None] * torch.linspace(0.0, 1.0, planes, device=disparity.device)
    step = (span / (planes - 1))[:, None, None, None]
    share = torch.clamp(1.0 - (disparity[:, None] - nodes[..., None, None]).abs() / step, min=0.0)
    share = share * cover[:, None]
    kernels = torch.fft.rfft2(splat_kernels(lens, nodes / lens.alpha, (h, w), shift))
    light = torch.fft.rfft2(share * scene.texture[:, index, None])
    coverage = torch.fft.rfft2(share)
    both = torch.stack([light, coverage], dim=2)
    blurred = torch.einsum("bpqhw,bpvhw->bqvhw", both, kernels)
    pixels = torch.fft.irfft2(blurred, s=(h, w))
    return pixels[:, 0], torch.clamp(pixels[:, 1], 0.0, 1.0)
