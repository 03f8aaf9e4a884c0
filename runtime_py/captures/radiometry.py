"""From stored samples to linear light: tone curve, luminance of the two greens and square pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import CaptureError

GAMMA = 2.2
"""Exponent assumed for 8-bit pictures that state no curve."""

LUMINANCE = np.array([0.25, 0.5, 0.25], np.float32)
"""Weights of blue, green, red: a Bayer cell has two greens, and the noise of a sum falls with the samples in it."""


def linear_from_gamma(stored: NDArray[Any], white: float, gamma: float = GAMMA) -> NDArray[np.float32]:
    """Stored samples (H×W or H×W×3, B, G, R) to linear luminance, float32 H×W: `((v / white) ** gamma) · LUMINANCE`."""
    relative: NDArray[np.float32] = (stored.astype(np.float32) / np.float32(white)) ** np.float32(gamma)
    return luminance(relative)


def linear_from_counts(stored: NDArray[Any], black: float, white: float) -> NDArray[np.float64]:
    """Sensor counts to `max(0, (v - black) / (white - black))`, float64; clipped highlights may exceed 1."""
    linear: NDArray[np.float64] = np.clip((stored.astype(np.float64) - black) / (white - black), 0, None)
    return linear


def luminance(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """One plane from linear B, G, R; an alpha channel is ignored and a single plane comes back as it is."""
    if linear.ndim == 2:
        return linear
    if linear.shape[2] == 1:
        return linear[..., 0]
    if linear.shape[2] == 2:
        raise CaptureError("a picture with two channels is neither grey nor colour; export the view as grey")
    plane: NDArray[np.float32] = linear[..., :3] @ LUMINANCE
    return plane


def count_levels(stored: NDArray[Any]) -> int:
    """Distinct values in a stored uint8 or uint16 picture, in its middle channel where it has several.

    Counted before channels are mixed and rows stretched, which would make new values.
    """
    plane = stored if stored.ndim == 2 else stored[..., stored.shape[2] // 2]
    return int(np.count_nonzero(np.bincount(plane.ravel(), minlength=1)))


def square_pixels(view: NDArray[np.float32], aspect: float) -> NDArray[np.float32]:
    """`view` with its rows stretched by `aspect` (height of a stored pixel over its width).

    A whole number repeats rows, which keeps every sample as measured; other aspects interpolate linearly.
    """
    if aspect == 1:
        return view
    if float(aspect).is_integer():
        return np.repeat(view, int(aspect), axis=0)
    import cv2

    height, width = view.shape
    return np.asarray(cv2.resize(view, (width, round(height * aspect)), interpolation=cv2.INTER_LINEAR), np.float32)
