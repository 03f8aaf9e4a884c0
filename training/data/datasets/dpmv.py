"""dpMV (Garg et al., ICCP 2024): video of three Pixel 4 in a row (C left, B centre, A right), a teacher's disparity.

`rectified/{A,B,C}/Video_data/<video>/image_NNN.jpg`, `unrectified/{A,B,C}/dp_data/<video>/image_NNN_{left,right}.jpg`,
`disp_pixel4_BA/<video>/image_NNN_disp.{pfm,png}`; lists and tables of frames as in `dpmv_lists`.

The colour pictures and the teacher's disparity lie on phone B's *rectified* pixels, its dual-pixel views do not: a
sample says so (`rgb_registered` and `truth_registered` are False) unless a registration is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runtime_py.captures import dpmv
from runtime_py.captures.images import read_image
from runtime_py.captures.pfm import read_pfm
from runtime_py.errors import CaptureError
from training.data.datasets.dpmv_lists import SPLITS, Triple, leading_frames, listed_triples, triples_by_order
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import linear_rgb, plane, with_truth
from training.data.datasets.registration import Registration, read_registration, registered
from training.data.datasets.stereo import read_png16
from training.data.datasets.walk import nearest
from training.data.sample import Sample

STEPS_PER_PX = 256.0
"""Of a disparity stored as 16-bit PNG, as the teacher's own writer stores it."""

PLACES = {"C": (-1.0, 0.0), "B": (0.0, 0.0), "A": (1.0, 0.0)}
"""Where each phone stands, in baselines to the right of B and down."""


@dataclass(frozen=True)
class Moment:
    """One frame of the centre phone with the files of the others."""

    root: Path
    triple: Triple


def read(moment: Moment, registration: Registration | None = None, views: bool = False) -> Sample:
    """The centre phone's pair, portrait, with its colour picture and the teacher's disparity.

    The disparity is that of the phones' baseline: affine in inverse depth, as the pair's own is, hence "affine".
    `views` adds the other phones' colour pictures, at -1 and +1 baseline.
    """
    video, name = moment.triple.video, moment.triple.file("B")
    stem = name.rsplit(".", 1)[0]
    capture = dpmv.read(moment.root / "unrectified" / "B" / "dp_data" / video / f"{stem}_left.jpg")
    sample = replace(with_truth(capture), rgb=linear_rgb(_colour(moment, "B")))
    if views:
        sample = _with_neighbours(sample, moment)
    sample = _with_teacher(sample, moment.root / "disp_pixel4_BA" / video / f"{stem}_disp")
    if registration is not None:
        return registered(sample, registration.of("B"))
    return sample


def _colour(moment: Moment, phone: str) -> Path:
    return moment.root / "rectified" / phone / "Video_data" / moment.triple.video / moment.triple.file(phone)


def _with_neighbours(sample: Sample, moment: Moment) -> Sample:
    pictures = [linear_rgb(_colour(moment, phone)) for phone in ("C", "A")]
    return replace(sample, views=torch.stack(pictures, dim=1), view_offsets=(PLACES["C"], PLACES["A"]))


def _with_teacher(sample: Sample, path: Path) -> Sample:
    """The teacher's map on the pixels of rgb, scaled to them where it was computed at another size."""
    if sample.rgb is None:
        raise CaptureError(f"{path} has no colour picture to lie on")
    disparity = _teacher(path)
    size = (sample.rgb.shape[-2], sample.rgb.shape[-1])
    if disparity is None:
        values, known = np.zeros(size, np.float32), np.zeros(size, np.bool_)
    elif disparity.shape != size:
        raise CaptureError(f"{path}.* is {disparity.shape} (rows, columns) and its colour picture {size}")
    else:
        known = np.isfinite(disparity) & (disparity > 0)
        values = np.where(known, disparity, 0.0).astype(np.float32)
    return replace(sample, disparity=plane(values), valid=plane(known), rgb_registered=False, truth_registered=False)


def _teacher(path: Path) -> NDArray[Any] | None:
    """px of the width of the colour picture; PFM is preferred, which keeps what a PNG rounds."""
    pfm, png = (path.with_name(path.name + suffix) for suffix in (".pfm", ".png"))
    if pfm.is_file():
        return read_pfm(pfm)
    return read_png16(png, read_image(png), STEPS_PER_PX) if png.is_file() else None


def open_frames(
    root: Path, split: str, registration: Path | str | None = None, views: bool = False
) -> tuple[Found, Callable[[Any], Sample]]:
    """Frames of the lists `{train,val,test}_files.json` at the tree's top where they are, otherwise paired by order.

    `registration` is a JSON file of homographies (see `registration.py`).
    """
    given = None if registration is None else read_registration(Path(registration))
    found: Found = []
    for tree in nearest(root, lambda f: (f / "rectified" / "B" / "Video_data").is_dir()):
        dropped = leading_frames(sorted(tree.glob("*.csv")))
        for triple in _triples(tree, split, dropped):
            stem = triple.file("B").rsplit(".", 1)[0]
            found.append((f"{triple.video}/{stem}", Moment(tree, triple)))
    return found, partial(read, registration=given, views=views)


def _triples(tree: Path, split: str, dropped: dict[str, int]) -> list[Triple]:
    lists = {s: p for s in SPLITS if (p := tree / f"{s}_files.json").is_file()}
    if not lists:
        return triples_by_order(tree / "rectified", split, dropped)
    chosen = list(lists) if split == "all" else [split]
    missing = [s for s in chosen if s not in lists]
    if missing:
        raise CaptureError(f"{tree} has lists of {', '.join(lists)} and none of {missing[0]}: {missing[0]}_files.json")
    return [triple for s in chosen for triple in listed_triples(lists[s], dropped)]


DATASET = Dataset(
    "dpmv",
    "dpMV (Garg 2024)",
    "rectified/{A,B,C}/Video_data/<video>/image_NNN.jpg, "
    "unrectified/{A,B,C}/dp_data/<video>/image_NNN_{left,right}.jpg, "
    "disp_pixel4_BA/<video>/image_NNN_disp.{pfm,png}, optional {train,val,test}_files.json and *.csv at the top",
    ("all", *SPLITS),
    open_frames,
)
