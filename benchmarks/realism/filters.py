"""Linear filters on float64 pictures, borders mirrored without repeating the edge sample."""

from __future__ import annotations

import numpy as np

from benchmarks.realism.pairs import Array


def gaussian(picture: Array, sigma: float) -> Array:
    """Blurred by a Gaussian of `sigma` px."""
    import cv2

    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float64)


def box_mean(picture: Array, side: int) -> Array:
    """Means over squares of `side` px."""
    import cv2

    return np.asarray(cv2.blur(picture, (side, side)), np.float64)


def correlated(picture: Array, kernel: Array) -> Array:
    """Correlation with a kernel of odd size, where it lies wholly inside."""
    import cv2

    margin = kernel.shape[0] // 2
    whole = np.asarray(cv2.filter2D(picture, cv2.CV_64F, kernel), np.float64)
    return whole[margin:-margin, margin:-margin]
