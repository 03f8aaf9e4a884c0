"""`recursive`: Mono-Net learns from Stereo-Net, which begins where Mono-Net ends (seed 2: Ye et al., IEEE TIP 2021).

One run is one of the three stages, and begins with the weights of the run of the stage before (`start`), so that one
second stage serves all the ways of distilling that are compared in the third.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.affine import fit_line
from training.board import side_by_side
from training.data.plane_pool import PlanePool, opened
from training.data.sample import Sample
from training.distill.stages import STAGES, StageWeights, stage_loss
from training.losses import photometric_error
from training.losses.figures import Figures
from training.models import build
from training.models.blocks import Outputs
from training.recipes.base import Recipe, TaskSettings
from training.tasks.scenes import FixedPool, SceneBatches, held_out
from training.tasks.start import load_start
from training.tasks.stereo_scenes import StereoScenes
from training.tasks.stereo_teacher import stereo_views
from training.tasks.task import Circumstances, Shipped, Source
from training.warp import left_from_right

AT_ONCE = 8


@dataclass(frozen=True)
class Recursive(TaskSettings):
    """stage: 1 Mono-Net alone, 2 both, 3 both with distillation, by `weights`; mono_frozen: only Stereo-Net learns;
    in_focus: the scenes' pictures are sharp everywhere."""

    name: str = "recursive"
    inputs: str = "mono"
    stage: int = 3
    mono_frozen: bool = False
    in_focus: bool = True
    weights: StageWeights = field(default_factory=lambda: STAGES[3])


class RecursiveTask:
    """See `Recursive`; trains the network "mono_stereo", ships Mono-Net and Stereo-Net."""

    Settings: ClassVar[type[TaskSettings]] = Recursive

    def __init__(self, recipe: Recipe) -> None:
        if not isinstance(recipe.task, Recursive):
            raise TypeError("make_task gives each task its own settings")
        self.recipe, self.settings = recipe, recipe.task
        if recipe.model != "mono_stereo":
            raise DpocketError(f"the task 'recursive' trains the network 'mono_stereo', not '{recipe.model}'")
        if recipe.task.stage not in STAGES:
            raise DpocketError(f"'task.stage' is {recipe.task.stage}; the stages are {', '.join(map(str, STAGES))}")
        if recipe.fresh.scenes:
            raise DpocketError("the task 'recursive' trains on a fixed pool; set fresh.scenes=0")
        self.colours = int(recipe.model_settings.get("colours", 3))

    def network(self) -> nn.Module:
        network = build(self.recipe.model, **self.recipe.model_settings)
        if self.settings.stage == 1:
            network.get_submodule("stereo").requires_grad_(False)
        elif self.settings.mono_frozen:
            network.get_submodule("mono").requires_grad_(False)
        return network

    def begin(self, network: nn.Module, start: Path) -> None:
        load_start(network, start, self.recipe.start_shared)

    def scenes(self, held_out_scenes: int = 0) -> StereoScenes:
        """The scenes to train on, or that many held-out ones."""
        data = held_out(self.recipe.data, held_out_scenes) if held_out_scenes else self.recipe.data
        return StereoScenes(data, self.settings.in_focus)

    def source(self, here: Circumstances) -> Source:
        if here.place.first:
            opened(self.scenes(self.recipe.monitor.scenes), here.cache)
        pool = PlanePool(self.scenes(), here.cache)
        pool.prepare(progress=lambda done, of: here.report("render scenes", done, of, {}))
        return SceneBatches(FixedPool(pool, self.settings.relief), self.recipe, here.place)

    def _outputs(self, network: nn.Module, batch: Sample, stage: int) -> tuple[Outputs, tuple[Outputs, ...]]:
        found: tuple[Outputs, tuple[Outputs, ...]] = network(
            *stereo_views(batch, self.colours), stage, self.settings.mono_frozen
        )
        return found

    def loss(self, network: nn.Module, batch: Sample) -> tuple[Tensor, Figures]:
        stage = self.settings.stage
        mono, stereo = self._outputs(network, batch, stage)
        truth = batch.disparity / batch.size[1]
        return stage_loss(stage, mono, stereo, *stereo_views(batch, self.colours), self.settings.weights, truth)

    @torch.no_grad()
    def validate(self, network: nn.Module, here: Circumstances) -> dict[str, float]:
        """Of both networks on held-out scenes, where not occluded: error in px, plain and after a robust line, the
        relative error of depth, and the photometric error of the left picture made from the right one."""
        pool = opened(self.scenes(self.recipe.monitor.scenes), here.cache)
        sample = pool.maker.sample(pool.planes())
        side = self.recipe.optimisation.crop
        errors: dict[str, list[Tensor]] = {}
        for first in range(0, sample.left.shape[0], AT_ONCE):
            part = sample.map(lambda t, first=first: t[first : first + AT_ONCE, ..., :side, :side])  # type: ignore[misc]
            part = part.to(here.device)
            mono, stereo = self._outputs(network, part, max(2, self.settings.stage))
            for name, found in (("mono", mono), ("stereo", stereo[-1])):
                disparity = found.disparities[0][:, :1] * side
                seen = (part.occluded < 0.5).float() if part.occluded is not None else part.valid
                error = (disparity - part.disparity).abs()
                relative = (part.disparity / disparity.clamp(min=1e-3) - 1.0).abs()
                slope, offset = fit_line(disparity, part.disparity, seen)
                line = (slope * disparity + offset - part.disparity).abs()
                left, right = stereo_views(part, self.colours)
                light = photometric_error(left_from_right(right, disparity / side), left)
                told = {"epe_px": error, "line_px": line, "abs_rel": relative, "photometric": light}
                for what, each in ((f"{name}_{what}", each) for what, each in told.items()):
                    mean = (each * seen).sum((1, 2, 3)) / seen.sum((1, 2, 3)).clamp(min=1.0)
                    errors.setdefault(what, []).append(mean.cpu())
        return {what: float(torch.cat(means).mean()) for what, means in errors.items()}

    @torch.no_grad()
    def pictures(self, network: nn.Module, batch: Sample) -> dict[str, Tensor]:
        mono, stereo = self._outputs(network, batch, max(2, self.settings.stage))
        truth = batch.disparity / batch.size[1]
        low, high = torch.zeros_like(truth[:, :, :1, :1]), truth.amax((2, 3), keepdim=True)
        left = stereo_views(batch, 1)[0]
        shown = {"mono": mono.disparities[0][:, :1], "stereo": stereo[-1].disparities[0][:, :1], "truth": truth}
        pictures = {name: side_by_side(plane, low, high) for name, plane in shown.items()}
        return {"left": side_by_side(left, low, torch.ones_like(high)), **pictures}

    def shipped(self, weights: Mapping[str, Tensor]) -> dict[str, Shipped]:
        """Mono-Net, the student that the run is for, and Stereo-Net."""
        own = {
            part: {name.removeprefix(f"{part}."): t for name, t in weights.items() if name.startswith(f"{part}.")}
            for part in ("mono", "stereo")
        }
        settings = self.recipe.model_settings
        mono = Shipped(own["mono"], "mono_net", {k: v for k, v in settings.items() if k in ("width", "colours")})
        return {"student": mono, "stereo": Shipped(own["stereo"], "stereo_net", settings)}

    @property
    def data(self) -> str:
        return f"{self.recipe.data.count} stereo pairs rendered by training/stereo.py; no photographs"
