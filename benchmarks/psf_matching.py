"""A matcher that knows the point-spread functions, in numpy only: pictures are compared after being blurred alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Array = NDArray[Any]


def transfer(axis: Array, weights: Array, coc: float, size: tuple[int, int]) -> Array:
    """(V, H, W // 2 + 1) Fourier transform of `weights` (V, v, u), given on `axis` × `axis`, scaled by `coc` px."""
    fy, fx = np.fft.fftfreq(size[0]), np.fft.rfftfreq(size[1])
    along_x = np.exp(-2j * np.pi * coc * axis[:, None] * fx)
    along_y = np.exp(-2j * np.pi * coc * axis[:, None] * fy)
    return np.asarray(np.einsum("ky,vkl,lx->vyx", along_y, weights, along_x, optimize=True))


def modelled_disparity(left: Array, right: Array, axis: Array, weights: Array, reach: float = 6.0) -> float:
    """d (px) of two *periodic* pictures of one wall: the d at which left * K_R(d) is most like right * K_L(d)."""
    first, second = (np.fft.rfft2(np.asarray(view, np.float64) - view.mean()) for view in (left, right))
    centroids = (weights * axis).sum((1, 2))
    alpha = centroids[0] - centroids[1]

    def misfit(d: float) -> float:
        of_left, of_right = transfer(axis, weights, d / alpha, left.shape)
        one, other = first * of_right, second * of_left
        return float((np.abs(one - other) ** 2).sum() / (np.abs(one) ** 2 + np.abs(other) ** 2).sum())

    coarse = min(np.arange(-reach, reach + 0.1, 0.25), key=misfit)
    found = minimize_scalar(misfit, bounds=(coarse - 0.25, coarse + 0.25), method="bounded", options={"xatol": 1e-4})
    return float(found.x)
