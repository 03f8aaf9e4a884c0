"""CMU's Pixel 4 scenes (Xin et al., ICCV 2021): all 17 of them are for evaluation, so there is one split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime_py.captures import cmu_pixel4
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import with_truth
from training.data.sample import Sample


def read(left: Path) -> Sample:
    """One scene; its disparity is minus the defocus code, "affine", on the central 1344×1008 pixels."""
    return with_truth(cmu_pixel4.read(left))


def open_frames(root: Path, split: str) -> tuple[Found, Callable[[Any], Sample]]:
    return [(left.name[: -len("_left.png")], left) for left in cmu_pixel4.scenes(root)], read


DATASET = Dataset(
    "cmu",
    "CMU Pixel 4 (Xin 2021)",
    "NNN_left.png + NNN_right.png beside calibration/white_sheet_*.png and gt_defocus_map/NNN_gt.png",
    ("all",),
    open_frames,
)
