"""KITTI stereo 2012 and 2015: `training/image_2/NNNNNN_10.png` and kin, disparity as 16-bit PNG, 256 steps per px.

2015 keeps colour in `image_2`, `image_3` and truth in `disp_occ_0`, `disp_noc_0`; 2012 in `colored_0`, `colored_1`
(or grey `image_0`, `image_1`) and `disp_occ`, `disp_noc`. `disp_occ` holds all points, `disp_noc` those that the right
camera sees too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from runtime_py.captures.images import read_image
from runtime_py.errors import CaptureError
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.kitti_calibration import read_calibration, stereo_geometry
from training.data.datasets.pictures import linear_rgb, plane
from training.data.datasets.stereo import read_png16, stereo_sample
from training.data.datasets.walk import nearest
from training.data.sample import Sample

STEPS_PER_PX = 256.0


@dataclass(frozen=True)
class Layout:
    """Folder names of one release; the two cameras are numbered as in its calibration files."""

    left: str
    right: str
    all_points: str
    both_see: str
    cameras: tuple[int, int]
    calibration: str
    prefix: str


LAYOUTS = (
    Layout("image_2", "image_3", "disp_occ_0", "disp_noc_0", (2, 3), "calib_cam_to_cam", "P_rect_0"),
    Layout("colored_0", "colored_1", "disp_occ", "disp_noc", (2, 3), "calib", "P"),
    Layout("image_0", "image_1", "disp_occ", "disp_noc", (0, 1), "calib", "P"),
)


def read(source: tuple[Path, Layout]) -> Sample:
    """One pair: disparity (px), depth where the calibration is there, occluded where only the left camera sees."""
    left, layout = source
    folder = left.parents[1]
    right = folder / layout.right / left.name
    pictures = linear_rgb(left), linear_rgb(right)
    truth, seen = (folder / name / left.name for name in (layout.all_points, layout.both_see))
    if not truth.is_file():
        return stereo_sample(*pictures, None)
    disparity = read_png16(truth, read_image(truth), STEPS_PER_PX)
    sample = stereo_sample(*pictures, disparity)
    calibration = folder / layout.calibration / f"{left.name.split('_')[0]}.txt"
    if calibration.is_file():
        focal, baseline = stereo_geometry(read_calibration(calibration), calibration, layout.prefix, layout.cameras)
        metres = np.divide(focal * baseline, disparity, out=np.full(disparity.shape, np.nan), where=disparity > 0)
        sample = replace(sample, depth=plane(metres))
    if seen.is_file():
        visible = read_png16(seen, read_image(seen), STEPS_PER_PX)
        if visible.shape != disparity.shape:
            raise CaptureError(f"{seen} is {visible.shape} (rows, columns) and {truth.parent.name} {disparity.shape}")
        sample = replace(sample, occluded=plane((disparity > 0) & (visible == 0)))
    return sample


def open_frames(root: Path, split: str) -> tuple[Found, Callable[[Any], Sample]]:
    """Reference frames `NNNNNN_10.png` of the first layout that each folder has."""
    found: Found = []
    for folder in nearest(root, lambda f: any((f / k.left).is_dir() and (f / k.right).is_dir() for k in LAYOUTS)):
        if split not in ("all", folder.name):
            continue
        layout = next(k for k in LAYOUTS if (folder / k.left).is_dir() and (folder / k.right).is_dir())
        lefts = sorted((folder / layout.left).glob("*_10.png"))
        found.extend((f"{folder.name}/{left.stem}", (left, layout)) for left in lefts)
    return found, read


DATASET = Dataset(
    "kitti",
    "KITTI stereo 2012/2015",
    "{training,testing}/image_2 + image_3/NNNNNN_10.png with disp_occ_0, disp_noc_0 (2012: colored_0, colored_1, "
    "disp_occ, disp_noc)",
    ("all", "training", "testing"),
    open_frames,
)
