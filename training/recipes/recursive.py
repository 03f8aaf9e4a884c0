"""Seed 2's three stages, at a width that a CPU trains; the paper's is `--set 'model_settings={"width": 64}'`."""

from __future__ import annotations

from training.data.rendered import RenderedData
from training.distill.stages import STAGES
from training.models.mono_net import SMALL_WIDTH
from training.recipes.base import Optimisation, Recipe
from training.tasks.recursive import Recursive


def recursive_1() -> Recipe:
    """Mono-Net alone."""
    return _stage(1)


def recursive_2() -> Recipe:
    """Both networks; `start` is the folder of a run of `recursive-1`."""
    return _stage(2)


def recursive_3() -> Recipe:
    """Both networks with distillation; `start` is the folder of a run of `recursive-2`."""
    return _stage(3)


def _stage(stage: int) -> Recipe:
    return Recipe(
        name=f"recursive-{stage}",
        model="mono_stereo",
        model_settings={"width": SMALL_WIDTH},
        task=Recursive(stage=stage, weights=STAGES[stage]),
        data=RenderedData(count=2000, size=160),
        optimisation=Optimisation(
            steps=8000, batch=8, crop=128, learning_rate=1e-4, weight_decay=0.0, warmup=0.0, schedule="halving"
        ),
        working_width=512,
        output_stride=1,
        grid=False,
    )
