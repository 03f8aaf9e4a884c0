"""Seed 1's distillation, made explicit: a stereo teacher labels what the three phones of a rig see."""

from __future__ import annotations

from training.data.rendered import RenderedData
from training.recipes.base import Optimisation, Recipe
from training.tasks.explicit import Explicit


def explicit() -> Recipe:
    """Semi-global matching of neighbouring phones teaches a dual-pixel student, which a pair keeps to its pixels."""
    return Recipe(
        name="explicit",
        model="pocket",
        task=Explicit(photometric=1.0, smoothness=0.1, output=0.2),
        data=RenderedData(count=2000, size=208),
        optimisation=Optimisation(steps=8000, batch=16, crop=160),
        working_width=1008,
    )
