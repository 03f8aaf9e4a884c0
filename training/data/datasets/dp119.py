"""DP119 (the real sample set of Sdirt): `box`, `casual/iphone`, `casual/orbbec`, `flat` targets at known distances."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from runtime_py.captures import dp119
from runtime_py.captures.format import folders
from runtime_py.errors import CaptureError
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import with_truth
from training.data.sample import Sample

_MILLIMETRES = re.compile(r"\d{3,5}")


def read(left: Path) -> Sample:
    """One scene with depth in metres and disparity 1/depth ("affine"); a flat target has one depth all over."""
    sample = with_truth(dp119.read(left))
    if _family(left) != "flat":
        return sample
    metres = _distance(left)
    return replace(
        sample,
        disparity=torch.full_like(sample.left, 1.0 / metres),
        valid=torch.ones_like(sample.left),
        depth=torch.full_like(sample.left, metres),
    )


def _distance(left: Path) -> float:
    """The distance that the folder `flat/NNN/<mm>/f<number>` is named by, in metres."""
    told = left.parents[1].name
    if _MILLIMETRES.fullmatch(told) is None or int(told) == 0:
        raise CaptureError(f"{left} lies in no folder flat/NNN/<distance in mm>/f<number>, so its distance is unknown")
    return int(told) / 1000.0


def _family(left: Path) -> str:
    return next((part for part in reversed(left.parts) if part in dp119.FAMILIES), "")


def open_frames(root: Path, split: str) -> tuple[Found, Callable[[Any], Sample]]:
    families = dp119.FAMILIES if split == "all" else (split,)
    for folder in folders(root):
        lefts = sorted(
            {
                left
                for f in families
                for file in (folder / f).rglob("*.png")
                if (left := dp119.left_of(file)) is not None
            }
        )
        if lefts:
            return [(left.parent.relative_to(folder).as_posix(), left) for left in lefts], read
    return [], read


DATASET = Dataset(
    "dp119",
    "DP119 (Sdirt)",
    "box/NNN/, casual/{iphone,orbbec}/NNN/ and flat/NNN/<mm>/f<number>/ with l.png, r.png (and d.png)",
    ("all", *dp119.FAMILIES),
    open_frames,
)
