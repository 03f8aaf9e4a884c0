"""Losses on disparity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.processes import shared_mean


def scene_scaled_l1(
    prediction: Tensor, sample_disparity: Tensor, valid: Tensor, softness: float = 0.5, absolute: float = 1.0
) -> Tensor:
    """Mean absolute error, each sample divided by its own spread of disparity plus `softness` px.

    prediction: (B, 1, h, w) px of the *full* width; sample_disparity, valid: (B, 1, H, W) with H = s·h. A phone sees
    ±1 px in one picture and ±6 px in the next, and depth is scored up to an affine map: without the division the
    pictures with little defocus would hardly count. `absolute` is the share of the error as it is; the rest is the
    error less its mean over the sample, for an offset that nothing in a picture tells drowns what is told.
    """
    stride = sample_disparity.shape[-1] // prediction.shape[-1]
    weight = F.avg_pool2d(valid, stride)
    trusted = torch.where(valid > 0, sample_disparity, 0.0)  # truth may be NaN where it is not valid
    target = F.avg_pool2d(trusted * valid, stride) / torch.clamp(weight, min=1e-6)
    spread = _spread(trusted, valid)
    error = prediction - target
    size = error.abs()
    if absolute < 1.0:
        area = torch.clamp(weight.sum((1, 2, 3), keepdim=True), min=1e-6)
        offset = (error * weight).sum((1, 2, 3), keepdim=True) / area
        size = absolute * size + (1.0 - absolute) * (error - offset).abs()
    size = size * weight / (spread + softness)
    return shared_mean(size.sum(), weight.sum())


def _spread(disparity: Tensor, valid: Tensor) -> Tensor:
    """Weighted sample deviation (divided by n - 1) per sample, (B, 1, 1, 1)."""
    total = torch.clamp(valid.sum((1, 2, 3), keepdim=True), min=1.0)
    mean = (disparity * valid).sum((1, 2, 3), keepdim=True) / total
    squares = ((disparity - mean) ** 2 * valid).sum((1, 2, 3), keepdim=True)
    return torch.sqrt(squares / torch.clamp(total - 1.0, min=1.0))


def mean_absolute_disparity_error(prediction: Tensor, disparity: Tensor) -> float:
    """Plain mean |error| in px of the full width, prediction resized to the truth; for validation."""
    full = F.interpolate(prediction, size=disparity.shape[-2:], mode="bilinear", align_corners=False)
    return float((full - disparity).abs().mean())
