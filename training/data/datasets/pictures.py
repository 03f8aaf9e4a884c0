"""From picture files and captures to a sample's planes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.images import read_image
from runtime_py.captures.radiometry import GAMMA, LUMINANCE
from runtime_py.errors import CaptureError
from training.data.sample import Sample


def plane(values: NDArray[Any]) -> Tensor:
    """(H, W) numbers as a (1, 1, H, W) float32 plane of their own memory."""
    return torch.from_numpy(np.array(values, np.float32, order="C"))[None, None]


def linear_rgb(path: Path) -> Tensor:
    """A PNG, TIFF or JPEG, taken as gamma 2.2, as (1, 3, H, W) linear light in 0..1, red first; grey three times."""
    stored = read_image(path)
    if stored.ndim == 2:
        stored = stored[..., None].repeat(3, axis=2)
    if stored.shape[2] not in (1, 3, 4):
        raise CaptureError(f"{path} has {stored.shape[2]} channels; a picture is grey or colour")
    if stored.shape[2] == 1:
        stored = stored.repeat(3, axis=2)
    white = np.float32(np.iinfo(stored.dtype).max)
    light = (stored[..., 2::-1].astype(np.float32) / white) ** np.float32(GAMMA)
    return torch.from_numpy(np.ascontiguousarray(light.transpose(2, 0, 1)))[None]


def luminance(rgb: Tensor) -> Tensor:
    """(B, 1, H, W) of a linear (B, 3, H, W), with the weights that captures have."""
    weights = torch.from_numpy(LUMINANCE[::-1].copy()).view(1, 3, 1, 1)
    return (rgb * weights).sum(1, keepdim=True)


def with_truth(capture: DPCapture, rgb: Tensor | None = None) -> Sample:
    """A capture as a sample of batch 1, its truth spread over the whole grid and valid where it was given.

    A "defocus-code" grows with distance: minus it is disparity up to a slope and an offset ("affine"). "inverse-depth"
    (1/m) is one as it is, and gives depth.
    """
    size = capture.left.shape
    disparity, valid = np.zeros(size, np.float32), np.zeros(size, np.float32)
    depth, confidence = None, None
    if capture.truth is not None:
        truth = capture.truth
        window = (truth.rows, truth.columns)
        sign = {"defocus-code": -1.0, "inverse-depth": 1.0}[truth.kind]
        disparity[window] = np.where(truth.valid, sign * truth.values, 0.0)
        valid[window] = truth.valid
        if truth.confidence is not None:
            confidence = np.zeros(size, np.float32)
            confidence[window] = np.clip(truth.confidence, 0.0, 1.0)
        if truth.kind == "inverse-depth":
            depth = np.full(size, np.nan, np.float32)
            depth[window] = np.where(truth.valid, 1.0 / np.maximum(truth.values, 1e-9), np.nan)
    return Sample(
        plane(capture.left),
        plane(capture.right),
        plane(disparity),
        plane(valid),
        dp_axis=capture.dp_axis,
        unit="affine",
        rgb=rgb,
        depth=None if depth is None else plane(depth),
        confidence=None if confidence is None else plane(confidence),
    )
