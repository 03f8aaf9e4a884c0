"""The student that ships, trained on in the integers of its artifacts."""

from __future__ import annotations

from training.data.rendered import RenderedData
from training.recipes.base import Optimisation, Recipe
from training.tasks.quantised import Quantised


def pyramid_int8() -> Recipe:
    """From the float `pyramid`, on the scenes whose cameras tell their halves well apart, held half to the truth and
    half to what the float student answers. Why these numbers: RESULTS.md, "Quantised training".
    """
    return Recipe(
        name="pyramid-int8",
        model="pyramid",
        task=Quantised(softness=0.2, absolute=0.3, relief=0.7, least_alpha=0.13, float_share=0.5),
        data=RenderedData(count=7800, size=288),
        optimisation=Optimisation(steps=6000, batch=4, crop=256, learning_rate=4e-4),
        working_width=1280,
        start="pyramid",
        channels_last=True,
    )
