"""Output space: the student's disparities are the teacher's."""

from __future__ import annotations

import torch
from torch import Tensor

from training.distill.masked import Masks, masked_mean
from training.losses.figures import Figures
from training.models.blocks import Outputs


def output_loss(student: Outputs, teacher: Outputs, masks: Masks | None = None) -> tuple[Tensor, Figures]:
    """L_O = Σ_i mean |d_student - d_teacher| over the pixels of both views at scale i, in fractions of the width.

    No gradient reaches the teacher. With `masks` only pixels count where the teacher may teach.
    """
    terms = [
        masked_mean((ours - theirs.detach()).abs(), None if masks is None else masks[i])
        for i, (ours, theirs) in enumerate(zip(student.disparities, teacher.disparities, strict=True))
    ]
    loss = torch.stack(terms).sum()
    return loss, {"output": loss.detach()}
