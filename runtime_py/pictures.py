"""Pictures for people: disparity with a signed scale in pixels, confidence, views, deviations, as PNG bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = "RdBu_r"
"""Warm is nearer than the focus plane, cold is beyond it, white is in focus."""

CONFIDENCE_COLOURS = "cividis"
"""Yellow is certain, blue is not."""


def disparity_png(disparity: NDArray[np.floating[Any]], title: str, limit: float | None = None) -> bytes:
    """A signed disparity map (px) in colours with a scale bar centred on zero; `limit` px at both ends.

    Without `limit` the 99.5th percentile of |disparity| is taken, so that one outlier does not bleach the picture.
    """
    reach = limit or max(0.1, float(np.percentile(np.abs(disparity), 99.5)))
    label = f"disparity x_left − x_right, px at {disparity.shape[1]} px width\n(+ nearer than focus, − beyond)"
    return _mapped(disparity, (-reach, reach), title, label)


def confidence_png(confidence: NDArray[np.floating[Any]], title: str, within_px: float | None = None) -> bytes:
    """A map of confidence in colours from 0 to 1; `within_px` is that of the contract, for the scale bar."""
    error = "" if within_px is None else f"\n|error| ≤ {within_px:g} px of the working width"
    return _mapped(confidence, (0.0, 1.0), title, f"confidence: probability that the disparity is right{error}")


def deviation_png(deviation: NDArray[np.floating[Any]], title: str, unit: str = "px") -> bytes:
    """A signed map of deviation between two runtimes, in `unit` ("1" for a plain number)."""
    reach = max(1e-6, float(np.abs(deviation).max()))
    label = "deviation from the reference" + ("" if unit == "1" else f", {unit}")
    return _mapped(deviation, (-reach, reach), title, label)


def view_png(view: NDArray[np.floating[Any]], longest: int = 768) -> bytes:
    """A linear view as a person would see it: bright end at the 99.5th percentile, gamma 2.2, at most `longest` px."""
    import cv2

    shown = np.clip(view / max(float(np.percentile(view, 99.5)), 1e-6), 0.0, 1.0) ** (1 / 2.2)
    scale = min(1.0, longest / max(shown.shape))
    size = (round(shown.shape[1] * scale), round(shown.shape[0] * scale))
    small = cv2.resize(shown.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".png", (small * 255 + 0.5).astype(np.uint8))[1])


def _mapped(values: NDArray[np.floating[Any]], ends: tuple[float, float], title: str, label: str) -> bytes:
    """Values in colours between `ends`: diverging ones where zero is in the middle."""
    from matplotlib.figure import Figure

    height, width = values.shape
    figure = Figure(figsize=(8.0, 8.0 * height / width * 0.82 + 0.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    is_signed = ends[0] < 0
    colours = COLOURS if is_signed else CONFIDENCE_COLOURS
    picture = axes.imshow(values, cmap=colours, vmin=ends[0], vmax=ends[1], interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize=11)
    figure.colorbar(picture, ax=axes, label=label, fraction=0.046, pad=0.02, format="%+.3g" if is_signed else "%.3g")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "dpocket"})
    return buffer.getvalue()
