"""Batches of rendered scenes: from a pool on disk, or from one that the training device renders for itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.data.augment import augment
from training.data.geometry import crop
from training.data.rendered import RenderedData
from training.data.rolling import RollingPool
from training.data.sample import Sample, concatenate
from training.processes import ALONE, Place
from training.recipes.base import Recipe
from training.tasks.inputs import prepared

PART_SEED = 104_729
"""Between the seeds of the pools that the parts of a batch draw from."""

VALIDATION_SEED_OFFSET = 7919


class Pool(Protocol):
    """Whatever holds scenes."""

    def draw(self, step: int, part: int, size: int, generator: torch.Generator) -> Sample:
        """`size` samples for part `part` of the batch of `step`."""


RELIEF = (0.1, 1.5)
"""Limits in px of the spread of disparity that a scene is drawn by."""


class FixedPool:
    """All parts draw from the same scenes, which stay; from those of more relief more often (`TaskSettings.relief`).

    Half of the rendered scenes spread over less than 0.2 px: phones see such, but little is to be learnt from them.
    `among`: (N,) booleans, the scenes that are drawn at all; every one without.
    """

    def __init__(self, scenes: Drawn, relief: float = 0.0, among: Tensor | None = None) -> None:
        self.scenes = scenes
        self.weights = scenes.spread().clamp(*RELIEF) ** relief if relief else None
        if among is not None:
            self.weights = among.float() if self.weights is None else self.weights * among

    def draw(self, step: int, part: int, size: int, generator: torch.Generator) -> Sample:
        return self.scenes.batch(size, generator, self.weights)


class Drawn(Protocol):
    """A pool that samples are drawn from with replacement, such as `RenderedPool`."""

    def batch(self, size: int, generator: torch.Generator, weights: Tensor | None = None) -> Sample: ...

    def spread(self) -> Tensor: ...


class FreshPool:
    """Every part of a batch has a `RollingPool` of its own, so that a process renders what its parts need."""

    def __init__(self, recipe: Recipe, device: torch.device, parts: list[int]) -> None:
        fresh, among = recipe.fresh, recipe.optimisation.parts
        blocks, refresh = max(1, fresh.blocks // among), fresh.scenes / among
        self._pools = {
            part: RollingPool(_of_part(recipe.data, part), device, fresh.block, blocks, refresh) for part in parts
        }

    def advance(self, step: int) -> None:
        for pool in self._pools.values():
            pool.advance(step)

    def draw(self, step: int, part: int, size: int, generator: torch.Generator) -> Sample:
        return self._pools[part].batch(step, size, generator)


class SceneBatches(Dataset[Sample]):
    """Item `step` is this process's share of the batch of that step, cropped, augmented and prepared.

    It follows from the recipe's seed and the step alone, so that runs resume; joined over the processes, it is the same
    batch on any number of them.
    """

    def __init__(
        self,
        pool: Pool,
        recipe: Recipe,
        place: Place = ALONE,
        device: torch.device | None = None,
    ) -> None:
        self.pool, self.recipe, self.device = pool, recipe, device or torch.device("cpu")
        self.shares = shares_of(place, recipe)

    @property
    def in_workers(self) -> bool:
        return not isinstance(self.pool, FreshPool)

    def advance(self, step: int) -> None:
        if isinstance(self.pool, FreshPool):
            self.pool.advance(step)

    def __getitem__(self, step: int) -> Sample:
        made = []
        for part, kept in self.shares:
            sample = self._part(step, part)
            whole = kept == slice(0, sample.left.shape[0])
            made.append(sample if whole else sample.map(lambda t, kept=kept: t[kept]))  # type: ignore[misc]
        return made[0] if len(made) == 1 else concatenate(made)

    def _part(self, step: int, part: int) -> Sample:
        settings = self.recipe.optimisation
        drawn = generator(f"{self.recipe.seed}/{step}/{part}", self.device)
        sample = self.pool.draw(step, part, settings.batch // settings.parts, drawn)
        # Where the window lies must not be asked of a GPU, which would have to finish its work first.
        window = generator(f"window/{self.recipe.seed}/{step}/{part}", torch.device("cpu"))
        rows, columns = (side - settings.crop for side in sample.size)
        top, start = (int(torch.randint(slack + 1, (1,), generator=window)) for slack in (rows, columns))
        cut = crop(sample, top, start, (settings.crop, settings.crop))
        return prepared(augment(cut, self.recipe.augmentation, drawn), self.recipe.preprocess)


def shares_of(place: Place, recipe: Recipe) -> list[tuple[int, slice]]:
    """(part, samples of it) of every batch that fall to the process at `place`."""
    settings = recipe.optimisation
    mine, each = place.share(settings.batch), settings.batch // settings.parts
    shares = []
    for part in range(settings.parts):
        low, high = max(mine.start, part * each), min(mine.stop, (part + 1) * each)
        if low < high:
            shares.append((part, slice(low - part * each, high - part * each)))
    return shares


def generator(purpose: str, device: torch.device) -> torch.Generator:
    """Random numbers on `device` that depend on `purpose` alone."""
    digest = hashlib.sha256(purpose.encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def held_out(data: RenderedData, scenes: int) -> RenderedData:
    """`scenes` scenes of the same kind of which none is trained on."""
    return replace(data, count=scenes, seed=data.seed + VALIDATION_SEED_OFFSET)


def _of_part(data: RenderedData, part: int) -> RenderedData:
    return replace(data, seed=data.seed + part * PART_SEED)
