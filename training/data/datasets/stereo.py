"""A rectified stereo pair as a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import CaptureError
from training.data.datasets.pictures import luminance, plane
from training.data.sample import Sample


def stereo_sample(left: Tensor, right: Tensor, disparity: NDArray[Any] | None) -> Sample:
    """`left`, `right`: (1, 3, H, W) linear; `disparity`: (H, W) px of the left picture, positive, 0 where unknown.

    rgb is the left picture. Raises CaptureError when the three differ in size.
    """
    size = tuple(left.shape[-2:])
    if tuple(right.shape[-2:]) != size:
        raise CaptureError(f"the left picture is {size} (rows, columns) and the right one {tuple(right.shape[-2:])}")
    if disparity is not None and disparity.shape != size:
        raise CaptureError(f"the disparity is {disparity.shape} (rows, columns) and the left picture {size}")
    values = torch.zeros(1, 1, *size) if disparity is None else plane(disparity)
    return Sample(
        luminance(left),
        luminance(right),
        values,
        (values > 0).float(),
        pair="stereo",
        rgb=left,
    )


def read_png16(path: Any, stored: NDArray[Any], units: float) -> NDArray[np.float64]:
    """A 16-bit PNG of `units` steps per px (or per metre); 0 is unknown. Raises CaptureError for another depth."""
    if stored.ndim != 2 or stored.dtype != np.uint16:
        raise CaptureError(f"{path} holds {stored.dtype} of shape {stored.shape}; it should be one plane of 16 bit")
    return stored / units
