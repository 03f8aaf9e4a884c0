"""Bringing an array to a stated layout by moving its axes; a reshape would mix the axes without an error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError


def in_layout(array: NDArray[Any], layout: str, wanted: str, name: str) -> NDArray[np.float64]:
    """`array`, whose axes are the letters of `layout`, with its axes in the order of `wanted`, float64.

    An axis of `wanted` that `layout` lacks is added with size 1. Raises ContractError, calling the array `name`, when
    the letters do not fit: repeated, not among `wanted`, or not as many as the array has axes.
    """
    if len(set(layout)) != len(layout) or not set(layout) <= set(wanted):
        raise ContractError(f"the layout '{layout}' of the {name} is not made of letters of '{wanted}', each once")
    if array.ndim != len(layout):
        raise ContractError(
            f"the {name} has shape {array.shape}, {array.ndim} axes, and its layout '{layout}' names {len(layout)}"
        )
    moved = np.transpose(np.asarray(array, np.float64), [layout.index(axis) for axis in wanted if axis in layout])
    missing = [i for i, axis in enumerate(wanted) if axis not in layout]
    return np.expand_dims(moved, missing)
