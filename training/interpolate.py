"""Pictures between their pixels: linear for geometry, cubic B-splines for what is to look the same when moved.

The common cubic convolution with a = -0.75, as in `torch.nn.functional.grid_sample`, displaces details by up to
0.05 px, which is as much as the renderer may be wrong in all; a spline through the pixels does not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.dice import pixel_grid

REACH = 10
"""Neighbours on either side that a spline's coefficient depends on; farther ones weigh less than 2e-6."""


def bilinear(planes: Tensor, points: Tensor) -> Tensor:
    """(N, C, H, W) planes at (N, h, w, 2) centred px, mirrored outside."""
    h, w = planes.shape[-2:]
    scale = torch.tensor([2.0 / (w - 1), 2.0 / (h - 1)], device=points.device)
    return F.grid_sample(planes, points * scale, mode="bilinear", padding_mode="reflection", align_corners=True)


def spline_coefficients(planes: Tensor) -> Tensor:
    """Coefficients of the cubic B-spline through (N, C, H, W) planes that are mirrored at their edges.

    Unser, Aldroubi and Eden 1993, part I: the inverse of the samples (1, 4, 1)/6 is √3·z^|k| with z = √3 - 2.
    """
    for axis in (-1, -2):
        n = planes.shape[axis]
        reach = min(REACH, n - 1)
        taps = [(3.0**0.5 - 2.0) ** k for k in range(reach + 1)]
        total = taps[0] + 2.0 * sum(taps[1:])
        pad = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
        padded = F.pad(planes, pad, mode="reflect")
        # Not a convolution of torch's: those round their factors to 10 bits on some GPUs.
        planes = planes * (taps[0] / total)
        for k in range(1, reach + 1):
            both = padded.narrow(axis, reach - k, n) + padded.narrow(axis, reach + k, n)
            planes = planes + both * (taps[k] / total)
    return planes


def spline_values(coefficients: Tensor, points: Tensor) -> Tensor:
    """The spline at (N, h, w, 2) centred px, mirrored outside.

    Four linear look-ups do for sixteen weights: along each axis, two of four neighbours lie on either side, and a
    weighted mean of two neighbours is one look-up between them.
    """
    h, w = coefficients.shape[-2:]
    centre = torch.tensor([(w - 1) / 2, (h - 1) / 2], device=points.device)
    t = points + centre
    whole = torch.floor(t)
    t = t - whole
    low = (1 - t) ** 3 / 6 + (3 * t**3 - 6 * t**2 + 4) / 6
    high = 1.0 - low
    sides = (
        (low, whole - centre - 1 + (3 * t**3 - 6 * t**2 + 4) / 6 / low),
        (high, whole - centre + 1 + t**3 / 6 / high),
    )
    total = torch.zeros(())
    for weight_x, at_x in ((weight[..., 0], at[..., 0]) for weight, at in sides):
        for weight_y, at_y in ((weight[..., 1], at[..., 1]) for weight, at in sides):
            value = bilinear(coefficients, torch.stack([at_x, at_y], -1))
            total = total + (weight_x * weight_y)[:, None] * value
    return total


def transformed(matrix: Tensor, vector: Tensor) -> Tensor:
    """(B, ..., 3) vectors times (B, 3, 3) matrices, in float32 also where products of matrices are rounded more."""
    rows = matrix.reshape(matrix.shape[0], *[1] * (vector.dim() - 2), 3, 3)
    return (rows * vector[..., None, :]).sum(-1)


def warp(picture: Tensor, homography: Tensor) -> Tensor:
    """(B, C, H, W) picture whose pixel p (centred px) shows what `picture` has at `homography` (B, 3, 3) times p.

    Interpolated by cubic B-splines, at least 0; mirrored outside.
    """
    h, w = picture.shape[-2:]
    y, x = pixel_grid(h, w, picture.device)
    turned = transformed(homography, torch.stack([x, y, torch.ones_like(x)], -1).expand(picture.shape[0], h, w, 3))
    return spline_values(spline_coefficients(picture), turned[..., :2] / turned[..., 2:]).clamp(min=0.0)
