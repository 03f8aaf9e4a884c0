"""Distil only where the teacher explains the views better than the student does."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from training.processes import shared_mean

Masks = Sequence[Tensor]
"""Per scale (B, 2, h, w), of the left and the right pixels: 1 where the teacher may teach, 0 where not."""


def teacher_is_better(student_errors: Sequence[Tensor], teacher_errors: Sequence[Tensor]) -> list[Tensor]:
    """`Masks` from both networks' `photometric_errors`, float32: 1 where the teacher's is smaller, without gradient."""
    pairs = zip(student_errors, teacher_errors, strict=True)
    return [(teacher.detach() < student.detach()).float() for student, teacher in pairs]


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of (B, C, h, w) values where the mask (B, C or 1, h, w) is 1; 0 where it is 1 nowhere."""
    if mask is None:
        return values.mean()
    weight = mask.expand_as(values)
    return shared_mean((values * weight).sum(), weight.sum())


def left_mask(masks: Masks | None, scale: int) -> Tensor | None:
    """(B, 1, h, w) mask of the left pixels, on which features live, at any scale; shares of pixels beyond the last."""
    if masks is None:
        return None
    if scale < len(masks):
        return masks[scale][:, :1]
    return F.avg_pool2d(masks[-1][:, :1], 2 ** (scale - len(masks) + 1))
