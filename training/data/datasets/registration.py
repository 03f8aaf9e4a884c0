"""Laying dual-pixel views onto the pixels of a rectified colour picture of the same phone."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.captures.images import read_bytes
from runtime_py.errors import CaptureError
from training.data.sample import Sample


@dataclass(frozen=True)
class Registration:
    """Homographies by phone, as rows: a pixel (x, y, 1) of the views to the pixel of the colour picture.

    Rectifying a camera is a rotation about its own centre, so one 3×3 matrix says all of it.
    """

    by_phone: tuple[tuple[str, tuple[tuple[float, ...], ...]], ...]

    def of(self, phone: str) -> NDArray[np.float64]:
        """Raises CaptureError when that phone has none."""
        found = dict(self.by_phone).get(phone)
        if found is None:
            raise CaptureError(f"the registration has no matrix for phone {phone}; add one, or leave it out altogether")
        return np.array(found)


def read_registration(path: Path) -> Registration:
    """`{"B": [[…], […], […]], …}`. Raises CaptureError for anything else, and for matrices without an inverse."""
    try:
        raw = json.loads(read_bytes(path))
        matrices = {str(phone): np.array(rows, np.float64) for phone, rows in raw.items()}
    except (ValueError, TypeError, AttributeError) as e:
        raise CaptureError(f"{path} is no registration: {e}; expected {{phone: 3×3 matrix}}") from e
    for phone, matrix in matrices.items():
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
            raise CaptureError(f"{path}: the matrix of phone {phone} is no invertible 3×3 matrix")
    return Registration(tuple((p, tuple(tuple(map(float, row)) for row in m)) for p, m in matrices.items()))


def registered(sample: Sample, matrix: NDArray[np.float64]) -> Sample:
    """`sample` with its views resampled onto the pixels of `rgb`, and truth valid only where both views have light.

    The views' disparity is not in px of the new grid unless the matrix scales alike everywhere, so that only an
    "affine" truth may come with it. Raises CaptureError for a sample without rgb or with a truth in px.
    """
    if sample.rgb is None or sample.unit != "affine":
        raise CaptureError("only a sample with rgb and an affine truth can be laid onto its colour picture")
    size = (sample.rgb.shape[-2], sample.rgb.shape[-1])
    left, seen = _warped(sample.left, matrix, size)
    right, _ = _warped(sample.right, matrix, size)
    return replace(
        sample,
        left=left,
        right=right,
        valid=sample.valid * seen,
        rgb_registered=True,
        truth_registered=True,
    )


def _warped(view: Tensor, matrix: NDArray[np.float64], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(1, 1, *size) of a (1, 1, H, W) view, and where it comes from inside the view."""
    import cv2

    height, width = view.shape[-2:]
    # Shrinking by areas first: a warp looks at four pixels, however many fall into one.
    shrink = (min(1.0, size[0] / height), min(1.0, size[1] / width))
    small_size = (round(width * shrink[1]), round(height * shrink[0]))
    small = cv2.resize(view[0, 0].numpy(), small_size, interpolation=cv2.INTER_AREA)
    sx, sy = small_size[0] / width, small_size[1] / height
    # Pixel centres: x_small + 0.5 = (x + 0.5) · s.
    to_view = np.array([[1 / sx, 0, 0.5 / sx - 0.5], [0, 1 / sy, 0.5 / sy - 0.5], [0, 0, 1.0]])
    target = (size[1], size[0])
    warped = cv2.warpPerspective(small, matrix @ to_view, target, flags=cv2.INTER_LINEAR)
    seen = cv2.warpPerspective(np.ones_like(small), matrix @ to_view, target, flags=cv2.INTER_LINEAR)
    return torch.from_numpy(warped)[None, None], torch.from_numpy((seen > 0.999).astype(np.float32))[None, None]
