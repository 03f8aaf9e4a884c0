"""`quantised`: a trained student learns on, computing in training the integers that its artifacts compute.

The steps of the activations are calibrated on rendered scenes when the run begins, and stay; weights, their scales and
biases follow the loss. What the run leaves is a student with its grid, on which its int8 artifacts give exactly what
was validated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.calibration import RANGES, calibrated
from training.checkpoint import Checkpoint
from training.data.sample import Sample
from training.losses.figures import Figures
from training.models import build, form_of
from training.processes import shared_mean
from training.quantize.student import QuantisedStudent
from training.recipes.base import Recipe, TaskSettings
from training.tasks.disparity import DisparityTask
from training.tasks.inputs import Answer
from training.tasks.start import load_start
from training.tasks.task import Shipped

PREFIX = "student."


@dataclass(frozen=True)
class Quantised(TaskSettings):
    """As the task `disparity`; float_share: share of the loss that holds the int8 student to what the float one at
    `start` answers, the rest holds it to the truth. Rendered truth alone also moves what quantisation has not changed.
    """

    name: str = "quantised"
    float_share: float = 0.8


class QuantisedTask(DisparityTask):
    """See the module; losses and validation are those of `DisparityTask`, of the int8 student."""

    Settings: ClassVar[type[TaskSettings]] = Quantised

    def __init__(self, recipe: Recipe) -> None:
        if not recipe.start:
            raise DpocketError("the task 'quantised' trains a student further: set start to a checkpoint or a run")
        if not recipe.grid:
            raise DpocketError("the task 'quantised' makes a student with an integer grid; set grid=true")
        form = form_of(recipe.model)
        if not (form.outputs and form.exportable):
            raise DpocketError(f"the network '{recipe.model}' is no student that an integer grid is made for")
        super().__init__(recipe)

        if not isinstance(recipe.task, Quantised):
            raise TypeError("make_task gives each task its own settings")
        self.float_share = recipe.task.float_share
        if not 0.0 <= self.float_share <= 1.0:
            raise DpocketError(f"'task.float_share' is {self.float_share}; it must be in 0..1")

    def network(self) -> QuantisedStudent:
        form = form_of(self.recipe.model)
        return QuantisedStudent(self._student(), form.outputs, form.size_multiple)

    def _student(self) -> nn.Module:
        return build(self.recipe.model, **self.recipe.model_settings)

    @cached_property
    def _float(self) -> nn.Module:
        """The float student that the run began with."""
        student = self._student().eval().requires_grad_(False)
        load_start(student, _weights_at(Path(self.recipe.start)), self.recipe.start_shared)
        return student

    def loss(self, network: nn.Module, batch: Sample) -> tuple[Tensor, Figures]:
        found, share = self._answer(network, batch), self.float_share
        against_truth, figures = self.against_truth(found, batch)
        if not share:
            return against_truth, figures
        with torch.no_grad():
            told = self._answer(self._float.to(batch.left.device), batch)
        apart = answers_apart(found, told, self.recipe.task)
        return (1.0 - share) * against_truth + share * apart, {**figures, "from_float": apart.detach()}

    def begin(self, network: nn.Module, start: Path) -> None:
        """The weights at `start`, a student's or of another run of this task, and steps that fit them."""
        if not isinstance(network, QuantisedStudent):
            raise TypeError("this task begins with a network of its own")
        load_start(network.student, _weights_at(start), self.recipe.start_shared)
        recipe = self.recipe.to_dict()
        begun = Checkpoint(start, network.student.eval(), {"recipe": recipe})
        network.set_steps(calibrated(begun, method=RANGES))

    def shipped(self, weights: Mapping[str, Tensor]) -> dict[str, Shipped]:
        own = {name.removeprefix(PREFIX): t for name, t in weights.items() if name.startswith(PREFIX)}
        network = self.network()
        network.load_state_dict(dict(weights))
        made = Shipped(own, self.recipe.model, self.recipe.model_settings)
        return {"student": replace(made, grid=replace(network.grid(), source=self.data))}


def answers_apart(found: Answer, told: Answer, settings: TaskSettings) -> Tensor:
    """Mean |difference| of two students' disparities, in spreads of the second's over its scene plus `softness` px, and
    `settings.confidence` times that of their confidences."""
    spread = told.disparity.flatten(1).std(1).view(-1, 1, 1, 1) + settings.softness
    apart = _mean((found.disparity - told.disparity).abs() / spread)
    if found.confidence is None or told.confidence is None:
        return apart
    return apart + settings.confidence * _mean((found.confidence - told.confidence.clamp(0.0, 1.0)).abs())


def _mean(values: Tensor) -> Tensor:
    return shared_mean(values.sum(), values.new_tensor(float(values.numel())))


def _weights_at(start: Path) -> Path:
    """The student's weights of a run, in place of the state that holds the grid too."""
    return start / "student.safetensors" if (start / "state.pt").is_file() else start
