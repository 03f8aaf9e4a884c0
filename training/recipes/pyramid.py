"""The student with confidence and wide surroundings: `PyramidStudent` on rendered scenes, hours on two CPU cores."""

from __future__ import annotations

from training.data.rendered import RenderedData
from training.recipes.base import Optimisation, Recipe


def pyramid() -> Recipe:
    """60,000 steps of 8 crops of 256 px, so that a crop holds 4×4 of the coarsest cells, from 12,000 rendered scenes.

    Nothing trained by it ships yet.
    """
    return Recipe(
        name="pyramid",
        model="pyramid",
        data=RenderedData(size=288),
        optimisation=Optimisation(steps=60000, batch=8, crop=256),
        working_width=1008,
    )
