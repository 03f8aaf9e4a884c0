"""The three stages of training Mono-Net with Stereo-Net: first alone, then both, then both with distillation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from runtime_py.errors import DpocketError
from training.distill import SPACES, teacher_is_better
from training.losses.figures import Figures, prefixed
from training.losses.photometric import photometric_errors
from training.losses.self_supervised import NOTHING, RELEASED, SelfSupervision, self_supervised_loss
from training.losses.supervised import truth_loss
from training.models.blocks import SCALES, Outputs
from training.warp import pyramid


@dataclass(frozen=True)
class StageWeights:
    """What each loss of a stage weighs; what weighs 0 is not computed.

    mono, stereo: self-supervision of each network; truth: the rendered truth, of Stereo-Net alone; output, feature,
    long_range: the spaces of `SPACES`; masked: distil only where the teacher reconstructs better than the student.
    """

    mono: SelfSupervision = RELEASED
    stereo: SelfSupervision = NOTHING
    truth: float = 0.0
    output: float = 0.0
    feature: float = 0.0
    long_range: float = 0.0
    masked: bool = False


STAGES: Mapping[int, StageWeights] = MappingProxyType(
    {
        1: StageWeights(),
        2: StageWeights(stereo=RELEASED),
        3: StageWeights(SelfSupervision(0.7), SelfSupervision(0.8), output=1.0, feature=0.1, long_range=1.0),
    }
)
"""As in Ye et al., IEEE TIP 2021 [code]; stage 2 trains both networks."""

STEREO_ALONE = StageWeights(mono=NOTHING, stereo=RELEASED)
"""Stage 2 behind a Mono-Net that is frozen."""


def stage_loss(
    stage: int,
    mono: Outputs,
    stereo: Sequence[Outputs],
    left: Tensor,
    right: Tensor,
    weights: StageWeights | None = None,
    truth: Tensor | None = None,
) -> tuple[Tensor, Figures]:
    """The loss of one step in a stage (1, 2 or 3), and its parts unweighted.

    mono: Mono-Net's outputs; stereo: Stereo-Net's of every recursion, the last being the teacher, empty in stage 1;
    left, right: (B, C, H, W) in 0..1; weights: `STAGES[stage]` by default; truth: (B, 1, H, W) fraction of the width,
    for its weight. Raises DpocketError for an unknown stage and when Stereo-Net's outputs or the truth are missing.
    """
    if weights is None:
        if stage not in STAGES:
            raise DpocketError(f"there is no stage {stage}; the stages are {', '.join(map(str, STAGES))}")
        weights = STAGES[stage]
    spaces = {name: float(getattr(weights, name)) for name in SPACES if getattr(weights, name)}
    if not stereo and (weights.stereo != NOTHING or weights.truth or spaces):
        raise DpocketError(f"stage {stage} has losses of Stereo-Net, and its outputs are missing; run both networks")
    views = pyramid(left, SCALES), pyramid(right, SCALES)
    loss, figures = self_supervised_loss([mono.disparities], *views, weights.mono)
    figures = prefixed("mono", figures)
    if weights.stereo != NOTHING:
        more, found = self_supervised_loss([o.disparities for o in stereo], *views, weights.stereo)
        loss, figures = loss + more, {**figures, **prefixed("stereo", found)}
    if weights.truth:
        if truth is None:
            raise DpocketError(f"stage {stage} has a loss against the truth, which is missing; set its weight to 0")
        more, found = truth_loss([o.disparities for o in stereo], truth)
        loss, figures = loss + weights.truth * more, {**figures, **prefixed("stereo", found)}
    masks = None
    if spaces and weights.masked:
        with torch.no_grad():
            masks = teacher_is_better(*(photometric_errors(o.disparities, *views) for o in (mono, stereo[-1])))
        figures["distil/share_taught"] = masks[0].mean()
    for name, weight in spaces.items():
        more, found = SPACES[name](mono, stereo[-1], masks)
        loss, figures = loss + weight * more, {**figures, **prefixed("distil", found)}
    return loss, {"loss": loss.detach(), **figures}
