"""Feature and long-range space between a student of one phone and Stereo-Net, at 1/4 and 1/8 of each side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.affine import fit_line
from training.data.sample import Sample
from training.distill import SPACES, teacher_is_better
from training.losses import photometric_error
from training.losses.figures import Figures
from training.models.blocks import SCALES, Outputs
from training.tasks.stereo_teacher import StereoTeacher, stereo_views
from training.warp import left_from_right, pyramid

TAPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "pocket": ("merge_quarter", "merge_eighth"),
        "pyramid": ("merge_quarter", "merge_eighth"),
        "mobile_unet": ("decoder.2", "decoder.1"),
    }
)
"""By network, the modules whose results at 1/4 and 1/8 of each side stand for what the student sees."""

QUARTER, EIGHTH = 2, 0
"""Where Stereo-Net's `features` are at 1/4, and its `contexts` at 1/8."""


class Seen(NamedTuple):
    """output: the student's own; quarter: (B, C, H/4, W/4), projected to the teacher's channels where there is one;
    eighth: (B, C, H/8, W/8). Both are empty for a network without taps."""

    output: Any
    quarter: Tensor
    eighth: Tensor


class Distilled(nn.Module):
    """A student together with what only its training needs: the projection of its features to the teacher's.

    planes: what the student takes. Raises DpocketError when there is a teacher, and the student nothing to show it.
    """

    def __init__(
        self, student: nn.Module, model: str, planes: tuple[Tensor, ...], teacher: StereoTeacher | None
    ) -> None:
        super().__init__()
        self.student, self.taps = student, TAPS.get(model, ())
        self._seen: dict[str, Tensor] = {}
        for name in self.taps:
            student.get_submodule(name).register_forward_hook(self._keeping(name))
        self.project: nn.Module | None = None
        if teacher is not None:
            with torch.no_grad():
                self.eval()  # batch norms must not learn from a grey picture
                ours = self(*planes).quarter
                self.train()
            if not ours.numel():
                raise DpocketError(f"the network '{model}' shows no features; feature space knows {', '.join(TAPS)}")
            grey = torch.zeros(1, teacher.colours, 64, 64)
            self.project = nn.Conv2d(ours.shape[1], teacher.outputs(grey, grey).features[QUARTER].shape[1], 1)

    def _keeping(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._seen[name] = output

        return keep

    def forward(self, *planes: Tensor) -> Seen:
        output = self.student(*planes)
        if isinstance(output, Outputs):
            quarter, eighth = output.features[QUARTER], output.contexts[EIGHTH]
        elif self.taps:
            quarter, eighth = (self._seen.pop(name) for name in self.taps)
        else:
            quarter = eighth = torch.zeros(0)
        return Seen(output, quarter if self.project is None else self.project(quarter), eighth)


def space_losses(
    seen: Seen, disparity: Tensor, teacher: StereoTeacher, batch: Sample, weights: Mapping[str, float], masked: bool
) -> tuple[Tensor, Figures]:
    """Σ weight · loss of the spaces "feature" and "long_range" that weigh something, and each loss unweighted.

    disparity: the student's (B, 1, h, w); batch: prepared samples with the neighbour's picture in `views`. With
    `masked` only where the teacher's disparity explains the left picture better than the student's does.
    """
    left, right, back = as_stereo(batch, teacher.colours)
    theirs = teacher.outputs(left, right)
    masks = None
    if masked:
        stereo = theirs.disparities[0][:, :1]
        masks = [t.expand(-1, 2, -1, -1) for t in better(back(disparity), stereo, left, right)]
    ours = Outputs((), (back(seen.quarter),), ())
    loss = left.new_zeros(())
    figures: Figures = {}
    if weights["feature"]:
        part, found = SPACES["feature"](
            ours, Outputs((), (theirs.features[QUARTER],), ()), None if masks is None else masks[QUARTER:]
        )
        loss, figures = loss + weights["feature"] * part, {**figures, **found}
    if weights["long_range"]:
        context = Outputs((), (), (back(seen.eighth),))
        part, found = SPACES["long_range"](context, Outputs((), (), (theirs.contexts[EIGHTH],)), masks)
        loss, figures = loss + weights["long_range"] * part, {**figures, **found}
    if masks is not None:
        figures["share_taught"] = masks[0].mean()
    return loss, figures


def as_stereo(batch: Sample, colours: int) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """The batch as the horizontal stereo pair that it was: left and right picture, and what turns other planes so.

    A portrait pair stands on its side, its neighbour above or, mirrored, below. Raises DpocketError for another place.
    """
    turns: dict[tuple[float, float], Callable[[Tensor], Tensor]] = {
        (1.0, 0.0): lambda t: t,
        (-1.0, 0.0): lambda t: t.flip(-1),
        (0.0, -1.0): lambda t: torch.rot90(t, -1, (-2, -1)),
        (0.0, 1.0): lambda t: torch.rot90(t.flip(-2), -1, (-2, -1)),
    }
    if len(batch.view_offsets) != 1 or batch.view_offsets[0] not in turns:
        raise DpocketError(f"a batch whose views stand at {batch.view_offsets} is no stereo pair")
    turn = turns[batch.view_offsets[0]]
    left, right = (turn(view) for view in stereo_views(batch, colours))
    return left, right, turn


def better(student: Tensor, teacher: Tensor, left: Tensor, right: Tensor) -> list[Tensor]:
    """Per scale (B, 1, h, w): 1 where the teacher reconstructs the left picture with less error than the student.

    student: (B, 1, h, w), any affine map of the teacher's (B, 1, H, W) fractions of the width, whose robust line is
    fitted first.
    """
    full = F.interpolate(student.detach().float(), size=teacher.shape[-2:], mode="nearest")
    width = teacher.shape[-1]
    slope, offset = fit_line(full, teacher * width, torch.ones_like(teacher))
    ours = (slope * full + offset) / width

    def errors(disparity: Tensor) -> list[Tensor]:
        scales = zip(*(pyramid(plane, SCALES) for plane in (left, right, disparity)), strict=True)
        return [photometric_error(left_from_right(r, d), x) for x, r, d in scales]

    return teacher_is_better(errors(ours), errors(teacher))
