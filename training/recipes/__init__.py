"""Recipes by name: an experiment is one function returning a frozen `Recipe`, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from runtime_py.errors import DpocketError
from training.recipes.base import Recipe, override
from training.recipes.pocket import pocket

RECIPES: Mapping[str, Callable[[], Recipe]] = MappingProxyType({"pocket": pocket})

__all__ = ["RECIPES", "Recipe", "override", "recipe"]


def recipe(name: str, settings: list[str] | None = None) -> Recipe:
    """The recipe `name` with `settings` ("name=value") applied."""
    if name not in RECIPES:
        raise DpocketError(f"no recipe is called '{name}'; known are: {', '.join(RECIPES)}")
    return override(RECIPES[name](), settings or [])
