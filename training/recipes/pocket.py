"""The student that ships: `PocketStudent` on rendered scenes, about half an hour on two CPU cores."""

from __future__ import annotations

from training.recipes.base import Recipe


def pocket() -> Recipe:
    """16,000 steps of 16 crops of 160 px from 12,000 rendered scenes."""
    return Recipe(name="pocket", model="pocket")
