"""Turning captures so that the dual-pixel axis lies horizontally, and results back.

On a vertical axis disparity is y_left - y_right. A quarter turn counter-clockwise takes row y to column y, so that it
becomes x_left - x_right, with the views as they were and the sign as it was. The clockwise turn takes row y to column
height - 1 - y: it would negate every disparity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture


def views(capture: DPCapture) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Left and right view with a horizontal dual-pixel axis (turned counter-clockwise if it was vertical)."""
    if capture.dp_axis == "horizontal":
        return capture.left, capture.right
    return np.ascontiguousarray(np.rot90(capture.left)), np.ascontiguousarray(np.rot90(capture.right))


def as_stored(capture: DPCapture, disparity: NDArray[Any]) -> NDArray[Any]:
    """A map computed on `views(capture)`, turned back to the orientation of the capture's own views."""
    if capture.dp_axis == "horizontal":
        return disparity
    return np.ascontiguousarray(np.rot90(disparity, -1))
