"""Feature space: the student's decoder sees what the teacher's sees."""

from __future__ import annotations

import torch
from torch import Tensor

from runtime_py.errors import DpocketError
from training.distill.masked import Masks, left_mask, masked_mean
from training.losses.figures import Figures
from training.models.blocks import Outputs


def feature_loss(student: Outputs, teacher: Outputs, masks: Masks | None = None) -> tuple[Tensor, Figures]:
    """L_F = Σ_i mean |f_student - f_teacher| over the decoder's features at scale i.

    No gradient reaches the teacher: the released code has no stop there, so that the teacher is drawn to the student.
    With `masks` only left pixels count where the teacher may teach. Raises DpocketError when the two networks have
    different numbers of channels.
    """
    terms = []
    for i, (ours, theirs) in enumerate(zip(student.features, teacher.features, strict=True)):
        if ours.shape[1] != theirs.shape[1]:
            raise DpocketError(
                f"feature space needs networks of one width; at scale {i} the student has {ours.shape[1]} channels and "
                f"the teacher {theirs.shape[1]}"
            )
        terms.append(masked_mean((ours.float() - theirs.detach().float()).abs(), left_mask(masks, i)))
    loss = torch.stack(terms).sum()
    return loss, {"feature": loss.detach()}
