"""Light fields as folders of views: a dual-pixel pair made from neighbours of the centre, and the grid's views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from runtime_py.captures import light_field
from runtime_py.captures.light_field import Grid, grid_of
from runtime_py.captures.listing import files_of
from runtime_py.errors import CaptureError
from training.data.datasets.frames import Dataset, Found
from training.data.datasets.pictures import linear_rgb, with_truth
from training.data.datasets.walk import nearest
from training.data.sample import Sample


def read(centre: Path, views: int = 7) -> Sample:
    """One light field: the pair of `runtime_py.captures.light_field`, rgb the centre view, no truth.

    `views` is the side of the square of views around the centre (odd; 0 for none); offsets are steps of the grid,
    right and down. The unit is "px": the pair's disparity is the shift between neighbours, whoever estimates it.
    """
    grid = grid_of(centre)
    if grid is None:
        raise CaptureError(f"{centre} is not the centre view of a light field")
    sample = replace(with_truth(light_field.read(centre)), unit="px", rgb=linear_rgb(centre))
    if views == 0:
        return sample
    places = _around(grid, views)
    pictures = [linear_rgb(grid.path(row, column)) for row, column in places]
    odd = next((p for p, picture in zip(places, pictures, strict=True) if picture.shape[-2:] != sample.size), None)
    if odd is not None:
        raise CaptureError(f"{grid.path(*odd)} has another size than the centre view {centre.name}")
    row, column = grid.centre
    offsets = tuple((float(c - column), float(r - row)) for r, c in places)
    return replace(sample, views=torch.stack(pictures, dim=1), view_offsets=offsets)


def _around(grid: Grid, side: int) -> list[tuple[int, int]]:
    if side < 1 or side % 2 == 0:
        raise CaptureError(f"{side} views on a side have no centre; give an odd number, or 0 for no views")
    row, column = grid.centre
    reach = range(-(side // 2), side // 2 + 1)
    return [(row + v, column + u) for v in reach for u in reach]


def open_frames(root: Path, split: str, views: int = 7) -> tuple[Found, Callable[[Any], Sample]]:
    """Every light field of the first folders with one, each by its centre view."""
    found: Found = []
    for folder in nearest(root, lambda f: any(light_field.left_of(f / name) for name in files_of(f))):
        centres = {c for name in files_of(folder) if (c := light_field.left_of(folder / name)) is not None}
        found.extend(((c.relative_to(root).parent / c.stem).as_posix(), c) for c in sorted(centres))
    return found, partial(read, views=views)


DATASET = Dataset(
    "light-field",
    "light fields",
    "<scene>_RR_CC.png, one file per view by row and column, at least three columns",
    ("all",),
    open_frames,
)
