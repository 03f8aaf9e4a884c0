"""Recipes by name: an experiment is one function returning a frozen `Recipe`, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from runtime_py.errors import DpocketError
from training.recipes.base import Recipe, override
from training.recipes.explicit import explicit
from training.recipes.mobile_unet import mobile_unet, mobile_unet_explicit
from training.recipes.pocket import pocket
from training.recipes.pyramid import pyramid
from training.recipes.pyramid_int8 import pyramid_int8
from training.recipes.recursive import recursive_1, recursive_2, recursive_3

RECIPES: Mapping[str, Callable[[], Recipe]] = MappingProxyType(
    {
        "pocket": pocket,
        "pyramid": pyramid,
        "pyramid-int8": pyramid_int8,
        "explicit": explicit,
        "mobile-unet": mobile_unet,
        "mobile-unet-explicit": mobile_unet_explicit,
        "recursive-1": recursive_1,
        "recursive-2": recursive_2,
        "recursive-3": recursive_3,
    }
)

__all__ = ["RECIPES", "Recipe", "override", "recipe"]


def recipe(name: str, settings: list[str] | None = None) -> Recipe:
    """The recipe `name` with `settings` ("name=value") applied."""
    if name not in RECIPES:
        raise DpocketError(f"no recipe is called '{name}'; known are: {', '.join(RECIPES)}")
    return override(RECIPES[name](), settings or [])
