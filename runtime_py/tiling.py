"""`Tiling`: a plane of any size through a network of one size, without seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.exact import sine_ramp
from runtime_py.errors import ContractError


@dataclass(frozen=True)
class Tiling:
    """Overlapping tiles over a plane, and the blend of their outputs.

    `plane` and `tile` are (height, width) in input pixels; an output has one cell per `stride` × `stride` of them.
    Neighbours overlap by at least `overlap` (height, width; default a quarter of the tile), less what rounding to the
    stride takes. A plane that a tile or the stride does not fit is continued by mirroring, and outputs are cropped.
    Weights fall to zero towards the inner sides of a tile, where the network's own padding shows, and add up to one.
    They and the blend are float64 operations in the order of `origins`, the same bits everywhere (`captures/exact.py`).
    Raises ContractError for empty planes and for tiles that are not multiples of the stride.
    """

    plane: tuple[int, int]
    tile: tuple[int, int]
    stride: int = 1
    overlap: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if min(self.plane) < 1 or min(self.tile) < 1 or self.stride < 1:
            raise ContractError(f"cannot tile a plane of {self.plane} with {self.tile} at stride {self.stride}")
        if any(side % self.stride for side in self.tile):
            raise ContractError(f"tiles of {self.tile} are not multiples of the output stride {self.stride}")
        if any(not 0 <= o < side for o, side in zip(self._overlap, self.tile, strict=True)):
            raise ContractError(f"tiles of {self.tile} cannot overlap by {self._overlap}")

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of the plane once mirrored out to whole tiles and strides."""
        height, width = (
            max(side, ceil(length / self.stride) * self.stride)
            for length, side in zip(self.plane, self.tile, strict=True)
        )
        return height, width

    @property
    def output(self) -> tuple[int, int]:
        """Height and width of the blended output: the cells that touch the plane."""
        return ceil(self.plane[0] / self.stride), ceil(self.plane[1] / self.stride)

    @cached_property
    def origins(self) -> tuple[tuple[int, int], ...]:
        """Top left corner (y, x) of every tile in the padded plane, row by row."""
        rows, columns = (self._along(axis) for axis in (0, 1))
        return tuple((y, x) for y in rows for x in columns)

    def cut(self, plane: NDArray[Any]) -> list[NDArray[Any]]:
        """The tiles of an H×W plane, in the order of `origins`."""
        if plane.shape != self.plane:
            raise ContractError(f"this tiling is for a plane of {self.plane}, not {plane.shape}")
        down, across = (p - n for p, n in zip(self.padded, self.plane, strict=True))
        whole = np.pad(plane, ((0, down), (0, across)), mode="reflect") if down or across else plane
        height, width = self.tile
        return [whole[y : y + height, x : x + width] for y, x in self.origins]

    def blend(self, outputs: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """One float32 map of size `output` from the tiles' outputs, each (tile / stride), in the order of `origins`."""
        cells = (self.tile[0] // self.stride, self.tile[1] // self.stride)
        if len(outputs) != len(self.origins) or any(o.shape != cells for o in outputs):
            shapes = sorted({o.shape for o in outputs})
            raise ContractError(
                f"{len(self.origins)} outputs of {cells} were expected, {len(outputs)} of {shapes} came"
            )
        total = np.zeros((self.padded[0] // self.stride, self.padded[1] // self.stride), np.float64)
        weights = [self._weights(axis) for axis in (0, 1)]
        for (y, x), values in zip(self.origins, outputs, strict=True):
            top, side = y // self.stride, x // self.stride
            weight = np.outer(weights[0][y], weights[1][x])
            total[top : top + cells[0], side : side + cells[1]] += weight * values
        height, width = self.output
        return total[:height, :width].astype(np.float32)

    @property
    def _overlap(self) -> tuple[int, int]:
        return self.overlap if self.overlap is not None else (self.tile[0] // 4, self.tile[1] // 4)

    def _along(self, axis: int) -> list[int]:
        length, side, overlap = self.padded[axis], self.tile[axis], self._overlap[axis]
        count = 1 + ceil((length - side) / (side - overlap))
        steps = (length - side) // self.stride
        return [round(i * steps / max(1, count - 1)) * self.stride for i in range(count)]

    def _weights(self, axis: int) -> dict[int, NDArray[np.float64]]:
        """For every origin along `axis`, its weight per output cell; in each cell of the plane they add up to one."""
        cells, ramp = self.tile[axis] // self.stride, max(1.0, self._overlap[axis] / self.stride)
        length = self.padded[axis] // self.stride
        centre = np.arange(cells) + 0.5
        raw: dict[int, NDArray[np.float64]] = {}
        total = np.zeros(length)
        for origin in self._along(axis):
            first = origin // self.stride
            inside = np.full(cells, np.inf)
            if first > 0:
                inside = np.minimum(inside, centre)
            if first + cells < length:
                inside = np.minimum(inside, cells - centre)
            raw[origin] = sine_ramp(np.minimum(inside / ramp, 1))
            total[first : first + cells] += raw[origin]
        return {o: w / total[o // self.stride : o // self.stride + cells] for o, w in raw.items()}
