"""`Figures`: what a loss has to say beside its value."""

from __future__ import annotations

from torch import Tensor

Figures = dict[str, Tensor]
"""Detached scalars by name, on the device of the loss: who logs them turns them into floats, which waits for a GPU."""


def prefixed(prefix: str, figures: Figures) -> Figures:
    """The same figures under "prefix/name"."""
    return {f"{prefix}/{name}": value for name, value in figures.items()}
