"""What a stereo pair alone teaches a network that predicts its disparities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.losses.consistency import consistency_loss
from training.losses.figures import Figures
from training.losses.photometric import image_loss, photometric_errors
from training.losses.smoothness import smoothness_loss


@dataclass(frozen=True)
class SelfSupervision:
    """What each loss weighs; what weighs 0 is not computed. By default as in Ye et al., IEEE TIP 2021 [code]."""

    image: float = 1.0
    smoothness: float = 0.5
    consistency: float = 1.0


RELEASED = SelfSupervision()
NOTHING = SelfSupervision(0.0, 0.0, 0.0)


def self_supervised_loss(
    recursions: Sequence[Sequence[Tensor]], lefts: Sequence[Tensor], rights: Sequence[Tensor], weights: SelfSupervision
) -> tuple[Tensor, Figures]:
    """Image, smoothness and consistency loss of one network that was run once or more; figures are those of the last.

    recursions: of every run the disparities per scale, (B, 2, h, w) fractions of the width; lefts, rights: the views
    per scale (B, C, h, w) in 0..1. Image and consistency are means over the runs, smoothness is the last run's (as
    released).
    """
    loss = lefts[0].new_zeros(())
    figures: Figures = {}
    if weights.image:
        parts = [image_loss(photometric_errors(disparities, lefts, rights)) for disparities in recursions]
        loss = loss + weights.image * _mean(parts, figures)
    if weights.smoothness:
        loss = loss + weights.smoothness * _mean([smoothness_loss(recursions[-1], lefts, rights)], figures)
    if weights.consistency:
        loss = loss + weights.consistency * _mean([consistency_loss(d) for d in recursions], figures)
    return loss, figures


def _mean(parts: Sequence[tuple[Tensor, Figures]], figures: Figures) -> Tensor:
    """Mean of the parts' losses; what the last part says goes into `figures`."""
    figures.update(parts[-1][1])
    return torch.stack([loss for loss, _ in parts]).mean()
