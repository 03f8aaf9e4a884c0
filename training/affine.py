"""The line between two disparities of one scene, fitted so that wrong pixels do not count."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 5
FLOOR = 1e-3
"""px: residuals below this count as this much."""

RIDGE = 1e-4
"""px²: a scene whose spread is far less than its root has no slope to be found, and gets none."""


def fit_line(x: Tensor, y: Tensor, weight: Tensor, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """(slope, offset), each (B, 1, 1, 1) float32, that minimise Σ weight·|slope·x + offset - y| per sample.

    x, y: (B, 1, H, W), finite where weight is above 0; weight: (B, 1, H, W), at least 0. Iteratively re-weighted least
    squares: weight/max(1e-3, |residual|) after each of `steps` solutions (FIELD.md section 4, AI(1)), in float64,
    without gradient. Stereo and dual-pixel disparity are both affine in inverse depth, with one slope above 0 and one
    offset per focus setting, so a slope below 0 is a failure of one of them and becomes 0. Where all weights are 0,
    both results are.
    """
    with torch.no_grad():
        known = weight > 0
        x, y = (torch.where(known, plane, 0.0).double() for plane in (x, y))
        weight = weight.double()
        w = weight
        slope = offset = torch.zeros(())
        for _ in range(steps):
            total = w.sum((1, 2, 3), keepdim=True).clamp(min=1e-12)
            mean_x, mean_y = ((w * plane).sum((1, 2, 3), keepdim=True) / total for plane in (x, y))
            spread = (w * (x - mean_x) ** 2).sum((1, 2, 3), keepdim=True) / total
            shared = (w * (x - mean_x) * (y - mean_y)).sum((1, 2, 3), keepdim=True) / total
            slope = (shared / (spread + RIDGE)).clamp(min=0.0)
            offset = mean_y - slope * mean_x
            w = weight / (slope * x + offset - y).abs().clamp(min=FLOOR)
        return slope.float(), offset.float()
