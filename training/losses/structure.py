"""Structural dissimilarity over 3×3 windows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LUMINANCE_FLOOR, CONTRAST_FLOOR = 0.01**2, 0.03**2
"""Wang et al., IEEE TIP 2004, section III-B, for pictures in 0..1."""


def structural_dissimilarity(a: Tensor, b: Tensor) -> Tensor:
    """(1 - SSIM)/2, clipped to 0..1, of every pixel and channel of two (B, C, H, W) pictures in 0..1, float32.

    Means and variances are those of the 3×3 pixels around, unweighted, the picture mirrored at its edges (Godard et
    al., CVPR 2017, section 3.3).
    """
    with torch.autocast(a.device.type, enabled=False):  # variances as differences of squares need 24 bits
        a, b = a.float(), b.float()
        mean_a, mean_b = _window_mean(a), _window_mean(b)
        variance_a = _window_mean(a * a) - mean_a**2
        variance_b = _window_mean(b * b) - mean_b**2
        covariance = _window_mean(a * b) - mean_a * mean_b
        above = (2.0 * mean_a * mean_b + LUMINANCE_FLOOR) * (2.0 * covariance + CONTRAST_FLOOR)
        below = (mean_a**2 + mean_b**2 + LUMINANCE_FLOOR) * (variance_a + variance_b + CONTRAST_FLOOR)
        return torch.clamp((1.0 - above / below) / 2.0, 0.0, 1.0)


def _window_mean(picture: Tensor) -> Tensor:
    """Of the 3×3 pixels around: rows, then columns. On a CPU torch's pooling takes five times as long."""
    h, w = picture.shape[-2:]
    padded = F.pad(picture, (1, 1, 1, 1), mode="reflect")
    rows = padded[..., :h, :] + padded[..., 1 : h + 1, :] + padded[..., 2:, :]
    return (rows[..., :w] + rows[..., 1 : w + 1] + rows[..., 2:]) * (1.0 / 9.0)
