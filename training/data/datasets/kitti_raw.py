"""KITTI raw drives with depth from the depth benchmark.

`<date>/<date>_drive_NNNN_sync/image_02/data/NNNNNNNNNN.png` (right: `image_03`), `<date>/calib_cam_to_cam.txt`, and
depth `{train,val}/<drive>/proj_depth/groundtruth/image_02/NNNNNNNNNN.png`, 16 bit, 256 steps per metre.
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

STEPS_PER_METRE = 256.0
SPLITS = ("train", "val")


@dataclass(frozen=True)
class Frame:
    """The files of one frame; `depth` where the depth benchmark has one."""

    left: Path
    depth: Path | None


def read(frame: Frame) -> Sample:
    """One pair with sparse depth (m, NaN where no point was measured) and the disparity that follows from it."""
    drive = frame.left.parents[2]
    right = drive / "image_03" / "data" / frame.left.name
    pictures = linear_rgb(frame.left), linear_rgb(right)
    if frame.depth is None:
        return stereo_sample(*pictures, None)
    path = drive.parent / "calib_cam_to_cam.txt"
    focal, baseline = stereo_geometry(read_calibration(path), path, "P_rect_0", (2, 3))
    metres = read_png16(frame.depth, read_image(frame.depth), STEPS_PER_METRE)
    if metres.shape != tuple(pictures[0].shape[-2:]):
        raise CaptureError(f"{frame.depth} is {metres.shape} (rows, columns), another size than {frame.left}")
    known = metres > 0
    disparity = np.divide(focal * baseline, metres, out=np.zeros(metres.shape), where=known)
    return replace(stereo_sample(*pictures, disparity), depth=plane(np.where(known, metres, np.nan)))


def open_frames(root: Path, split: str) -> tuple[Found, Callable[[Any], Sample]]:
    """ "train" and "val" are the frames that have depth there; "all" is every frame of every drive."""
    drives = nearest(root, lambda f: f.name.endswith("_sync") and (f / "image_02" / "data").is_dir())
    truths = {(f.parent.name, f.name): f for f in nearest(root, lambda f: (f / "proj_depth" / "groundtruth").is_dir())}
    found: Found = []
    for drive in drives:
        for left in sorted((drive / "image_02" / "data").glob("*.png")):
            candidates = [
                truths[s, drive.name] / "proj_depth" / "groundtruth" / "image_02" / left.name
                for s in SPLITS
                if (s, drive.name) in truths and split in ("all", s)
            ]
            depth = next((p for p in candidates if p.is_file()), None)
            if depth is not None or split == "all":
                found.append((f"{drive.name}/{left.stem}", Frame(left, depth)))
    return found, read


DATASET = Dataset(
    "kitti-raw",
    "KITTI raw with depth",
    "<date>/calib_cam_to_cam.txt, <date>/<date>_drive_NNNN_sync/image_02 + image_03/data/*.png and "
    "{train,val}/<drive>/proj_depth/groundtruth/image_02/*.png",
    ("all", *SPLITS),
    open_frames,
)
