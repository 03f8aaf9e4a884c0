"""The part of a truth that a published protocol scores, and the grid it scores it on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runtime_py.errors import ContractError
from runtime_py.metrics.vectors import Vector

Window = tuple[slice, slice]
"""Rows and columns."""

WindowOf = Callable[[int, int], Window]
"""Height and width of a plane to the part of it that counts."""

Regrid = Callable[[Vector], Vector]
"""A plane H×W to the same plane on another grid."""


def whole(height: int, width: int) -> Window:
    """All of it."""
    return slice(0, height), slice(0, width)


def centre(rows: int, columns: int) -> WindowOf:
    """The central `rows` × `columns`; an odd remainder goes below and right."""

    def window(height: int, width: int) -> Window:
        _require(height >= rows and width >= columns, height, width, f"the central {rows}×{columns}")
        top, side = (height - rows) // 2, (width - columns) // 2
        return slice(top, top + rows), slice(side, side + columns)

    return window


def patches(first_centre: int, patch: int = 111, stride: int = 33, border: int = 0) -> WindowOf:
    """What a search with patches of `patch` px every `stride` px can see, less `border` px on every side.

    The first patch is centred on pixel `first_centre` (from 0), the last where it still lies inside; a patch answers
    for the `stride` pixels around its centre (Punnappurath et al., ICCP 2020, evaluate/demo.m).
    """
    reach, answers = (patch - 1) // 2, (stride - 1) // 2

    def span(size: int) -> slice:
        last = first_centre + (size - 1 - reach - first_centre) // stride * stride
        return slice(first_centre - answers + border, last + answers + 1 - border)

    def window(height: int, width: int) -> Window:
        rows, columns = span(height), span(width)
        _require(rows.start < rows.stop and columns.start < columns.stop, height, width, f"patches of {patch} px")
        return rows, columns

    return window


def garg_crop(height: int, width: int) -> Window:
    """The part of a KITTI frame that laser and cameras share: rows 40.8–99.2 %, columns 3.6–96.4 %, rounded down.

    The fractions are those of Garg et al., ECCV 2016, as every released evaluation of the Eigen split has them; on
    370×1224 they fall just below rows 151–367 and columns 44–1180, and the codes, like this one, drop the fraction.
    """
    rows = slice(int(0.40810811 * height), int(0.99189189 * height))
    return rows, slice(int(0.03594771 * width), int(0.96405229 * width))


def eight_bit(plane: Vector) -> Vector:
    """Values of 0..1 rounded to steps of 1/255, halves up."""
    # Means of stored bytes fall on halves; without the first rounding 0.4999… of a step would go down.
    return np.floor(np.round(np.clip(plane, 0, 1) * 255, 6) + 0.5) / 255


def halved_linear(plane: Vector) -> Vector:
    """Means of 2×2 pixels: bilinear interpolation at half the size. Both sizes are even."""
    height, width = _half_size(plane)
    return np.asarray(plane.reshape(height, 2, width, 2).mean(axis=(1, 3)))


def halved_bicubic(plane: Vector) -> Vector:
    """Half the size by MATLAB's `imresize(…, 0.5, 'bicubic')`: Keys' kernel (a = −0.5) widened twofold, mirrored edges.

    The eight taps are the kernel at distances of 1/4, 3/4, 5/4 and 7/4 to both sides. Both sizes are even.
    """
    _half_size(plane)
    near, far = np.array([0.25, 0.75]), np.array([1.25, 1.75])
    inner = 1.5 * near**3 - 2.5 * near**2 + 1
    outer = -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2
    side = np.concatenate([inner, outer]) / 2
    taps = np.concatenate([side[::-1], side])
    for axis in (0, 1):
        size = plane.shape[axis]
        padded = np.pad(plane, [(3, 3) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        steps = (np.take(padded, np.arange(k, k + size - 1, 2), axis) * tap for k, tap in enumerate(taps))
        plane = np.asarray(sum(steps), np.float64)
    return plane


def resized_linear(rows: int, columns: int) -> Regrid:
    """Bilinear interpolation to `rows` × `columns`, without a filter before it, as OpenCV does."""

    def regrid(plane: Vector) -> Vector:
        import cv2

        return np.asarray(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float64)

    return regrid


def _half_size(plane: Vector) -> tuple[int, int]:
    height, width = plane.shape
    _require(height % 2 == 0 and width % 2 == 0, height, width, "halving, which needs even sizes")
    return height // 2, width // 2


def _require(fits: bool, height: int, width: int, wanted: str) -> None:
    if not fits:
        raise ContractError(f"a plane of {height}×{width} (rows × columns) does not fit {wanted}")
