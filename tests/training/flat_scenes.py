"""Scenes simple enough to know by hand what a camera sees of them.

They are told in a unit of inverse depth in which the camera of `seen_through` has disparity = inverse depth.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from training.camera import Camera
from training.optics import Aperture
from training.scenes import Scene


def smooth_texture(size: tuple[int, int] = (48, 256), grain: float = 8.0, seed: int = 0) -> Tensor:
    """(H, W) periodic Gaussian noise with details of about `grain` px, mean 0.5, deviation 0.15."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(size), grain, mode="wrap")
    return torch.from_numpy(0.5 + 0.15 * (noise - noise.mean()) / noise.std()).float()


def seen_through(lens: Aperture, batch: int = 1) -> Camera:
    """A camera with that lens whose disparity in px is the inverse depth itself."""
    slope = (1.0 / lens.alpha).expand(batch)
    return Camera(lens, slope, torch.zeros(batch), torch.ones(batch))


def layered(*layers: tuple[Tensor, Tensor, float]) -> Scene:
    """One scene of (texture, coverage, disparity) layers from back to front, all fronto-parallel."""
    textures, coverages, disparities = zip(*layers, strict=True)
    planes = [torch.full_like(t, d) for t, d in zip(textures, disparities, strict=True)]
    return Scene(torch.stack(textures)[None], torch.stack(coverages)[None], torch.stack(planes)[None])


def flat(texture: Tensor, disparity: float) -> Scene:
    """One textured wall."""
    return layered((texture, torch.ones_like(texture), disparity))
