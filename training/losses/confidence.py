"""Confidence: the probability that a disparity is right to within a fraction of a pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.processes import shared_mean

CONFIDENT = 0.25
"""An error of the disparity up to this many px of the working width counts as right; contracts state it."""


def confidence_loss(confidence: Tensor, prediction: Tensor, disparity: Tensor, valid: Tensor) -> Tensor:
    """Mean squared difference of a confidence from whether the prediction is right (Brier's score of a forecast).

    confidence, prediction: (B, 1, h, w), the prediction in px of the full width, without gradient from here;
    disparity, valid: (B, 1, H, W), the truth, of which the mean of the known pixels under each output counts.
    """
    stride = disparity.shape[-1] // prediction.shape[-1]
    weight = F.avg_pool2d(valid, stride)
    known = torch.where(valid > 0, disparity, 0.0) * valid
    target = F.avg_pool2d(known, stride) / torch.clamp(weight, min=1e-6)
    right = ((prediction.detach() - target).abs() <= CONFIDENT).to(confidence.dtype)
    return shared_mean(((confidence - right) ** 2 * weight).sum(), weight.sum())
