"""Distillation from a teacher into a student: one file per space, listed in `SPACES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

from training.distill.affinity import long_range_loss
from training.distill.feature import feature_loss
from training.distill.masked import Masks, teacher_is_better
from training.distill.output import output_loss
from training.losses.figures import Figures
from training.models.blocks import Outputs

__all__ = ["SPACES", "Masks", "Space", "teacher_is_better"]

Space = Callable[[Outputs, Outputs, Masks | None], tuple[Tensor, Figures]]
"""(student, teacher, masks) -> (loss, figures); no gradient ever reaches the teacher."""

SPACES: Mapping[str, Space] = MappingProxyType(
    {"output": output_loss, "feature": feature_loss, "long_range": long_range_loss}
)
"""Every space by the name of its weight in `stages.StageWeights`."""
