"""`explicit`: a stereo teacher's disparity supervises a student of one phone (seed 1: Garg et al., ICCP 2024).

Stereo and dual-pixel disparity of a scene are both affine in inverse depth, so the one is an affine map of the other,
with another slope and offset for every focus setting and baseline. Seed 1 leaves it to the student to be right up to a
map that it cannot know; here the map is fitted per sample, robustly, weighted by the teacher's confidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.affine import fit_line
from training.data.plane_pool import PlanePool, opened
from training.data.sample import Sample
from training.losses import confidence_loss, photometric_error, scene_scaled_l1
from training.losses.figures import Figures
from training.losses.smoothness import bending
from training.models import build
from training.recipes.base import Recipe, TaskSettings
from training.tasks.disparity import disparity_pictures
from training.tasks.inputs import (
    Answer,
    grey_planes,
    planes_for,
    prepared,
    read_answer,
    require_inputs,
    require_network_takes,
)
from training.tasks.rig_frames import RigFrames
from training.tasks.rig_scenes import FITS, RigScenes
from training.tasks.scenes import FixedPool, SceneBatches, held_out
from training.tasks.spaces import Distilled, Seen, space_losses
from training.tasks.start import load_start
from training.tasks.stereo_teacher import StereoTeacher, stereo_network
from training.tasks.task import Circumstances, Shipped, Source
from training.warp import left_from_right

AT_ONCE = 16


@dataclass(frozen=True)
class Explicit(TaskSettings):
    """teacher, fit: as in `RigScenes`; with fit "student" nothing but `photometric` keeps the answer to px.
    sees: the folder of a run of Stereo-Net, for `feature` and `long_range`; the teacher itself when empty.
    The rest are weights of losses; what weighs 0 is not computed.

    photometric, smoothness: what a pair teaches without a teacher, as views that are each other's, moved; output: the
    label; feature, long_range: spaces of `training.distill` at 1/4 and 1/8 of each side; masked: these two only where
    Stereo-Net's disparity explains the neighbour's picture better.
    """

    name: str = "explicit"
    teacher: str = "sgbm"
    fit: str = "matching"
    sees: str = ""
    photometric: float = 0.0
    smoothness: float = 0.0
    output: float = 1.0
    feature: float = 0.0
    long_range: float = 0.0
    masked: bool = False


class ExplicitTask:
    """See `Explicit`; validated against the truth that no student sees."""

    Settings: ClassVar[type[TaskSettings]] = Explicit

    def __init__(self, recipe: Recipe) -> None:
        if not isinstance(recipe.task, Explicit):
            raise TypeError("make_task gives each task its own settings")
        self.recipe, self.settings = recipe, recipe.task
        self.members = require_inputs(recipe.task.inputs)
        if recipe.task.fit not in FITS:
            raise DpocketError(f"'task.fit' is '{recipe.task.fit}'; known are: {', '.join(FITS)}")
        if recipe.fresh.scenes:
            raise DpocketError("the task 'explicit' trains on a fixed pool; set fresh.scenes=0")
        weights = (self.settings.photometric, self.settings.output, self.settings.feature, self.settings.long_range)
        if not any(weights):
            raise DpocketError("no loss of the task weighs anything; set task.output or task.photometric above 0")
        self.teacher = self._stereo_net()
        require_network_takes(self._student(), recipe.model, recipe.task.inputs)

    def _stereo_net(self) -> StereoTeacher | None:
        if not (self.settings.feature or self.settings.long_range):
            return None
        return stereo_network(self.settings.sees or self.settings.teacher)

    def _student(self) -> nn.Module:
        return build(self.recipe.model, **self.recipe.model_settings)

    def network(self) -> nn.Module:
        teacher = self.teacher if self.settings.feature else None
        planes = grey_planes(self.recipe.model, self.settings.inputs)
        return Distilled(self._student(), self.recipe.model, planes, teacher)

    def begin(self, network: nn.Module, start: Path) -> None:
        """A student's checkpoint, or a run of this task with the same spaces."""
        if isinstance(network, Distilled) and not (start / "state.pt").is_file():
            load_start(network.student, start, self.recipe.start_shared)
        else:
            load_start(network, start, self.recipe.start_shared)

    def scenes(self, held_out_scenes: int = 0) -> RigScenes:
        """The scenes to train on, or that many held-out ones."""
        data = held_out(self.recipe.data, held_out_scenes) if held_out_scenes else self.recipe.data
        return RigScenes(data, self.recipe.working_width, self.settings.teacher, self.settings.fit)

    def _labelled(self, held_out_scenes: int, here: Circumstances) -> PlanePool:
        """Labels are cheap beside the light: what was rendered once serves every teacher."""
        scenes = self.scenes(held_out_scenes)
        rendered = PlanePool(RigFrames(scenes.data, scenes.width), here.cache)
        rendered.prepare(progress=lambda done, of: here.report("render scenes", done, of, {}))
        return opened(replace(scenes, frames=rendered.path), here.cache)

    def source(self, here: Circumstances) -> Source:
        if self.teacher is not None:
            self.teacher.to(here.device)
        if here.place.first:
            self._labelled(self.recipe.monitor.scenes, here)
        return SceneBatches(FixedPool(self._labelled(0, here), self.settings.relief), self.recipe, here.place)

    def loss(self, network: nn.Module, batch: Sample) -> tuple[Tensor, Figures]:
        settings = self.settings
        seen = self._seen(network, batch)
        answer = read_answer(seen.output, batch.size[1])
        found = answer.disparity
        loss = found.new_zeros(())
        figures: Figures = {}
        if settings.photometric or settings.smoothness:
            figures["photometric"], figures["smoothness"] = of_the_pair(found, batch)
            loss = loss + settings.photometric * figures["photometric"] + settings.smoothness * figures["smoothness"]
        if settings.output:
            told = self._against_label(answer, batch)
            loss = loss + settings.output * (told["output"] + settings.confidence * told.get("confidence", 0.0))
            figures.update(told)
        if self.teacher is not None:
            weights = {"feature": settings.feature, "long_range": settings.long_range}
            more, parts = space_losses(seen, found, self.teacher, batch, weights, settings.masked)
            loss = loss + more
            figures.update(parts)
        return loss, {name: value.detach() for name, value in figures.items()}

    def _seen(self, network: nn.Module, batch: Sample) -> Seen:
        seen: Seen = network(*planes_for(self.recipe.model, self.members, batch))
        return seen

    def _disparity(self, network: nn.Module, batch: Sample) -> Tensor:
        return read_answer(self._seen(network, batch).output, batch.size[1]).disparity

    def _against_label(self, answer: Answer, batch: Sample) -> Figures:
        """Losses of the answer against the label: "output", and "confidence" where it has one."""
        found, trust = answer.disparity, batch.valid if batch.confidence is None else batch.confidence
        if self.settings.fit == "student":
            # What is left of a minimum over all lines has the gradient that it has at the best of them.
            full = F.interpolate(found.detach(), size=batch.size, mode="nearest")
            slope, offset = fit_line(full, batch.disparity, trust)
            found = slope * found + offset
        softness, absolute = self.settings.softness, self.settings.absolute
        told = {"output": scene_scaled_l1(found, batch.disparity, trust, softness, absolute)}
        if answer.confidence is not None:
            told["confidence"] = confidence_loss(answer.confidence, found, batch.disparity, trust)
        return told

    @torch.no_grad()
    def validate(self, network: nn.Module, here: Circumstances) -> dict[str, float]:
        """Mean and worst |error| against the truth (px, where the pair shows it), plain and after a robust line."""
        scenes = self.scenes(self.recipe.monitor.scenes)
        planes = self._labelled(self.recipe.monitor.scenes, here).planes()
        truth, sample = scenes.truth(planes), prepared(scenes.sample(planes), self.recipe.preprocess)
        trust = planes[:, 9:10]
        side = self.recipe.optimisation.crop
        found = []
        for first in range(0, len(truth), AT_ONCE):
            part = sample.map(lambda t, first=first: t[first : first + AT_ONCE, ..., :side, :side])  # type: ignore[misc]
            found.append(self._disparity(network, part.to(here.device)).cpu())
        truth, label, trust = (t[..., :side, :side] for t in (truth, sample.disparity, trust))
        full = F.interpolate(torch.cat(found), size=truth.shape[-2:], mode="bilinear", align_corners=False)
        everywhere = torch.ones_like(truth)
        slope, offset = fit_line(full, truth, everywhere)
        plain, line = ((p - truth).abs().mean((1, 2, 3)) for p in (full, slope * full + offset))
        of_label = ((label - truth).abs() * trust).sum() / trust.sum().clamp(min=1.0)
        told = {"rendered_error_px": plain.mean(), "rendered_worst_px": plain.max(), "ai1_px": line.mean()}
        told |= {"ai1_worst_px": line.max(), "label_error_px": of_label, "label_known": (trust > 0).float().mean()}
        return {name: float(value) for name, value in told.items()}

    @torch.no_grad()
    def pictures(self, network: nn.Module, batch: Sample) -> dict[str, Tensor]:
        return disparity_pictures(self._disparity(network, batch), batch)

    def shipped(self, weights: Mapping[str, Tensor]) -> dict[str, Shipped]:
        prefix = "student."
        own = {name.removeprefix(prefix): t for name, t in weights.items() if name.startswith(prefix)}
        return {"student": Shipped(own, self.recipe.model, self.recipe.model_settings)}

    @property
    def data(self) -> str:
        return (
            f"{self.recipe.data.count} scenes of a rig of three phones rendered by training/rig.py, labelled by "
            f"'{self.settings.teacher}'; no photographs"
        )


def of_the_pair(found: Tensor, batch: Sample) -> tuple[Tensor, Tensor]:
    """How badly the right view, moved by (B, 1, h, w) px, explains the left one; and how much that bends.

    Photometric error of the preprocessed views in 0..1, at full size. The views differ in blur as well, so that this is
    never 0: a pair alone teaches less than a teacher.
    """
    width = batch.size[1]
    full = F.interpolate(found, size=batch.size, mode="bilinear", align_corners=False)
    left, right = ((view + 3.0) / 6.0 for view in (batch.left, batch.right))
    error = photometric_error(left_from_right(right, full / width), left)
    return error.mean(), bending(full, left)
