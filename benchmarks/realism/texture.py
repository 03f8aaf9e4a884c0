"""What pictures are made of: gradients, spectrum and contrast of one view on the student's logarithmic scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.realism.filters import box_mean, gaussian
from benchmarks.realism.pairs import Array, Window
from runtime_py.contract import Preprocess

GRADIENTS = np.linspace(-1.0, 1.0, 102)
"""Bin edges of gradient histograms, log units per px; what lies beyond counts in the last bins."""

BLURRED = 1.5
"""Gaussian (px) before structure is judged: it leaves 9 % of white noise in a gradient."""

FLAT = 0.008
"""RMS gradient after that blur, log units per px, below which a 16 px block counts as without texture."""

FLAT_BLOCK = 16

BAND = (0.02, 0.15)
"""Frequencies, cycles per px, over which the spectrum's slope is fitted: above the window's size, below most noise."""


@dataclass(frozen=True)
class Texture:
    """gradients_x, gradients_y: histograms over `GRADIENTS`; kurtosis: of horizontal gradients (3 for a normal law).

    contrast: RMS gradient after `BLURRED`, log units per px; anisotropy: gradients across over those down; flat_share:
    of the blocks; slope: of the power spectrum, -2 for edges; spectrum: log10 power over `frequencies()`; input_rms,
    input_clipped: of the student's input after preprocessing.
    """

    gradients_x: Array
    gradients_y: Array
    kurtosis: float
    contrast: float
    anisotropy: float
    flat_share: float
    slope: float
    spectrum: Array
    input_rms: float
    input_clipped: float


def texture(window: Window, settings: Preprocess) -> Texture:
    """The left view's texture."""
    log = window.logs(settings)[0]
    across, down = np.diff(log, axis=1), np.diff(log, axis=0)
    smooth = gaussian(log, BLURRED)
    slope_y, slope_x = np.gradient(smooth)
    energy = np.asarray(slope_y**2 + slope_x**2)
    centred = across - across.mean()
    spectrum = radial_spectrum(log)
    inside = (frequencies() >= BAND[0]) & (frequencies() <= BAND[1])
    given = (log - box_mean(log, settings.box)) * settings.gain
    return Texture(
        gradients_x=histogram(across),
        gradients_y=histogram(down),
        kurtosis=float(np.mean(centred**4) / max(np.mean(centred**2) ** 2, 1e-24)),
        contrast=float(np.sqrt(energy.mean())),
        anisotropy=float(np.sqrt(np.mean(slope_x**2) / max(np.mean(slope_y**2), 1e-12))),
        flat_share=float(np.mean(np.sqrt(block_means(energy, FLAT_BLOCK)) < FLAT)),
        slope=float(np.polyfit(np.log10(frequencies()[inside]), spectrum[inside], 1)[0]),
        spectrum=spectrum,
        input_rms=float(np.sqrt(np.mean(np.clip(given, -settings.limit, settings.limit) ** 2))),
        input_clipped=float(np.mean(np.abs(given) >= settings.limit)),
    )


def histogram(gradients: Array) -> Array:
    """Counts over `GRADIENTS`."""
    counts = np.histogram(np.clip(gradients, GRADIENTS[0], GRADIENTS[-1]), GRADIENTS)[0]
    return np.asarray(counts, np.float64)


def frequencies() -> Array:
    """Cycles per px at which `radial_spectrum` is told, equal steps on a logarithmic scale."""
    return np.asarray(np.geomspace(0.012, 0.48, 24))


def radial_spectrum(picture: Array) -> Array:
    """log10 of the mean power at each of `frequencies()`, of a Hann-windowed picture without its mean."""
    h, w = picture.shape
    taper = np.hanning(h)[:, None] * np.hanning(w)[None]
    power = np.abs(np.fft.fft2((picture - picture.mean()) * taper)) ** 2 / np.sum(taper**2)
    radius = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.fftfreq(w)[None]).ravel()
    at = frequencies()
    step = np.sqrt(at[1] / at[0])
    edges = np.concatenate([at / step, at[-1:] * step])
    total = np.histogram(radius, edges, weights=power.ravel())[0]
    count = np.histogram(radius, edges)[0]
    known = count > 0
    mean = np.log10(np.maximum(total[known] / count[known], 1e-12))
    return np.asarray(np.interp(np.log(at), np.log(at[known]), mean))


def block_means(plane: Array, block: int) -> Array:
    """Means of the blocks of `block` px that fit into `plane`, flattened."""
    h, w = (extent // block * block for extent in plane.shape)
    return np.asarray(plane[:h, :w].reshape(h // block, block, w // block, block).mean((1, 3)).ravel())
