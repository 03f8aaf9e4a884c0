"""Long-range space: which places of a picture the student finds alike are those that the teacher does."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from training.distill.masked import Masks, left_mask
from training.losses.figures import Figures
from training.models.blocks import SCALES, Outputs
from training.processes import shared_mean

ROWS = 256
"""Rows of an affinity that are in memory at a time, per sample."""


def long_range_loss(student: Outputs, teacher: Outputs, masks: Masks | None = None) -> tuple[Tensor, Figures]:
    """L_L = Σ mean |A_student - A_teacher| over all pairs of places, at 1/8 and 1/16 of each side.

    No gradient reaches the teacher. With `masks` only rows of left pixels count where the teacher may teach. The
    numbers of channels may differ. A row of A sums to 1, so a term is 2/places at most.
    """
    terms = []
    for i, (ours, theirs) in enumerate(zip(student.contexts, teacher.contexts, strict=True)):
        rows = _row_errors(ours, theirs.detach())
        mask = left_mask(masks, SCALES - 1 + i)
        if mask is None:
            terms.append(rows.mean())
        else:
            weight = mask.flatten(1)
            terms.append(shared_mean((rows * weight).sum(), weight.sum()))
    loss = torch.stack(terms).sum()
    return loss, {"long_range": loss.detach()}


def affinity(x: Tensor, rows: slice = slice(None)) -> Tensor:
    """(B, rows, N) of (B, C, h, w) features: softmax of XᵀX over the N = h·w places, X (C, N), float32.

    Row p says how alike every place is to place p (Wang et al., CVPR 2018, section 3.2, Gaussian). The released code
    reshapes channel-last features to (C, N) without a transpose, which mixes places with channels.
    """
    with torch.autocast(x.device.type, enabled=False):
        places = x.float().flatten(2)
        return torch.softmax(places[:, :, rows].mT @ places, -1)


def _row_errors(ours: Tensor, theirs: Tensor) -> Tensor:
    """(B, N): mean over each row of |A_ours - A_theirs|; of A only `ROWS` rows exist at a time, backward too."""

    def some(ours: Tensor, theirs: Tensor, start: int) -> Tensor:
        rows = slice(start, start + ROWS)
        return (affinity(ours, rows) - affinity(theirs, rows)).abs().mean(-1)

    starts = range(0, ours.shape[-2] * ours.shape[-1], ROWS)
    return torch.cat([checkpoint(some, ours, theirs, start, use_reentrant=False) for start in starts], 1)
