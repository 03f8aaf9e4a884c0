"""Losses on disparity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def scene_scaled_l1(prediction: Tensor, sample_disparity: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute error, each sample divided by its own spread of disparity (plus half a pixel).

    prediction: (B, 1, h, w) px of the *full* width; sample_disparity, valid: (B, 1, H, W) with H = s·h. A phone sees
    ±1 px in one picture and ±6 px in the next, and depth is scored up to an affine map: without the division the
    pictures with little defocus would hardly count.
    """
    stride = sample_disparity.shape[-1] // prediction.shape[-1]
    weight = F.avg_pool2d(valid, stride)
    target = F.avg_pool2d(sample_disparity * valid, stride) / torch.clamp(weight, min=1e-6)
    spread = sample_disparity.std(dim=(1, 2, 3), keepdim=True)
    error = (prediction - target).abs() * weight / (spread + 0.5)
    return error.sum() / torch.clamp(weight.sum(), min=1.0)


def mean_absolute_disparity_error(prediction: Tensor, disparity: Tensor) -> float:
    """Plain mean |error| in px of the full width, prediction resized to the truth; for validation."""
    full = F.interpolate(prediction, size=disparity.shape[-2:], mode="bilinear", align_corners=False)
    return float((full - disparity).abs().mean())
