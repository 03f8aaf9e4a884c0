"""Both views of a pair tell one geometry."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from training.losses.figures import Figures
from training.warp import left_from_right, right_from_left


def consistency_loss(disparities: Sequence[Tensor]) -> tuple[Tensor, Figures]:
    """Σ over scales of mean |d_left(x) - d_right(x - d_left)| + mean |d_right(x) - d_left(x + d_right)|.

    disparities: per scale (B, 2, h, w) of the left and the right view, fraction of the width (Godard et al., CVPR 2017,
    equation 4, for both views).
    """
    terms = []
    for disparity in disparities:
        left, right = disparity[:, :1], disparity[:, 1:]
        terms.append((left_from_right(right, left) - left).abs().mean())
        terms.append((right_from_left(left, right) - right).abs().mean())
    loss = torch.stack(terms).sum()
    return loss, {"consistency": loss.detach()}
