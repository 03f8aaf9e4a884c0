"""Networks by name: adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from runtime_py.errors import DpocketError
from training.models.pocket import PocketStudent

MODELS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType({"pocket": PocketStudent})


def build(name: str, **settings: int) -> nn.Module:
    """The network `name` with freshly initialised weights; raises DpocketError listing the known names."""
    if name not in MODELS:
        raise DpocketError(f"no network is called '{name}'; known are: {', '.join(MODELS)}")
    return MODELS[name](**settings)
