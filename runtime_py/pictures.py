"""Pictures for people: disparity with a signed scale in pixels, views, and maps of deviation, as PNG bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = "RdBu_r"
"""Warm is nearer than the focus plane, cold is beyond it, white is in focus."""


def disparity_png(disparity: NDArray[np.floating[Any]], title: str, limit: float | None = None) -> bytes:
    """A signed disparity map (px) in colours with a scale bar centred on zero; `limit` px at both ends.

    Without `limit` the 99.5th percentile of |disparity| is taken, so that one outlier does not bleach the picture.
    """
    reach = limit or max(0.1, float(np.percentile(np.abs(disparity), 99.5)))
    label = f"disparity x_left − x_right, px at {disparity.shape[1]} px width\n(+ nearer than focus, − beyond)"
    return _mapped(disparity, reach, title, label)


def deviation_png(deviation: NDArray[np.floating[Any]], title: str) -> bytes:
    """A signed map of deviation between two runtimes, px."""
    reach = max(1e-6, float(np.abs(deviation).max()))
    return _mapped(deviation, reach, title, "deviation from the reference, px")


def view_png(view: NDArray[np.floating[Any]], longest: int = 768) -> bytes:
    """A linear view as a person would see it: bright end at the 99.5th percentile, gamma 2.2, at most `longest` px."""
    import cv2

    shown = np.clip(view / max(float(np.percentile(view, 99.5)), 1e-6), 0.0, 1.0) ** (1 / 2.2)
    scale = min(1.0, longest / max(shown.shape))
    size = (round(shown.shape[1] * scale), round(shown.shape[0] * scale))
    small = cv2.resize(shown.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".png", (small * 255 + 0.5).astype(np.uint8))[1])


def _mapped(values: NDArray[np.floating[Any]], reach: float, title: str, label: str) -> bytes:
    from matplotlib.figure import Figure

    height, width = values.shape
    figure = Figure(figsize=(8.0, 8.0 * height / width * 0.82 + 0.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(values, cmap=COLOURS, vmin=-reach, vmax=reach, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize=11)
    figure.colorbar(picture, ax=axes, label=label, fraction=0.046, pad=0.02, format="%+.3g")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "dpocket"})
    return buffer.getvalue()
