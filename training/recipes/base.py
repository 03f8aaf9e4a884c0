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
from training.models.pocket import SIZE_MULTIPLE


@dataclass(frozen=True)
class Optimisation:
    """AdamW with a one-cycle learning rate, gradients clipped to `clip`, weights averaged with decay `ema`."""

    steps: int = 16000
    batch: int = 16
    crop: int = 160
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warmup: float = 0.05
    clip: float = 1.0
    ema: float = 0.999


@dataclass(frozen=True)
class Recipe:
    """An experiment. `working_width` is the image width in px at which the student is meant to be used."""

    name: str
    model: str
    model_settings: dict[str, int] = field(default_factory=dict)
    data: RenderedData = field(default_factory=RenderedData)
    augmentation: Augmentation = field(default_factory=Augmentation)
    preprocess: Preprocess = field(default_factory=Preprocess)
    optimisation: Optimisation = field(default_factory=Optimisation)
    working_width: int = 768
    output_stride: int = 4
    seed: int = 1

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def require_trainable(recipe: Recipe) -> None:
    """Raise DpocketError for settings with which no training could run, before anything is rendered."""
    size, crop, box = recipe.data.size, recipe.optimisation.crop, recipe.preprocess.box
    counts = {
        "data.count": recipe.data.count,
        "optimisation.steps": recipe.optimisation.steps,
        "optimisation.batch": recipe.optimisation.batch,
    }
    for name, count in counts.items():
        if count < 1:
            raise DpocketError(f"'{name}' is {count}; it must be 1 at least")
    if crop % SIZE_MULTIPLE or not 0 < crop <= size:
        raise DpocketError(
            f"'optimisation.crop' is {crop}; it must be a multiple of {SIZE_MULTIPLE} "
            f"up to 'data.size', which is {size}"
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
