"""DP-disp (Punnappurath et al., ICCP 2020): `NNN_{L,R}.jpg`, the whole picture `NNN_B.jpg`, truth `NNN_D.TIF`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime_py.captures import dp_disp
from runtime_py.captures.format import folders
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import linear_rgb, with_truth
from training.data.sample import Sample


def read(left: Path) -> Sample:
    """One scene; colour from both half apertures where it is there, which lies on the views' pixels."""
    both = left.with_name(left.name.replace("_L.", "_B.").replace("_l.", "_b."))
    return with_truth(dp_disp.read(left), linear_rgb(both) if both.is_file() else None)


def open_frames(root: Path, split: str) -> tuple[Found, Callable[[Any], Sample]]:
    for folder in folders(root):
        lefts = sorted({left for file in folder.iterdir() if (left := dp_disp.left_of(file)) is not None})
        if lefts:
            return [(left.stem[: -len("_L")], left) for left in lefts], read
    return [], read


DATASET = Dataset(
    "dp-disp",
    "DP-disp (Punnappurath 2020)",
    "NNN_L.jpg + NNN_R.jpg (+ NNN_B.jpg, NNN_D.TIF) in one folder",
    ("all",),
    open_frames,
)
