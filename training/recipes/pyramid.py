"""The student that ships: `PyramidStudent` on rendered scenes, from a trained `PocketStudent`."""

from __future__ import annotations

from training.data.rendered import RenderedData
from training.recipes.base import Optimisation, Recipe, TaskSettings


def pyramid() -> Recipe:
    """Crops of 256 px, so that one holds 8×8 of the coarsest cells, drawn from scenes with relief rather than without.

    Which of these choices help is in RESULTS.md ("what made the student better").
    """
    return Recipe(
        name="pyramid",
        model="pyramid",
        task=TaskSettings(softness=0.2, absolute=0.3, relief=0.5),
        data=RenderedData(count=7800, size=288),
        optimisation=Optimisation(steps=36000, batch=4, crop=256, learning_rate=1e-3),
        working_width=1280,
        start="pocket",
        start_shared=True,
        precision="bf16-mixed",
        channels_last=True,
    )
