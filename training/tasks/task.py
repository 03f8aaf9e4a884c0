"""`Task`: what a recipe trains, as the training loop sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from training.data.sample import Sample
from training.losses.figures import Figures
from training.processes import ALONE, Place
from training.quantize import Grid
from training.recipes.base import Recipe, TaskSettings

Progress = Callable[[str, int, int, dict[str, float]], None]
"""(what, done, of, figures): called often, for whoever shows it."""


@dataclass(frozen=True)
class Circumstances:
    """Where a task is carried out: the device, the place among processes, where rendered scenes are kept, and who is
    told of the progress."""

    device: torch.device
    cache: Path
    place: Place = ALONE
    report: Progress = lambda *_: None


@dataclass(frozen=True)
class Shipped:
    """One network that leaves the run: its weights, the name and settings that build it, and the grid that it was
    trained on where it was trained on one.
    """

    weights: Mapping[str, Tensor]
    model: str
    model_settings: Mapping[str, Any]
    grid: Grid | None = None


class Source(Protocol):
    """Batches by their step. What a step gets follows from the recipe, the step and the place among processes."""

    @property
    def in_workers(self) -> bool:
        """Whether worker processes may make the batches, ahead of their time."""

    def advance(self, step: int) -> None:
        """Render what `step` needs and is not there yet; called where batches are not made in workers."""

    def __getitem__(self, step: int) -> Sample:
        """This process's share of the batch of `step`, ready for the network."""


class Task(Protocol):
    """One line of the table of tasks."""

    Settings: ClassVar[type[TaskSettings]]

    def __init__(self, recipe: Recipe) -> None:
        """Raises DpocketError for a recipe that cannot be trained, before anything is rendered or written."""

    def network(self) -> nn.Module:
        """Everything with weights in one module, freshly initialised; what is not trained asks for no gradient."""

    def begin(self, network: nn.Module, start: Path) -> None:
        """Take the weights of the checkpoint or run at `start`. Raises DpocketError where they do not fit."""

    def source(self, here: Circumstances) -> Source:
        """The batches, everything rendered that can be ahead of time."""

    def loss(self, network: nn.Module, batch: Sample) -> tuple[Tensor, Figures]:
        """What to minimise, such that its mean over the processes is that of the whole batch; and what to log."""

    def validate(self, network: nn.Module, here: Circumstances) -> dict[str, float]:
        """Figures of a network in evaluation mode on held-out scenes. One process alone calls this."""

    def pictures(self, network: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """(3, H, W) pictures in 0..1 of what the network makes of a batch."""

    def shipped(self, weights: Mapping[str, Tensor]) -> dict[str, Shipped]:
        """What a checkpoint of the run holds, by file name; "student" is the one that the run is for."""

    @property
    def data(self) -> str:
        """What is trained on, for the card."""
