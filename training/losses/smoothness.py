"""Disparity may bend where the picture does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from training.losses.figures import Figures


def smoothness_loss(
    disparities: Sequence[Tensor], lefts: Sequence[Tensor], rights: Sequence[Tensor]
) -> tuple[Tensor, Figures]:
    """Σ_i 2^-i · (bending of the left disparity in the left view + of the right one in the right), i = 0 the finest.

    disparities: per scale (B, 2, h, w), fraction of the width; lefts, rights: per scale (B, C, h, w) in 0..1, h and w
    at least 3. A plane costs nothing, whatever its slope (seed 2 [code], second-order smoothness).
    """
    terms = []
    for i, (disparity, left, right) in enumerate(zip(disparities, lefts, rights, strict=True)):
        terms.append((bending(disparity[:, :1], left) + bending(disparity[:, 1:], right)) / 2**i)
    loss = torch.stack(terms).sum()
    return loss, {"smoothness": loss.detach()}


def bending(disparity: Tensor, picture: Tensor) -> Tensor:
    """Scalar: mean of |∂²d/∂x²|·exp(-|∂²I/∂x²|) plus the mean of the same along y; |∂²I| is the mean of the channels.

    The released code forms both directions and then sums the first half of its list only, so that nothing is smooth
    along y; here both count.
    """
    total = torch.zeros((), device=disparity.device)
    for axis in (-1, -2):
        bend = disparity.float().diff(n=2, dim=axis).abs()
        texture = picture.float().diff(n=2, dim=axis).abs().mean(1, keepdim=True)
        total = total + (bend * torch.exp(-texture)).mean()
    return total
