"""How far plain block matching is from the stated disparity of a rendered wall, beside matching that knows the kernels.

`python -m benchmarks.matching_bias [--captures FOLDER] [--json FILE]` matches pairs of a textured wall, noise-free, by
least squares (left against right) and by least squares after blurring (left * K_R(d) against right * K_L(d), K the
point-spread functions at the disparity tried). FOLDER adds the kernels that CMU calibrated of a Pixel 4. The stated
disparity is the distance of the kernels' centroids; the two matchers use numpy and scipy only. The second models no
pixels: on texture of 1 px through 1 px of blur it misses the bilinear splat of the rendered kernels, by 0.04 px.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.block_matching import matched_disparity
from benchmarks.psf_matching import modelled_disparity
from runtime_py.captures.format import folders
from runtime_py.errors import CaptureError, DpocketError
from runtime_py.files import write_atomic
from training.camera import Camera
from training.kernel_field import read_kernel_field
from training.optics import PSF_FAMILIES, Aperture, aperture
from training.render import render_pair
from training.scenes import Scene

SIZE = (48, 256)
GRAINS = (1.0, 2.0, 4.0, 8.0)
"""Standard deviation of the Gaussian that makes white noise a texture, px."""

DISPARITIES = (-4.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 4.0)
PIXEL_4_GRID, PIXEL_4_TILE = (6, 8), 168.0
TILES = {"Pixel 4, middle": 27, "Pixel 4, corner": 0}
"""Tiles of the calibrated field, in reading order."""

MARGIN = 8


@dataclass(frozen=True)
class Row:
    """Errors, found less stated, in px, of one wall: `plain` and `modelled` matching."""

    psf: str
    grain: float
    disparity: float
    plain: float
    modelled: float


def lenses(captures: Path | None) -> dict[str, Aperture]:
    """The families of point-spread functions and, with a folder that holds them, the calibrated kernels of a Pixel 4.

    Raises CaptureError when there are none at or below `captures`.
    """
    every = {name: aperture(name) for name in PSF_FAMILIES}
    if captures is None:
        return every
    names = ("blur_kernels_left.npy", "blur_kernels_right.npy")
    found = next((f for f in folders(captures) if all((f / name).is_file() for name in names)), None)
    if found is None:
        raise CaptureError(f"no {' with '.join(names)} at or below {captures}; give the folder of CMU's Pixel 4 data")
    field = read_kernel_field(found / names[0], found / names[1], PIXEL_4_GRID, PIXEL_4_TILE)
    return every | {name: Aperture(field.u, field.v, field.weight[tile]) for name, tile in TILES.items()}


def wall(grain: float, seed: int = 0) -> NDArray[np.float64]:
    """(H, W) periodic texture: white noise, blurred by a Gaussian of `grain` px; mean 0.5, deviation 0.15."""
    frequencies = np.hypot(np.fft.fftfreq(SIZE[0])[:, None], np.fft.rfftfreq(SIZE[1]))
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal(SIZE))
    noise = np.fft.irfft2(spectrum * np.exp(-2 * (np.pi * grain * frequencies) ** 2), SIZE)
    return np.asarray(0.5 + 0.15 * (noise - noise.mean()) / noise.std())


def seen(texture: NDArray[np.float64], disparity: float, lens: Aperture) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both views (H, W) of a wall at `disparity` px, periodic as its texture is."""
    plane = torch.from_numpy(texture).float()[None, None]
    one = torch.ones(1)
    # With this slope, and the focus at infinity, inverse depth is disparity.
    camera = Camera(lens, one / lens.alpha, 0 * one, one)
    rendered = render_pair(Scene(plane, torch.ones_like(plane), torch.full_like(plane, disparity)), camera, margin=0)
    return rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy()


def on_grid(lens: Aperture) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(axis (N,), weights (V, N, N) over (view, v, u)) of an aperture, in fractions of the circle of confusion."""
    u, v, weight = (t.double().numpy() for t in (lens.u, lens.v, lens.weight))
    axis = np.unique(np.concatenate([u, v]))
    weights = np.zeros((weight.shape[0], axis.size, axis.size))
    weights[:, np.searchsorted(axis, v), np.searchsorted(axis, u)] = weight
    return axis, weights


def errors(psf: str, lens: Aperture, grain: float) -> list[Row]:
    """One row for each of `DISPARITIES`."""
    texture, kernels = wall(grain), on_grid(lens)
    inner = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    rows = []
    for disparity in DISPARITIES:
        left, right = seen(texture, disparity, lens)
        plain = matched_disparity(left[inner], right[inner]) - disparity
        rows.append(Row(psf, grain, disparity, plain, modelled_disparity(left, right, *kernels) - disparity))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=Path, help="a folder that holds CMU's calibration of a Pixel 4")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start, rows = time.perf_counter(), list[Row]()
    try:
        chosen = lenses(arguments.captures)
        heads = [f"{d:+g}" for d in DISPARITIES]
        print("| PSF | α | grain, px |", " | ".join(heads), "| kernels known: worst |")
        print("|" + "---|" * (4 + len(heads)))
        for psf, lens in chosen.items():
            for grain in GRAINS:
                found = errors(psf, lens, grain)
                cells = " | ".join(f"{row.plain:+.2f}" for row in found)
                worst = max((row.modelled for row in found), key=abs)
                print(f"| {psf} | {float(lens.alpha):.3f} | {grain:g} | {cells} | {worst:+.4f} |", flush=True)
                rows += found
        if arguments.json:
            write_atomic(arguments.json, (json.dumps([asdict(row) for row in rows], indent=1) + "\n").encode())
    except DpocketError as e:
        sys.exit(str(e))
    print(f"{len(rows)} walls in {time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
