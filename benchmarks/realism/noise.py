"""Sensor noise against level, from the difference of two matched views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.realism.filters import correlated
from benchmarks.realism.pairs import Array, Mask

LAPLACIAN = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])
"""Blind to planes; white noise of deviation s comes out with 6 s (Immerkær, CVIU 1996)."""


@dataclass(frozen=True)
class NoiseLaw:
    """variance = light / electrons + (read / electrons)²: `electrons` at the white level, `read` in electrons.

    Where no shot noise was found, `electrons` is infinite and `read` in units of white."""

    electrons: float
    read: float


def level_and_sigma(left: Array, right: Array) -> tuple[float, float, float]:
    """Mean of the left block, deviation of the noise in one view, and correlation of neighbouring noise.

    The matched block of the right view takes the structure away; what differs smoothly (gain, a rest of disparity on
    blurred structure) is taken away by the Laplacian. The deviation assumes white noise.
    """
    light = float(left.mean())
    gain = light / max(float(right.mean()), 1e-9)
    difference = left - gain * right
    rough = correlated(difference, LAPLACIAN)
    sigma = float(np.sqrt(np.pi / 2) / 6 * np.mean(np.abs(rough)) / np.sqrt(1 + gain))
    return light, sigma, _neighbours(difference)


def _neighbours(difference: Array) -> float:
    """Correlation of horizontally and vertically neighbouring values, a plane taken away; NaN where nothing differs."""
    h, w = difference.shape
    y, x = np.mgrid[:h, :w]
    plane = np.stack([np.ones(h * w), y.ravel() - (h - 1) / 2, x.ravel() - (w - 1) / 2], 1)
    flat = difference.ravel()
    rest = (flat - plane @ (plane.T @ flat / np.sum(plane**2, 0))).reshape(h, w)
    variance = float(np.mean(rest**2))
    if variance < 1e-16:
        return float("nan")
    products = [np.mean(rest[:, 1:] * rest[:, :-1]), np.mean(rest[1:] * rest[:-1])]
    return float(np.mean(products) / variance)


def quiet(structure: Array, level: Array, share: float = 0.5) -> Mask:
    """`share` of the blocks, those with least structure: of blurred views, so that noise does not choose."""
    if structure.size == 0:
        return np.zeros(0, np.bool_)
    return np.asarray((structure <= np.quantile(structure, share)) & (level > 0.02))


def fit_noise(light: Array, sigma: Array, rounds: int = 10) -> NoiseLaw:
    """Shot and read noise from block means and deviations, both in units of white.

    Least squares of the variance, each block weighted by the inverse square of the variance expected of it (the
    deviation of a variance grows with it), negative parts set to none.
    """
    variance = sigma**2
    weight = np.ones_like(light) / max(float(np.median(variance)), 1e-18)
    shot = read = 0.0
    for _ in range(rounds):
        basis = np.stack([light, np.ones_like(light)], 1)
        (shot, read), *_ = np.linalg.lstsq(basis * weight[:, None], variance * weight, rcond=None)
        if read < 0:
            shot, read = float(np.sum(weight**2 * light * variance) / np.sum(weight**2 * light**2)), 0.0
        if shot < 0:
            shot, read = 0.0, float(np.average(variance, weights=weight**2))
        weight = 1 / np.maximum(shot * light + read, 1e-3 * float(np.median(variance)) + 1e-18)
    if shot <= 0:
        return NoiseLaw(float("inf"), float(np.sqrt(read)))
    return NoiseLaw(float(1 / shot), float(np.sqrt(read) / shot))
