"""Middlebury stereo, version 3 and 2014: `im0.png`, `im1.png`, `calib.txt`, disparity as PFM, occlusion mask as PNG.

Images lie in `MiddEval3/<split>/<scene>` and truth in `MiddEval3_GT/<split>/<scene>`, or both in one folder per scene.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.images import read_bytes, read_image
from runtime_py.captures.pfm import read_pfm
from runtime_py.errors import CaptureError
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import linear_rgb, plane
from training.data.datasets.stereo import stereo_sample
from training.data.datasets.walk import nearest
from training.data.sample import Sample

SPLITS = ("trainingF", "trainingH", "trainingQ", "testF", "testH", "testQ")
NOT_OCCLUDED = 255
_FOCAL = re.compile(r"cam0\s*=\s*\[\s*([-+.\deE]+)")


def read(scene: Path) -> Sample:
    """One scene: disparity (px, positive) where finite, depth from `calib.txt`, occlusion where a mask is there."""
    truth = _truth_folder(scene)
    left, right = linear_rgb(scene / "im0.png"), linear_rgb(scene / "im1.png")
    map_ = next((p for name in ("disp0GT.pfm", "disp0.pfm") if (p := truth / name).is_file()), None)
    if map_ is None:
        return stereo_sample(left, right, None)
    disparity = read_pfm(map_)
    known = np.isfinite(disparity) & (disparity > 0)
    sample = stereo_sample(left, right, np.where(known, disparity, 0.0))
    if (scene / "calib.txt").is_file():
        focal, baseline, offset = calibration(scene / "calib.txt")
        metres = np.full(disparity.shape, np.nan)
        with np.errstate(divide="ignore"):
            metres[known] = focal * baseline / np.maximum(disparity[known] + offset, 0.0)
        sample = replace(sample, depth=plane(metres))
    mask = truth / "mask0nocc.png"
    if mask.is_file():
        sample = replace(sample, occluded=plane(_occluded(mask, known)))
    return sample


def calibration(path: Path) -> tuple[float, float, float]:
    """Focal length (px), baseline (m) and the difference of principal points (px) from a `calib.txt`.

    Depth is focal · baseline / (disparity + offset). Raises CaptureError, naming the line that is missing.
    """
    text = read_bytes(path).decode("latin1")
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    focal = _FOCAL.search(text)
    if focal is None:
        raise CaptureError(f"{path} has no line cam0=[focal 0 …")
    try:
        return float(focal[1]), float(values["baseline"]) / 1000.0, float(values["doffs"])
    except (KeyError, ValueError) as e:
        raise CaptureError(f"{path} has no line {e.args[0]} with a number; it should hold cam0, doffs, baseline") from e


def _occluded(path: Path, known: NDArray[np.bool_]) -> NDArray[np.float32]:
    mask = read_image(path)
    if mask.shape != known.shape:
        raise CaptureError(f"{path} is {mask.shape} (rows, columns) and its disparity is {known.shape}")
    return np.asarray(known & (mask != NOT_OCCLUDED), np.float32)


def _truth_folder(scene: Path) -> Path:
    """The folder of the same split and scene in the tree of truths, or the scene's own."""
    pack = scene.parents[1]
    beside = pack.parent / f"{pack.name}_GT" / scene.parent.name / scene.name
    return beside if beside.is_dir() else scene


def open_frames(root: Path, split: str) -> tuple[Found, Callable[[Any], Sample]]:
    found = [
        ((scene.relative_to(root)).as_posix(), scene)
        for scene in nearest(root, lambda f: (f / "im0.png").is_file())
        if split in ("all", scene.parent.name)
    ]
    return found, read


DATASET = Dataset(
    "middlebury",
    "Middlebury stereo",
    "<split>/<scene>/im0.png + im1.png + calib.txt, with disp0GT.pfm and mask0nocc.png there or in <root>_GT/…",
    ("all", *SPLITS),
    open_frames,
)
