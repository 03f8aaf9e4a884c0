"""The student that ships: `PocketStudent` on rendered scenes, about half an hour on two CPU cores."""

from __future__ import annotations

from training.recipes.base import Recipe


def pocket() -> Recipe:
    """16,000 steps of 16 crops of 160 px from 12,000 rendered scenes.

    The working width was chosen after training, on real captures (RESULTS.md, "working width").
    """
    return Recipe(name="pocket", model="pocket", working_width=1008)
