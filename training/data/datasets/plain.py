"""Any folder of captures in a format that this project reads, with what lies beside plain pairs under the same name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from runtime_py.captures import FORMATS, find_captures
from runtime_py.captures.pfm import read_pfm
from runtime_py.errors import CaptureError
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import linear_rgb, plane, with_truth
from training.data.sample import Sample

Source = tuple[str, Path]
"""The name of a format and the left view."""

COLOUR = (".png", ".jpg", ".tif")


def read(source: Source) -> Sample:
    """One pair; `<name>_disparity.pfm` (px of this width, NaN or infinity unknown) and `<name>_rgb.*` where they are.

    A picture of another size than the views is no picture on their pixels, and the sample says so.
    """
    format_name, left = source
    sample = with_truth(FORMATS[format_name].read(left))
    prefix = left.stem.removesuffix("left")
    colour = next((p for suffix in COLOUR if (p := left.with_name(f"{prefix}rgb{suffix}")).is_file()), None)
    if colour is not None:
        rgb = linear_rgb(colour)
        sample = replace(sample, rgb=rgb, rgb_registered=tuple(rgb.shape[-2:]) == sample.size)
    truth = left.with_name(f"{prefix}disparity.pfm")
    if not truth.is_file():
        return sample
    disparity = read_pfm(truth)
    if disparity.shape != sample.size:
        raise CaptureError(f"{truth} is {disparity.shape} (rows, columns) and its views are {sample.size}")
    known = np.isfinite(disparity)
    return replace(sample, disparity=plane(np.where(known, disparity, 0.0)), valid=plane(known), unit="px")


def open_frames(root: Path, split: str) -> tuple[Found, Callable[[Any], Sample]]:
    try:
        found = find_captures(root, deep=True)
    except CaptureError:
        return [], read
    return [(_name(left, root), (chosen.name, left)) for left, chosen in sorted(found.items())], read


def _name(left: Path, root: Path) -> str:
    return left.relative_to(root).with_suffix("").as_posix()


DATASET = Dataset(
    "plain",
    "plain folders",
    "<name>_left.* + <name>_right.* (+ <name>_disparity.pfm, <name>_rgb.png, capture.json), or another format that "
    "`dpocket captures` knows, at any depth",
    ("all",),
    open_frames,
)
