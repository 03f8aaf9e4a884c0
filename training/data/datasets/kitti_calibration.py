"""KITTI's calibration text: lines `key: numbers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.images import read_bytes
from runtime_py.errors import CaptureError


def read_calibration(path: Path) -> dict[str, NDArray[np.float64]]:
    """The numbers of every line that holds only numbers after its key."""
    found: dict[str, NDArray[np.float64]] = {}
    for line in read_bytes(path).decode("latin1").splitlines():
        key, _, rest = line.partition(":")
        try:
            found[key.strip()] = np.array([float(n) for n in rest.split()])
        except ValueError:
            continue  # the date of the calibration
    return found


def stereo_geometry(
    calibration: dict[str, NDArray[np.float64]], path: Path, prefix: str, cameras: tuple[int, int]
) -> tuple[float, float]:
    """Focal length (px) and baseline (m) of two rectified cameras, from their 3×4 projections `<prefix><camera>`.

    The fourth column holds minus focal · position. Raises CaptureError when a projection is missing or malformed.
    """
    projections = []
    for camera in cameras:
        numbers = calibration.get(f"{prefix}{camera}")
        if numbers is None or numbers.size != 12:
            raise CaptureError(f"{path} has no line '{prefix}{camera}:' with 12 numbers")
        projections.append(numbers.reshape(3, 4))
    focal = float(projections[0][0, 0])
    baseline = float(projections[0][0, 3] - projections[1][0, 3]) / focal if focal > 0 else 0.0
    if baseline <= 0:
        raise CaptureError(f"{path} places camera {cameras[1]} at {baseline} m right of camera {cameras[0]}")
    return focal, baseline
