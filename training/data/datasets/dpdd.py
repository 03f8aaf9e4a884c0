"""DPDD (Abuolaim and Brown, ECCV 2020): pairs without depth, for a teacher's labels and statistics of light."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime_py.captures import dpdd
from runtime_py.captures.format import folders
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import linear_rgb, with_truth
from training.data.sample import Sample

SPLITS = ("train", "val", "test")


def read(left: Path) -> Sample:
    """One scene; rgb is the camera's own picture (both half apertures); no disparity is known."""
    combined = dpdd.scene_of(left).combined
    rgb = linear_rgb(combined) if combined is not None and combined.is_file() else None
    return with_truth(dpdd.read(left), rgb)


def open_frames(root: Path, split: str) -> tuple[Found, Callable[[Any], Sample]]:
    chosen = SPLITS if split == "all" else (split,)
    for folder in folders(root):
        lefts = [p for s in chosen for p in sorted((folder / f"{s}_l" / "source").glob("*.png"))]
        if lefts:
            return [(f"{left.parents[1].name[:-2]}/{left.stem}", left) for left in lefts], read
    return [], read


DATASET = Dataset(
    "dpdd",
    "DPDD (Abuolaim 2020)",
    "{train,val,test}_{c,l,r}/source/*.png, paired by order",
    ("all", *SPLITS),
    open_frames,
)
