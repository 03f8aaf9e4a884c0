"""A disparity that is known, as rendered scenes know theirs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from training.losses.figures import Figures
from training.warp import pyramid


def truth_loss(recursions: Sequence[Sequence[Tensor]], truth: Tensor) -> tuple[Tensor, Figures]:
    """Σ_i mean |d - truth| over the left pixels at scale i, mean over the recursions, in fractions of the width.

    recursions: of every run the disparities per scale, (B, 2, h, w), of the left and the right pixels; truth:
    (B, 1, H, W), of the left ones, known everywhere. At coarse scales it is the mean of the pixels.
    """
    terms = []
    for disparities in recursions:
        truths = pyramid(truth, len(disparities))
        terms += [(d[:, :1] - t).abs().mean() for d, t in zip(disparities, truths, strict=True)]
    loss = torch.stack(terms).sum() / len(recursions)
    return loss, {"truth": loss.detach()}
