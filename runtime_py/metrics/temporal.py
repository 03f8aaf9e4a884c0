"""Flicker of a video of views: what a frame differs from the next one by, once motion is taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError
from runtime_py.metrics.layout import in_layout
from runtime_py.metrics.vectors import Vector


@dataclass(frozen=True)
class TemporalError:
    """Flow-warped error per view, in units of the frames; smaller is better."""

    per_view: Vector

    @property
    def mean(self) -> float:
        """Mean over views."""
        return float(np.mean(self.per_view))

    @property
    def worst(self) -> tuple[int, float]:
        """Index and error of the view that flickers most."""
        index = int(np.argmax(self.per_view))
        return index, float(self.per_view[index])


def flow_warped_error(
    frames: NDArray[Any],
    flow: NDArray[Any],
    valid: NDArray[Any] | None = None,
    *,
    layout: str = "TVHWC",
    flow_layout: str = "TVHWF",
) -> TemporalError:
    """Mean absolute difference between frame t and frame t + 1 warped back to t, per view.

    frames: axes named by `layout`, in any order: T time, V view, H, W, C; an axis that is left out has size 1.
    flow: axes named by `flow_layout`, T of one fewer than the frames', V as theirs, F of 2: motion in pixels from t
    to t + 1, (right, down), of the point seen at that pixel of frame t. valid: (T − 1, V, H, W) weights, 0 where a
    point is hidden in frame t + 1 or its flow unknown. Points that leave the frame never count. The warp is bilinear.
    Raises ContractError for shapes that do not fit and for a view without any pixel to compare.
    """
    frames_TVHWC = in_layout(frames, layout, "TVHWC", "video")
    flow_TVHWF = in_layout(flow, flow_layout, "TVHWF", "flow")
    T, V, H, W, _ = frames_TVHWC.shape
    if T < 2 or flow_TVHWF.shape != (T - 1, V, H, W, 2):
        raise ContractError(
            f"a video of {T} frames (two at least), {V} views and {H}×{W} pixels needs a flow of "
            f"{(T - 1, V, H, W, 2)}; this one is {flow_TVHWF.shape} once its axes '{flow_layout}' are in order TVHWF"
        )
    mask_TVHW = np.ones((T - 1, V, H, W)) if valid is None else np.asarray(valid, np.float64)
    if mask_TVHW.shape != (T - 1, V, H, W) or not mask_TVHW.min() >= 0:
        raise ContractError(f"valid is {mask_TVHW.shape}; it should be {(T - 1, V, H, W)}, none of it negative")
    error, weight = np.zeros(V), np.zeros(V)
    for t in range(T - 1):
        for v in range(V):
            warped_HWC, inside_HW = warp_back(frames_TVHWC[t + 1, v], flow_TVHWF[t, v])
            counted_HW = mask_TVHW[t, v] * inside_HW
            error[v] += np.sum(counted_HW * np.mean(np.abs(warped_HWC - frames_TVHWC[t, v]), axis=-1))
            weight[v] += np.sum(counted_HW)
    if not weight.min() > 0:
        raise ContractError(f"view {int(weight.argmin())} has no pixel that is valid and stays inside the frame")
    return TemporalError(error / weight)


def warp_back(image_HWC: Vector, flow_HWF: Vector) -> tuple[Vector, NDArray[np.bool_]]:
    """Bilinear samples of `image_HWC` at x + flow (right, down), and where those places lie inside the image."""
    height, width = image_HWC.shape[:2]
    rows, columns = np.indices((height, width), np.float64)
    x, y = columns + flow_HWF[..., 0], rows + flow_HWF[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = (1 - across) * image_HWC[top, left] + across * image_HWC[top, right]
    lower = (1 - across) * image_HWC[bottom, left] + across * image_HWC[bottom, right]
    return np.asarray((1 - down) * upper + down * lower), inside
