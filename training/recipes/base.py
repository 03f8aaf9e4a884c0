"""`Recipe`: everything that decides a training run, as one frozen value."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from runtime_py.contract import Preprocess
from runtime_py.errors import DpocketError
from training.data.augment import Augmentation
from training.data.rendered import RenderedData
from training.models import form_of


@dataclass(frozen=True)
class Optimisation:
    """AdamW; `learning_rate` along a schedule of `training.schedule`, with a linear rise over the first `warmup` share;
    gradients clipped to the norm `clip`; weights averaged with decay `ema`.

    A batch is drawn in `parts` of equal size, each from random numbers of its own, so that several processes need to
    make only what falls to them. A run is the same on any number of processes; it is fastest where that number divides
    `parts`.
    """

    steps: int = 16000
    batch: int = 16
    crop: int = 160
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warmup: float = 0.05
    clip: float = 1.0
    ema: float = 0.999
    schedule: str = "one-cycle"
    parts: int = 1


@dataclass(frozen=True)
class Fresh:
    """Scenes that the training device renders while it trains, in place of a pool of `data.count`.

    `scenes` are replaced per step, on average; 0 for the fixed pool. `blocks` of `block` scenes are held.
    """

    scenes: float = 0.0
    block: int = 32
    blocks: int = 64


@dataclass(frozen=True)
class Monitoring:
    """What is told and kept of a run. Nothing here changes its numbers, so a run may be resumed with other values.

    log_every: steps between scalars; save_every: steps between validations, pictures and checkpoints; scenes: held-out
    ones to validate on; minutes: save and stop after that many, 0 for no limit; board: write TensorBoard's files.
    """

    log_every: int = 10
    save_every: int = 1000
    scenes: int = 64
    minutes: float = 0.0
    board: bool = True


@dataclass(frozen=True)
class TaskSettings:
    """Which task of `training.tasks.TASKS` is trained, and which planes its student sees (`training.tasks.inputs`).

    confidence: weight of the loss on a student's confidence, where it gives one; softness, absolute: of
    `losses.scene_scaled_l1`; relief: scenes of a fixed pool are drawn with a probability that is their spread of
    disparity (`RELIEF`) to this power; least_alpha: scenes of cameras that tell their halves apart by less, in px of
    disparity per px of blur, are not drawn from it.
    """

    name: str = "disparity"
    inputs: str = "dp"
    confidence: float = 0.2
    softness: float = 0.5
    absolute: float = 1.0
    relief: float = 0.0
    least_alpha: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """An experiment. `working_width` is the image width in px at which the student is meant to be used.

    `start`: a checkpoint or run whose weights the run begins with, or the name of a shipped one; none when empty.
    `start_shared`: it is of another network, of which only tensors of the same name and shape are taken. `precision`:
    Fabric's ("32-true", "bf16-mixed", "16-mixed"). `channels_last`: keep activations and weights pixel by pixel, as
    they are convolved fastest, instead of plane by plane; results differ by rounding. `grid`: store an integer grid
    beside the trained student.
    """

    name: str
    model: str
    model_settings: dict[str, int] = field(default_factory=dict)
    task: TaskSettings = field(default_factory=TaskSettings)
    data: RenderedData = field(default_factory=RenderedData)
    fresh: Fresh = field(default_factory=Fresh)
    augmentation: Augmentation = field(default_factory=Augmentation)
    preprocess: Preprocess = field(default_factory=Preprocess)
    optimisation: Optimisation = field(default_factory=Optimisation)
    monitor: Monitoring = field(default_factory=Monitoring)
    working_width: int = 768
    output_stride: int = 4
    seed: int = 1
    start: str = ""
    start_shared: bool = False
    precision: str = "32-true"
    channels_last: bool = False
    grid: bool = True

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def identity(self) -> str:
        """JSON of everything that decides the numbers of a run."""
        return json.dumps({k: v for k, v in self.to_dict().items() if k != "monitor"}, sort_keys=True)


def require_trainable(recipe: Recipe) -> None:
    """Raise DpocketError for settings with which no training could run, before anything is rendered."""
    size, crop, box = recipe.data.size, recipe.optimisation.crop, recipe.preprocess.box
    counts = {
        "data.count": recipe.data.count,
        "optimisation.steps": recipe.optimisation.steps,
        "optimisation.batch": recipe.optimisation.batch,
        "optimisation.parts": recipe.optimisation.parts,
        "monitor.log_every": recipe.monitor.log_every,
        "monitor.save_every": recipe.monitor.save_every,
        "monitor.scenes": recipe.monitor.scenes,
        "fresh.block": recipe.fresh.block,
        "fresh.blocks": recipe.fresh.blocks,
    }
    for name, count in counts.items():
        if count < 1:
            raise DpocketError(f"'{name}' is {count}; it must be 1 at least")
    if recipe.optimisation.batch % recipe.optimisation.parts:
        raise DpocketError(
            f"'optimisation.parts' is {recipe.optimisation.parts}; it must divide 'optimisation.batch', which is "
            f"{recipe.optimisation.batch}"
        )
    if recipe.fresh.scenes < 0:
        raise DpocketError(f"'fresh.scenes' is {recipe.fresh.scenes}; it must be 0 (a fixed pool) or more")
    task = recipe.task
    if task.softness <= 0 or not 0.0 <= task.absolute <= 1.0:
        raise DpocketError(
            f"'task.softness' is {task.softness} and 'task.absolute' {task.absolute}; the first must be above 0, the "
            "second in 0..1"
        )
    for name in ("relief", "least_alpha"):
        if getattr(task, name) and recipe.fresh.scenes:
            raise DpocketError(
                f"'task.{name}' is {getattr(task, name)}, which draws from a fixed pool; set it or fresh.scenes to 0"
            )
    multiple = form_of(recipe.model).size_multiple
    if crop % multiple or not 0 < crop <= size:
        raise DpocketError(
            f"'optimisation.crop' is {crop}; it must be a multiple of {multiple} up to 'data.size', which is {size}"
        )
    if box % 2 == 0 or not 0 < box < 2 * crop:
        raise DpocketError(f"'preprocess.box' is {box}; it must be odd and less than twice the crop of {crop}")


def override(recipe: Recipe, settings: list[str]) -> Recipe:
    """`recipe` with "name=value" settings applied; nested names use dots ("optimisation.steps=100").

    Raises DpocketError, listing the names that exist, for one that does not or a value of another type.
    """
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise DpocketError(f"--set takes name=value, found '{setting}'")
        recipe = _replace(recipe, name.split("."), text, name)
    return recipe


def _replace(value: Any, path: list[str], text: str, full: str) -> Any:
    names = [f.name for f in dataclasses.fields(value)]
    if path[0] not in names:
        raise DpocketError(f"the recipe has no setting '{full}'; here it has: {', '.join(names)}")
    old = getattr(value, path[0])
    if len(path) > 1:
        if not dataclasses.is_dataclass(old):
            raise DpocketError(f"the setting '{path[0]}' of '{full}' has no parts")
        return dataclasses.replace(value, **{path[0]: _replace(old, path[1:], text, full)})
    return dataclasses.replace(value, **{path[0]: _parsed(old, text, full)})


def _parsed(old: Any, text: str, full: str) -> Any:
    if isinstance(old, str):
        return text
    try:
        new = json.loads(text)
    except ValueError:
        new = None
    number = isinstance(old, float) and isinstance(new, int | float) and not isinstance(new, bool)
    if new is None or (type(new) is not type(old) and not number):
        raise DpocketError(f"'{full}' is a {type(old).__name__}, '{text}' is not one")
    return float(new) if number else new
