"""From a linear view to a network input: working width and removal of the local mean.

Computed in float64 in a stated order (`resize.py`, `exact.py`) and rounded to float32 once per function, so that every
device makes the same bits of the same samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.exact import box_mean, mean_in_order, natural_log
from runtime_py.captures.resize import enlarge, shrink
from runtime_py.contract import Preprocess
from runtime_py.errors import ContractError

SMALLEST_FLOOR = 1e-6
"""The logarithm of a black sample is that of the contract's floor, which therefore must be above 0."""


def resize_to_width(view: NDArray[Any], width: int) -> NDArray[np.float32]:
    """`view` (H×W) at `width` pixels, float32, height rounded (half to even) to keep the aspect.

    Shrinking averages areas, which keeps a shifted copy a shifted copy; enlarging interpolates linearly.
    """
    view = np.ascontiguousarray(view, np.float32)
    if view.shape[1] == width:
        return view
    height = max(1, round(view.shape[0] * width / view.shape[1]))
    resized = shrink if width < view.shape[1] else enlarge
    return resized(view, height, width).astype(np.float32)


def preprocess(view: NDArray[Any], settings: Preprocess) -> NDArray[np.float32]:
    """One linear view (H×W, at the working width) to the network's input, float32 H×W within ±limit.

    `clip(gain · (g - box(g)), ±limit)` with `g = log(x / mean(x) + floor)`, the mean over the whole view and the box
    mean mirrored at the borders without repeating the edge sample. Negative samples (noise below black) count as 0.
    Raises ContractError for a view that is black everywhere, and for settings without a box or floor.
    """
    if settings.box < 1 or not settings.floor >= SMALLEST_FLOOR:
        raise ContractError(
            f"a box of {settings.box} px and a floor of {settings.floor} leave no logarithm or no mean; "
            f"the box is at least 1 and the floor {SMALLEST_FLOOR:g}: correct the contract"
        )
    light = np.maximum(np.asarray(view, np.float32), np.float32(0))
    mean = mean_in_order(light)
    if not mean > 0:
        raise ContractError(
            "a view is black everywhere: nothing is left of it to find disparity in; check its black level"
        )
    g = natural_log(light.astype(np.float64) / mean + settings.floor)
    signal = (g - box_mean(g, settings.box)) * settings.gain
    return np.clip(signal, -settings.limit, settings.limit).astype(np.float32)
