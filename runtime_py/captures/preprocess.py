"""From a linear view to a network input: working width and removal of the local mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.contract import Preprocess
from runtime_py.errors import ContractError


def resize_to_width(view: NDArray[Any], width: int) -> NDArray[np.float32]:
    """`view` (H×W) at `width` pixels, float32, height rounded to keep the aspect.

    Shrinking averages areas, which keeps a shifted copy a shifted copy; enlarging interpolates linearly.
    """
    import cv2

    view = np.ascontiguousarray(view, np.float32)
    if view.shape[1] == width:
        return view
    height = max(1, round(view.shape[0] * width / view.shape[1]))
    method = cv2.INTER_AREA if width < view.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(view, (width, height), interpolation=method), np.float32)


def preprocess(view: NDArray[Any], settings: Preprocess) -> NDArray[np.float32]:
    """One linear view (H×W, at the working width) to the network's input, float32 H×W within ±limit.

    `clip(gain · (g - box(g)), ±limit)` with `g = log(x / mean(x) + floor)`, the mean over the whole view and the box
    mean mirrored at the borders without repeating the edge sample. Negative samples (noise below black) count as 0.
    Raises ContractError for a view that is black everywhere.
    """
    import cv2

    light = np.maximum(np.asarray(view, np.float32), np.float32(0))
    mean = float(light.mean(dtype=np.float64))
    if not mean > 0:
        raise ContractError(
            "a view is black everywhere: nothing is left of it to find disparity in; check its black level"
        )
    g = np.log(light / np.float32(mean) + np.float32(settings.floor))
    local = cv2.blur(g, (settings.box, settings.box), borderType=cv2.BORDER_REFLECT_101)
    limit = np.float32(settings.limit)
    return np.asarray(np.clip((g - local) * np.float32(settings.gain), -limit, limit), np.float32)
