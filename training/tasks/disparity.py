"""`disparity`: a student learns the disparity of rendered scenes from their truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.board import side_by_side
from training.data.cameras import alphas
from training.data.plane_pool import opened
from training.data.rendered import RenderedPool, RenderedScenes
from training.data.sample import Sample
from training.losses import confidence_loss, scene_scaled_l1
from training.losses.figures import Figures
from training.models import build
from training.recipes.base import Recipe, TaskSettings
from training.tasks.inputs import Answer, planes_for, prepared, read_answer, require_inputs, require_network_takes
from training.tasks.scenes import FixedPool, FreshPool, SceneBatches, held_out, shares_of
from training.tasks.start import load_start
from training.tasks.task import Circumstances, Shipped, Source

AT_ONCE = 16
"""Held-out scenes per call of the network."""


class DisparityTask:
    """Scene-scaled L1 against the truth; validated in px on held-out scenes."""

    Settings: ClassVar[type[TaskSettings]] = TaskSettings

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.members = require_inputs(recipe.task.inputs)
        if "rgb" in self.members:
            raise DpocketError("the scenes of the task 'disparity' have no colour; set task.inputs=dp")
        require_network_takes(self.network(), recipe.model, recipe.task.inputs)

    def network(self) -> nn.Module:
        return build(self.recipe.model, **self.recipe.model_settings)

    def begin(self, network: nn.Module, start: Path) -> None:
        load_start(network, start, self.recipe.start_shared)

    def source(self, here: Circumstances) -> Source:
        if here.place.first:
            validation_batch(self.recipe, here.cache)
        if self.recipe.fresh.scenes:
            parts = [part for part, _ in shares_of(here.place, self.recipe)]
            return SceneBatches(FreshPool(self.recipe, here.device, parts), self.recipe, here.place, here.device)
        pool = RenderedPool(self.recipe.data, here.cache)
        pool.prepare(progress=lambda done, of: here.report("render scenes", done, of, {}))
        return SceneBatches(FixedPool(pool, self.recipe.task.relief, self._among()), self.recipe, here.place)

    def _among(self) -> Tensor | None:
        least = self.recipe.task.least_alpha
        if not least:
            return None
        among = alphas(self.recipe.data) >= least
        if not among.any():
            raise DpocketError(f"no scene has an alpha of {least}, which 'task.least_alpha' asks for; lower it")
        return among

    def loss(self, network: nn.Module, batch: Sample) -> tuple[Tensor, Figures]:
        return self.against_truth(self._answer(network, batch), batch)

    def against_truth(self, found: Answer, batch: Sample) -> tuple[Tensor, Figures]:
        """The loss of an answer, and its parts where it has several."""
        settings = self.recipe.task
        loss = scene_scaled_l1(found.disparity, batch.disparity, batch.valid, settings.softness, settings.absolute)
        if found.confidence is None:
            return loss, {}
        more = confidence_loss(found.confidence, found.disparity, batch.disparity, batch.valid)
        return loss + self.recipe.task.confidence * more, {"disparity": loss.detach(), "confidence": more.detach()}

    def _answer(self, network: nn.Module, batch: Sample) -> Answer:
        return read_answer(network(*planes_for(self.recipe.model, self.members, batch)), batch.size[1])

    @torch.no_grad()
    def validate(self, network: nn.Module, here: Circumstances) -> dict[str, float]:
        """Mean |error| in px over all held-out scenes, and over the worst of them."""
        sample = validation_batch(self.recipe, here.cache)
        errors = []
        for first in range(0, sample.left.shape[0], AT_ONCE):
            some = sample.map(lambda t, first=first: t[first : first + AT_ONCE]).to(here.device)  # type: ignore[misc]
            found = self._answer(network, some)
            full = F.interpolate(found.disparity, size=some.size, mode="bilinear", align_corners=False)
            errors.append((full - some.disparity).abs().mean((1, 2, 3)).cpu())
        each = torch.cat(errors)
        return {"rendered_error_px": float(each.mean()), "rendered_worst_px": float(each.max())}

    @torch.no_grad()
    def pictures(self, network: nn.Module, batch: Sample) -> dict[str, Tensor]:
        return disparity_pictures(self._answer(network, batch).disparity, batch)

    def shipped(self, weights: Mapping[str, Tensor]) -> dict[str, Shipped]:
        return {"student": Shipped(weights, self.recipe.model, self.recipe.model_settings)}

    @property
    def data(self) -> str:
        if self.recipe.fresh.scenes:
            steps = self.recipe.optimisation.steps
            count = self.recipe.fresh.block * self.recipe.fresh.blocks + int(steps * self.recipe.fresh.scenes)
            return f"about {count} scenes rendered by training/render.py while training; {self._photographs}"
        return f"{self.recipe.data.count} scenes rendered by training/render.py; {self._photographs}"

    @property
    def _photographs(self) -> str:
        return "textures from photographs" if self.recipe.data.photographs else "no photographs"


def validation_batch(recipe: Recipe, cache: Path) -> Sample:
    """Held-out rendered scenes, preprocessed, cropped to a size that the network takes."""
    pool = opened(RenderedScenes(held_out(recipe.data, recipe.monitor.scenes)), cache)
    side = recipe.optimisation.crop
    return prepared(pool.every().map(lambda t: t[..., :side, :side].contiguous()), recipe.preprocess)


def disparity_pictures(found: Tensor, batch: Sample) -> dict[str, Tensor]:
    """The left view, the disparity found and the true one, on one scale of grey per sample."""
    truth, known = batch.disparity, batch.valid > 0
    low = torch.where(known, truth, torch.inf).amin((1, 2, 3), keepdim=True)
    high = torch.where(known, truth, -torch.inf).amax((1, 2, 3), keepdim=True)
    full = F.interpolate(found.float(), size=batch.size, mode="nearest")
    dark, bright = (torch.full_like(low, v) for v in (-3.0, 3.0))
    return {
        "left": side_by_side(batch.left, dark, bright),
        "found": side_by_side(full, low, high),
        "truth": side_by_side(torch.where(known, truth, torch.nan), low, high),
    }
