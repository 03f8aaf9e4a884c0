"""Tasks by name: what can be trained. One file and one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from runtime_py.errors import DpocketError
from training.models import form_of
from training.recipes.base import Recipe, require_trainable
from training.tasks.disparity import DisparityTask
from training.tasks.explicit import ExplicitTask
from training.tasks.quantised import QuantisedTask
from training.tasks.recursive import RecursiveTask
from training.tasks.task import Task

TASKS: Mapping[str, type[Task]] = MappingProxyType(
    {"disparity": DisparityTask, "quantised": QuantisedTask, "explicit": ExplicitTask, "recursive": RecursiveTask}
)


def make_task(recipe: Recipe) -> Task:
    """The task of `recipe`. Raises DpocketError for a recipe that cannot be trained."""
    name = recipe.task.name
    if name not in TASKS:
        raise DpocketError(f"no task is called '{name}'; known are: {', '.join(TASKS)}")
    if type(recipe.task) is not TASKS[name].Settings:
        raise DpocketError(
            f"the recipe '{recipe.name}' has no settings for the task '{name}'; 'task.name' cannot be set"
        )
    require_trainable(recipe)
    if recipe.task.least_alpha and not issubclass(TASKS[name], DisparityTask):
        raise DpocketError(
            f"'task.least_alpha' is {recipe.task.least_alpha}, and the task '{name}' draws all scenes; set it to 0"
        )
    task = TASKS[name](recipe)
    form = form_of(recipe.model)
    if recipe.grid and (recipe.task.inputs != "dp" or not (form.outputs and form.exportable)):
        raise DpocketError(
            f"an integer grid is for students that are made for one and see dual pixels alone; set grid=false for "
            f"'{recipe.model}' with the inputs '{recipe.task.inputs}'"
        )
    return task
