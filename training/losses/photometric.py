"""How well one view, moved by a disparity, explains the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from training.losses.figures import Figures
from training.losses.structure import structural_dissimilarity
from training.warp import left_from_right, right_from_left

STRUCTURE = 0.85
"""Weight of structure against absolute difference (Godard et al., CVPR 2017, equation 2)."""


def photometric_error(reconstructed: Tensor, picture: Tensor) -> Tensor:
    """(B, 1, H, W): 0.85·(1 - SSIM)/2 + 0.15·|difference| per pixel, mean of the channels of (B, C, H, W) in 0..1."""
    structure = structural_dissimilarity(reconstructed, picture)
    difference = (reconstructed - picture).abs()
    return (STRUCTURE * structure + (1.0 - STRUCTURE) * difference).mean(1, keepdim=True)


def photometric_errors(
    disparities: Sequence[Tensor], lefts: Sequence[Tensor], rights: Sequence[Tensor]
) -> list[Tensor]:
    """Per scale (B, 2, h, w): the errors of the left view made from the right one and of the right from the left.

    disparities: per scale (B, 2, h, w) of the left and right pixels, fraction of the width; lefts, rights: the views
    per scale (B, C, h, w) in 0..1.
    """
    errors = []
    for disparity, left, right in zip(disparities, lefts, rights, strict=True):
        of_left = photometric_error(left_from_right(right, disparity[:, :1]), left)
        of_right = photometric_error(right_from_left(left, disparity[:, 1:]), right)
        errors.append(torch.cat([of_left, of_right], 1))
    return errors


def image_loss(errors: Sequence[Tensor]) -> tuple[Tensor, Figures]:
    """Sum over scales and both views of the mean of `photometric_errors`."""
    means = [error.mean((0, 2, 3)).sum() for error in errors]
    loss = torch.stack(means).sum()
    return loss, {"image": loss.detach(), "image_finest": means[0].detach()}
