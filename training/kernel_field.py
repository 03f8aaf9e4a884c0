"""`KernelField`: point-spread functions that vary over the sensor, measured or drawn at random.

A kernel measured at a known blur diameter `c` is itself a set of samples of the aperture: what falls on (x, y) passed
the aperture at (x/c, y/c), with the kernel's value as its weight. So a grid of measured kernels is a grid of apertures,
and scales to any other blur as they do (`training.optics.splat_kernels`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import CaptureError
from training.optics import Aperture, aperture_grid, centroid_difference

NEGLIGIBLE = 3e-3
"""Share of a kernel grid's largest value below which a sample is left out, in all tiles alike: less than what a
calibration leaves of noise around the blur."""


@dataclass(frozen=True)
class KernelField:
    """A grid of apertures over the sensor, of one lens (no B) or of a batch; between their centres they blend linearly.

    u, v: ((B,) N) in fractions of the circle of confusion; weight: ((B,) T, V, N), T = rows·columns tiles in reading
    order, each row summing to 1; grid: (rows, columns); pitch: px of the rendered picture between the centres of two
    tiles; centre: (y, x) px from the middle of the field to the middle of the rendered picture. Beyond the outermost
    centres the field goes on unchanged.
    """

    u: Tensor
    v: Tensor
    weight: Tensor
    grid: tuple[int, int]
    pitch: float
    centre: tuple[float, float] = (0.0, 0.0)

    @property
    def tile_alpha(self) -> Tensor:
        """((B,) T) disparity per px of circle of confusion of each tile."""
        return centroid_difference(self.u[..., None, :], self.weight)

    @property
    def alpha(self) -> Tensor:
        """(1 or B,) disparity per px of circle of confusion in the middle of the picture."""
        return self.alpha_map(1, 1)[:, 0, 0]

    @property
    def whole(self) -> KernelField:
        """What an ordinary pixel sees: both halves together, V = 1."""
        return replace(self, weight=self.weight.mean(-2, keepdim=True))

    def alpha_map(self, h: int, w: int) -> Tensor:
        """Alpha at every pixel of an h×w picture, (1 or B, h, w)."""
        alpha = self.tile_alpha.reshape(-1, self.grid[0] * self.grid[1])
        parts = [alpha[:, tile, None, None] * share for tile, share in self._shares(h, w)]
        return reduce(torch.add, parts)

    def tiles(self, h: int, w: int) -> list[tuple[Aperture, Tensor | None]]:
        """The apertures of the tiles that an h×w picture touches, each with its share (h, w) of every point's light.

        The shares add up to 1 everywhere, so that no light is lost or counted twice.
        """
        return [(Aperture(self.u, self.v, self.weight[..., tile, :, :]), share) for tile, share in self._shares(h, w)]

    def to(self, device: torch.device | str) -> KernelField:
        """The same field on `device`."""
        return replace(self, u=self.u.to(device), v=self.v.to(device), weight=self.weight.to(device))

    def _shares(self, h: int, w: int) -> list[tuple[int, Tensor]]:
        rows, columns = (self._along(axis, length) for axis, length in enumerate((h, w)))
        return [(i * self.grid[1] + j, y[:, None] * x[None]) for i, y in rows for j, x in columns]

    def _along(self, axis: int, length: int) -> list[tuple[int, Tensor]]:
        """(row or column of tiles, its share of each of `length` px); only those with a share in any."""
        last, middle = self.grid[axis] - 1, (self.grid[axis] - 1) / 2
        reach = (length - 1) / 2
        first_px, last_px = (
            min(max((self.centre[axis] + side * reach) / self.pitch + middle, 0.0), last) for side in (-1, 1)
        )
        pixels = torch.arange(length, device=self.u.device) - reach + self.centre[axis]
        place = torch.clamp(pixels / self.pitch + middle, 0.0, last)
        touched = range(math.floor(first_px), math.ceil(last_px) + 1)
        return [(tile, torch.clamp(1.0 - (place - tile).abs(), min=0.0)) for tile in touched]


def read_kernel_field(
    left: Path, right: Path, grid: tuple[int, int], tile: float, diameter: float | None = None
) -> KernelField:
    """The field of measured kernels in two .npy files, each (rows·columns, K, K) with K odd, every kernel of sum 1.

    A kernel is the picture of a point at its middle (convolution, not correlation). grid: (rows, columns), files in
    reading order; tile: px between the centres of two kernels; CMU's Pixel 4 files have (6, 8) and 168 (FIELD.md
    section 7). diameter: signed blur diameter in px at which they were measured, positive nearer than focus. Without
    one, its size follows from the mean variance of both views together (c²/16 per axis for a uniform disc) and its
    sign from the centroids: beyond focus the left view of a point lies to the left of the right one.

    Raises CaptureError when a file is missing or is no such array, or when `diameter` contradicts that sign.
    """
    both = np.stack([_read_kernels(path, grid) for path in (left, right)], axis=1)
    size = both.shape[-1]
    axis = np.arange(size) - (size - 1) / 2
    x_mean, y_mean = (both * axis).sum((-1, -2)), (both * axis[:, None]).sum((-1, -2))
    difference = float((x_mean[:, 0] - x_mean[:, 1]).mean())
    if diameter is None:
        mean = both.mean(1)
        power = (mean * (axis**2 + axis[:, None] ** 2)).sum((-1, -2))
        variance = (power - x_mean.mean(1) ** 2 - y_mean.mean(1) ** 2).mean() / 2
        diameter = math.copysign(4 * math.sqrt(variance), difference)
    if diameter * difference <= 0:
        raise CaptureError(
            f"the kernels of {left} lie {difference:+.2f} px from those of {right}, which is not the side of a blur of "
            f"{diameter:+.2f} px; swap the views or the sign"
        )
    kept = (both > NEGLIGIBLE * both.max()).any((0, 1))
    y, x = np.nonzero(kept)
    weight = both[:, :, y, x]
    weight = weight / weight.sum(-1, keepdims=True)
    u, v = (torch.from_numpy(axis[index] / diameter).float() for index in (x, y))
    return KernelField(u, v, torch.from_numpy(weight).float(), grid, float(tile))


def _read_kernels(path: Path, grid: tuple[int, int]) -> NDArray[np.float64]:
    """(rows·columns, K, K), checked."""
    try:
        kernels = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise CaptureError(f"there are no blur kernels at {path}; name the .npy file of one view") from None
    except (OSError, ValueError, EOFError) as error:
        raise CaptureError(
            f"{path} holds no readable array ({error}); blur kernels are a .npy file of numbers"
        ) from None
    count = grid[0] * grid[1]
    shape: tuple[int, ...] = getattr(kernels, "shape", ())
    kind = str(getattr(kernels, "dtype", "an archive"))
    if len(shape) != 3 or shape != (count, shape[1], shape[1]) or shape[1] % 2 == 0 or not kind.startswith("float"):
        raise CaptureError(
            f"{path} holds {kind} {shape}; for a grid of {grid[0]}×{grid[1]} it must be floats ({count}, K, K), K odd"
        )
    sums = kernels.sum((1, 2), dtype=np.float64)
    if not np.isfinite(kernels).all() or kernels.min() < 0 or np.abs(sums - 1).max() > 0.01:
        raise CaptureError(
            f"{path} holds kernels with values from {kernels.min():g} and sums {sums.min():g} to {sums.max():g}; "
            "they must be finite and not negative, and sum to 1"
        )
    return np.asarray(kernels, np.float64)


def random_kernel_field(
    generator: torch.Generator, batch: int, grid: tuple[int, int] = (2, 2), pitch: float = 128.0, extent: float = 1344.0
) -> KernelField:
    """`batch` fields of the kind that FIELD.md section 1 describes for the Pixel 4, each seen at a random place.

    Kernels change slowly over the `extent` px of the sensor: the line that splits the aperture wanders with the angle
    of incidence (so that one view grows narrow and skewed where the other grows wide) and turns, the aperture is cut
    to a cat's eye and shaded towards the corners, and both views share an offset. grid, pitch: as of `KernelField`.
    """
    u, v = (t.to(generator.device) for t in aperture_grid())
    field_x, field_y = _places(generator, batch, grid, 2 * pitch / extent)

    def uniform(low: float, high: float) -> Tensor:
        draw = torch.rand(batch, 1, 1, generator=generator, device=u.device, dtype=u.dtype)
        return low + (high - low) * draw

    turn = uniform(-0.06, 0.06) + uniform(-0.2, 0.2) * field_x * field_y
    along = u * torch.cos(turn) + v * torch.sin(turn) - uniform(-0.1, 0.1) - uniform(-0.2, 0.2) * field_x
    soft, floor = uniform(0.04, 0.26), uniform(0.0, 0.15)
    cut, shade = uniform(0.0, 0.15), (uniform(-1.5, 1.5), uniform(-1.5, 1.5), uniform(-1.0, 1.0), uniform(-1.0, 1.0))
    distance = torch.sqrt((u - cut * field_x) ** 2 + (v - cut * field_y) ** 2)
    across = (shade[0] * field_x + shade[2]) * u + (shade[1] * field_y + shade[3]) * v
    pupil = torch.sigmoid((0.48 - distance) / 0.02) * torch.exp(across)
    halves = [pupil * (floor + (1 - floor) * torch.sigmoid(side * along / soft)) for side in (1, -1)]
    weight = torch.stack(halves, dim=-2)
    weight = weight / weight.sum(-1, keepdim=True)
    moved_u, moved_v = u + 0.1 * uniform(-1, 1)[:, 0], v + 0.1 * uniform(-1, 1)[:, 0]
    return KernelField(moved_u.float(), moved_v.float(), weight.float(), grid, float(pitch))


def _places(generator: torch.Generator, batch: int, grid: tuple[int, int], step: float) -> tuple[Tensor, Tensor]:
    """(x, y) of the tiles, each (B, T, 1), on a sensor that reaches from -1 to 1, `step` apart."""
    middle = 2 * torch.rand(2, batch, 1, 1, generator=generator, device=generator.device, dtype=torch.float64) - 1
    y, x = torch.meshgrid(*(torch.arange(n, device=generator.device) - (n - 1) / 2 for n in grid), indexing="ij")
    room_y, room_x = (max(0.0, 1 - step * (n - 1) / 2) for n in grid)
    return room_x * middle[0] + step * x.reshape(-1, 1), room_y * middle[1] + step * y.reshape(-1, 1)
