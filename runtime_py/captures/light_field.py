"""Light fields as a grid of pictures, `<scene>_RR_CC.png` (row, column of the view), and a dual-pixel pair from one.

The pair is that of Garg et al. (ICCP 2024): the left view is the mean of the grey centre view and its neighbour in
column v-1, the right view that of the centre and v+1. Columns count rightwards as the lens sees it, so v-1 is the view
from further left, in which near things lie further right: x_left - x_right grows with nearness, as on a dual-pixel
sensor. Its zero is the plane on which the light field's views coincide, and one unit is the shift between neighbours.

Pictures are 8 or 16 bit, taken as gamma 2.2; light is averaged, not the stored values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.format import Format
from runtime_py.captures.images import read_image
from runtime_py.captures.listing import files_of
from runtime_py.captures.radiometry import linear_from_gamma
from runtime_py.errors import CaptureError

_VIEW = re.compile(r"(.+)_(\d{1,3})_(\d{1,3})\.png", re.IGNORECASE)


@dataclass(frozen=True)
class Grid:
    """The views of one light field by (row, column) as their names count; `folder` / `names[row, column]` is a file."""

    scene: str
    folder: Path
    names: dict[tuple[int, int], str]

    @property
    def rows(self) -> range:
        found = [row for row, _ in self.names]
        return range(min(found), max(found) + 1)

    @property
    def columns(self) -> range:
        found = [column for _, column in self.names]
        return range(min(found), max(found) + 1)

    @property
    def centre(self) -> tuple[int, int]:
        """The middle of the rows and columns that occur; of an even number, the lower one."""
        return (self.rows[0] + self.rows[-1]) // 2, (self.columns[0] + self.columns[-1]) // 2

    def path(self, row: int, column: int) -> Path:
        """The file of a view. Raises CaptureError, with what the grid holds, where it is missing."""
        if (row, column) not in self.names:
            sample = next(iter(self.names.values()))
            raise CaptureError(
                f"view {row:02d}_{column:02d} of light field {self.scene} is missing in {self.folder}: its "
                f"{len(self.names)} files ({sample} and so on) lie in rows {self.rows[0]} to {self.rows[-1]} and "
                f"columns {self.columns[0]} to {self.columns[-1]}; copy the missing view there"
            )
        return self.folder / self.names[row, column]


def grid_of(path: Path) -> Grid | None:
    """The light field that a view belongs to, None where the name is no view or under three columns are there."""
    match = _VIEW.fullmatch(path.name)
    grid = _grids(path.parent, files_of(path.parent)).get(match[1]) if match else None
    return grid if grid is not None and len(grid.columns) >= 3 else None


@lru_cache(maxsize=16)
def _grids(folder: Path, names: tuple[str, ...]) -> dict[str, Grid]:
    # Remembered, since a folder of many light fields is asked for at every one of its views.
    found: dict[str, Grid] = {}
    for match in filter(None, map(_VIEW.fullmatch, names)):
        grid = found.setdefault(match[1], Grid(match[1], folder, {}))
        grid.names[int(match[2]), int(match[3])] = match[0]
    return found


def left_of(path: Path) -> Path | None:
    """The centre view, which stands for the whole grid."""
    grid = grid_of(path)
    if grid is None:
        return None
    row, column = grid.centre
    return grid.folder / grid.names.get((row, column), f"{grid.scene}_{row:02d}_{column:02d}.png")


def read(centre: Path) -> DPCapture:
    """The pair made from the centre view and its neighbours. Raises CaptureError naming a missing or damaged view."""
    grid = grid_of(centre)
    if grid is None:
        raise CaptureError(f"{centre} is not a view of a light field: <scene>_RR_CC.png beside its neighbours")
    row, column = grid.centre
    middle, before, after = (_light(grid.path(row, c)) for c in (column, column - 1, column + 1))
    for view, c in ((before, column - 1), (after, column + 1)):
        if view.shape != middle.shape:
            raise CaptureError(
                f"{grid.path(row, c)} is {view.shape} (rows, columns) and the centre view {middle.shape}; the views of "
                "a light field have one size"
            )
    return DPCapture(
        name=grid.scene,
        format=FORMAT.name,
        left=(middle + before) * np.float32(0.5),
        right=(middle + after) * np.float32(0.5),
    )


def _light(path: Path) -> NDArray[np.float32]:
    stored = read_image(path)
    return linear_from_gamma(stored, float(np.iinfo(stored.dtype).max))


FORMAT = Format("light-field", "<scene>_RR_CC.png, a grid of views", left_of, read)
