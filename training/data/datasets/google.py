"""Google's dual_pixels data (Garg et al., ICCV 2019): all splits, captures and positions, 8-bit or raw views."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from runtime_py.captures import google_dual_pixels, google_raw
from runtime_py.captures.google_dual_pixels import beside, read_confidence
from runtime_py.captures.images import read_image
from runtime_py.errors import CaptureError
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import linear_rgb, plane, with_truth
from training.data.datasets.walk import nearest
from training.data.sample import Sample

SPLITS = ("train", "val", "test")
NEAR_CODE, CODE_SPAN = 100.0, 99.8
"""Depth of a code u in 0..1 is 20 / (100 - 99.8 u) metres, as the release states it: 0.2 m to 100 m."""

_LEFT = re.compile(r"result_(?:leftPd|pd_left)_(\w+)\.(?:png|npy)")


def read(left: Path, raw: bool = False) -> Sample:
    """One position of one capture, portrait. Disparity is minus the depth code ("affine"); valid where confident.

    Truth has half the views' size and is repeated 2×2; colour has too, and is interpolated.
    """
    match = _LEFT.fullmatch(left.name)
    if match is None:
        raise CaptureError(f"{left} is no left view of Google's dual_pixels data")
    capture = (google_raw if raw else google_dual_pixels).read(left)
    sample = with_truth(replace(capture, truth=None))
    colour = beside(left, "scaled_images", f"result_scaled_image_{match[1]}.jpg")
    if colour.is_file():
        sample = replace(sample, rgb=_enlarged(linear_rgb(colour), sample.size, colour, "bilinear"))
    return _with_whole_truth(sample, left, match[1])


def _with_whole_truth(sample: Sample, left: Path, position: str) -> Sample:
    """The protocol scores the centre only; a student may learn from all that is confident."""
    path = beside(left, "merged_depth", f"result_merged_depth_{position}.png")
    if not path.is_file():
        return sample
    stored = read_image(path)
    code = (stored if stored.ndim == 2 else stored[..., 0]).astype(np.float32) / np.float32(np.iinfo(stored.dtype).max)
    exr = beside(left, "merged_conf", f"result_merged_conf_{position}.exr")
    weight = read_confidence(exr, code.shape) if exr.is_file() else None
    confidence = None if weight is None else _enlarged(plane(np.clip(weight, 0.0, 1.0)), sample.size, exr)
    valid = torch.ones_like(sample.left) if confidence is None else (confidence > 0).float()
    u = _enlarged(plane(code), sample.size, path)
    metres = 20.0 / (NEAR_CODE - CODE_SPAN * u)
    return replace(
        sample,
        disparity=torch.where(valid > 0, -u, 0.0),
        valid=valid,
        depth=torch.where(valid > 0, metres, torch.nan),
        confidence=confidence,
    )


def _enlarged(small: Tensor, size: tuple[int, int], path: Path, mode: str = "nearest") -> Tensor:
    height, width = small.shape[-2:]
    if height * size[1] != width * size[0]:
        raise CaptureError(f"{path} is {width}×{height} px, another shape than the views' {size[1]}×{size[0]}")
    if mode == "nearest":
        return F.interpolate(small, size=size, mode="nearest")
    return F.interpolate(small, size=size, mode=mode, align_corners=False)


def open_frames(
    root: Path, split: str, raw: bool = False, positions: tuple[str, ...] = ()
) -> tuple[Found, Callable[[Any], Sample]]:
    """`raw` takes the linear views; `positions` (of the five phones) leaves only those named, such as "center"."""
    kind = "raw_left_pd" if raw else "left_pd"
    found: Found = []
    for folder in nearest(root, lambda f: (f / kind).is_dir()):
        if split not in ("all", folder.name):
            continue
        named: dict[str, Path] = {}
        for left in sorted((folder / kind).glob("*/result_*")):
            match = _LEFT.fullmatch(left.name)
            if match is not None and (not positions or match[1] in positions):
                named.setdefault(f"{folder.name}/{left.parent.name}/{match[1]}", left)
        found.extend(named.items())
    return found, partial(read, raw=raw)


DATASET = Dataset(
    "google",
    "Google dual_pixels (Garg 2019)",
    "<split>/{left_pd,right_pd,merged_depth,merged_conf,scaled_images}/<capture>/result_*_<position>.*, or raw_left_pd "
    "and raw_right_pd with the option raw",
    ("all", *SPLITS),
    open_frames,
)
