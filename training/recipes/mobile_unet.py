"""Seed 1's network (Garg et al., ICCP 2024) on our data, to compare with: `MobileUNet` by its own task, and by ours."""

from __future__ import annotations

from training.data.rendered import RenderedData
from training.recipes.base import Optimisation, Recipe
from training.tasks.explicit import Explicit

OPTIMISATION = Optimisation(steps=8000, batch=16, crop=224, learning_rate=1e-3)
"""Crops as in the paper; AdamW from random weights in place of RMSprop from ImageNet's."""


def mobile_unet() -> Recipe:
    """From the truth of rendered scenes and dual pixels alone, so that it can be scored beside ours."""
    return Recipe(
        name="mobile-unet",
        model="mobile_unet",
        model_settings={"channels": 2},
        data=RenderedData(size=272),
        optimisation=OPTIMISATION,
        working_width=1008,
        output_stride=1,
        channels_last=True,
        grid=False,
    )


def mobile_unet_explicit() -> Recipe:
    """As the paper has it: five channels, taught by stereo; with `task.inputs` dp and mono it takes 2 and 3."""
    return Recipe(
        name="mobile-unet-explicit",
        model="mobile_unet",
        model_settings={"channels": 5},
        task=Explicit(inputs="rgb_dp"),
        data=RenderedData(count=2000, size=272),
        optimisation=OPTIMISATION,
        working_width=1008,
        output_stride=1,
        channels_last=True,
        grid=False,
    )
