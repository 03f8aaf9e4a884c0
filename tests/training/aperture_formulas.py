"""The families of point-spread functions written a second time, with numpy and scipy, for tests to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import dblquad, quad

Array = NDArray[Any]


def swept_disc(u: Array, v: Array, shape: float) -> Array:
    """Counted: in how many of 200 places along its sweep the moved disc still covers (u, v)."""
    places = (np.arange(200) + 0.5) / 200 * (0.6 + 0.25 * shape)
    return ((u[..., None] - places) ** 2 + v[..., None] ** 2 <= 0.25).mean(-1)


def butterworth(u: Array, v: Array, shape: float) -> Array:
    """Order 3, floor 0.1, cutoff at 0.45..0.55 of the diameter from the bright edge; times a ramp."""
    cutoff = 0.45 + 0.1 * shape
    return 0.1 + 0.9 * (u + 0.5) * cutoff**6 / (cutoff**6 + (0.5 - u) ** 6) + 0 * v


FORMULAS: dict[str, Callable[[Array, Array, float], Array]] = {
    "half_disc": lambda u, v, shape: np.clip(u / (0.01 + 0.1 * shape), -0.5, 0.5) + 0.5 + 0 * v,
    "ramp_disc": lambda u, v, shape: 0.5 + u + 0 * v,
    "swept_disc": swept_disc,
    "butterworth": butterworth,
}


def grid_weights(family: str, left: float, right: float, samples: int = 64) -> tuple[Array, Array]:
    """(axis (N,), weights (2, N, N) over (view, v, u)) of both views, on a square grid of its own."""
    axis = (np.arange(samples) + 0.5) / samples - 0.5
    v, u = np.meshgrid(axis, axis, indexing="ij")
    formula = FORMULAS[family]
    both = np.stack([formula(u, v, left), formula(-u, v, right)]) * (u**2 + v**2 <= 0.25)
    return axis, both / both.sum((1, 2), keepdims=True)


def alpha_of_swept_disc(shape: float) -> float:
    """Two discs of diameter 1 at a distance s share a lens of known area, centred halfway between them."""

    def shared(s: float) -> float:
        return 0.5 * math.acos(s) - 0.5 * s * math.sqrt(1 - s * s)

    sweep = 0.6 + 0.25 * shape
    return 2 * quad(lambda s: shared(s) * s / 2, 0, sweep)[0] / quad(shared, 0, sweep)[0]


def alpha_by_integration(family: str, shape: float) -> float:
    """Twice the centroid of one view, by adaptive quadrature over the disc."""
    formula = FORMULAS[family]

    def moment(order: int) -> float:
        edge = (lambda u: -math.sqrt(0.25 - u * u), lambda u: math.sqrt(0.25 - u * u))
        return float(
            dblquad(lambda v, u: u**order * float(formula(np.float64(u), np.float64(v), shape)), -0.5, 0.5, *edge)[0]
        )

    return 2 * moment(1) / moment(0)
