"""Quality of rendered views against true ones: PSNR and SSIM, per view, with the mean and the worst view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError
from runtime_py.metrics.layout import in_layout
from runtime_py.metrics.vectors import Vector

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def psnr(prediction: NDArray[Any], truth: NDArray[Any], *, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB: 10·log10(range² / mean squared error); infinity for equal images.

    Images of any shape, all values alike. `data_range` is the distance from black to white: 1, 255, 65535, …
    """
    p, d = _images(prediction, truth, data_range)
    error = float(np.mean((p - d) ** 2))
    return float(10 * np.log10(data_range**2 / error)) if error > 0 else float("inf")


def ssim(prediction: NDArray[Any], truth: NDArray[Any], *, data_range: float) -> float:
    """Structural similarity in −1..1 (Wang et al., IEEE TIP 13(4), 2004, equation 13), mean over the image.

    Images H×W or H×W×C (mean over channels), at least 11×11. Gaussian window of 11×11 with σ = 1.5, C₁ = (0.01·range)²,
    C₂ = (0.03·range)², only at places where the window lies inside. This is not the (1 + SSIM)/2 that some codes print.
    """
    p, d = _images(prediction, truth, data_range)
    if p.ndim not in (2, 3) or min(p.shape[:2]) < WINDOW:
        raise ContractError(f"SSIM needs images H×W or H×W×C of at least {WINDOW}×{WINDOW}; these are {p.shape}")
    mean_p, mean_d = _blur(p), _blur(d)
    var_p, var_d = _blur(p * p) - mean_p**2, _blur(d * d) - mean_d**2
    covariance = _blur(p * d) - mean_p * mean_d
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance = (2 * mean_p * mean_d + c1) / (mean_p**2 + mean_d**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (var_p + var_d + c2)))


VIEW_METRICS: dict[str, Callable[..., float]] = {"psnr": psnr, "ssim": ssim}
"""Metrics of one view: f(prediction, truth, data_range=…), larger is better."""


@dataclass(frozen=True)
class ViewScores:
    """One figure per view. `views` are their (row, column) places in the grid; larger values are better."""

    views: tuple[tuple[int, int], ...]
    values: Vector

    @property
    def mean(self) -> float:
        """Mean over views; infinite when a PSNR is."""
        return float(np.mean(self.values))

    @property
    def worst(self) -> tuple[tuple[int, int], float]:
        """Place and value of the worst view."""
        index = int(np.argmin(self.values))
        return self.views[index], float(self.values[index])


def score_views(
    prediction: NDArray[Any], truth: NDArray[Any], *, data_range: float, layout: str = "UVHWC"
) -> dict[str, ViewScores]:
    """Every metric of `VIEW_METRICS` on every view of a light field.

    `layout` names the axes of both arrays: U row and V column of the view, H, W and C of the picture, in any order;
    an axis that is left out has size 1. Raises ContractError for a layout that does not fit or different shapes.
    """
    p, d = (in_layout(a, layout, "UVHWC", name) for a, name in ((prediction, "prediction"), (truth, "truth")))
    if p.shape != d.shape:
        raise ContractError(f"the predicted views are {np.shape(prediction)} and the true ones {np.shape(truth)}")
    places = tuple((u, v) for u in range(p.shape[0]) for v in range(p.shape[1]))
    return {
        name: ViewScores(places, np.array([metric(p[place], d[place], data_range=data_range) for place in places]))
        for name, metric in VIEW_METRICS.items()
    }


def _images(prediction: NDArray[Any], truth: NDArray[Any], data_range: float) -> tuple[Vector, Vector]:
    # Integers become float64 before any difference: uint8 would wrap around.
    p, d = (np.asarray(a, np.float64) for a in (prediction, truth))
    if p.shape != d.shape or p.size == 0:
        raise ContractError(f"the prediction is {p.shape} and the truth {d.shape}; give images of one shape")
    if not (np.isfinite(p).all() and np.isfinite(d).all()):
        raise ContractError("an image has values that are NaN or infinite; PSNR and SSIM need all of them")
    if not data_range > 0:
        raise ContractError(f"the data range is {data_range}; it is white minus black, a positive number")
    return p, d


def _blur(image: Vector) -> Vector:
    """The Gaussian mean of an image (H, W first), at places where the window lies inside: H − 10 by W − 10."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    taps = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    taps /= taps.sum()
    rows, columns = (n - WINDOW + 1 for n in image.shape[:2])
    down = sum(tap * image[k : k + rows] for k, tap in enumerate(taps))
    return np.asarray(sum(tap * down[:, k : k + columns] for k, tap in enumerate(taps)))
