"""Dual-pixel optics: the thin lens, point-spread functions of the two half apertures, and the sensor.

A point-spread function (PSF) here is a weighting of the aperture. A point out of focus is spread over the circle of
confusion, and where in the circle light lands says where in the aperture it passed, so a PSF of signed diameter `c` is
the aperture's weight function scaled by `c`: near points (c > 0) and far points (c < 0) are mirror images for free.
Samples of it are *splatted bilinearly* onto the pixel grid. A linear splat keeps first moments exactly, so the centroid
difference of the two discrete kernels, which is the disparity, equals `alpha * c` at every `c`, through zero. (Kernels
sampled at pixel centres do not have this property below about 5 px, and then the truth would be wrong.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

APERTURE_SAMPLES = 33
"""Samples across the aperture: 861 inside the disc, under 1 px apart up to a circle of confusion of 33 px."""


@dataclass(frozen=True)
class ThinLens:
    """A camera: `focal_length`, `focus_distance` and `pixel_pitch` in metres, `f_number` dimensionless."""

    focal_length: float
    f_number: float
    focus_distance: float
    pixel_pitch: float

    def circle_of_confusion(self, depth: Tensor) -> Tensor:
        """Signed blur diameter in pixels at `depth` (m): positive nearer than focus; affine in 1/depth (FIELD: 1)."""
        aperture = self.focal_length / self.f_number
        slope = aperture * self.focal_length / (1.0 - self.focal_length / self.focus_distance) / self.pixel_pitch
        return slope * (1.0 / depth - 1.0 / self.focus_distance)


ApertureWeight = Callable[[Tensor, Tensor, float], Tensor]
"""(u, v, shape) -> non-negative weight of the left view; u, v in -0.5..0.5, u along the DP axis, shape in 0..1."""


def _half_disc(u: Tensor, v: Tensor, shape: float) -> Tensor:
    """The ideal split; `shape` softens the dividing line by up to a tenth of the aperture."""
    return torch.clamp(u / (0.01 + 0.1 * shape) + 0.5, 0.0, 1.0)


def _ramp_disc(u: Tensor, v: Tensor, shape: float) -> Tensor:
    """Sensitivity falling linearly across the aperture."""
    return u + 0.5


def _swept_disc(u: Tensor, v: Tensor, shape: float) -> Tensor:
    """The disc minus a copy of itself that is swept across it: what remains is brighter towards one edge."""
    sweep = torch.linspace(0.0, 1.0, 16, device=u.device).view(-1, *([1] * u.dim()))
    inside = ((u - sweep * (0.5 + 0.2 * shape)) ** 2 + v**2 <= 0.25).to(u.dtype)
    return inside.mean(dim=0)


def _butterworth_disc(u: Tensor, v: Tensor, shape: float) -> Tensor:
    """A smooth window of one half with a floor in the other (Abuolaim et al. 2021, the L2R simulator)."""
    edge = 1.0 / (1.0 + ((0.5 - u) / (0.45 + 0.1 * shape)) ** 6)
    return 0.1 + 0.9 * edge * (u + 0.5)


PSF_FAMILIES: Mapping[str, ApertureWeight] = MappingProxyType(
    {
        "half_disc": _half_disc,
        "ramp_disc": _ramp_disc,
        "swept_disc": _swept_disc,
        "butterworth": _butterworth_disc,
    }
)
"""Every point-spread function by name: adding one is one function and one line."""


@dataclass(frozen=True)
class Aperture:
    """Samples of one lens: `u`, `v` (N) in -0.5..0.5 and `weight` (2, N), left then right, each summing to 1."""

    u: Tensor
    v: Tensor
    weight: Tensor

    @property
    def alpha(self) -> float:
        """Disparity per pixel of signed circle of confusion: centroid of the left weight minus that of the right."""
        centroid = (self.weight.double() * self.u.double()).sum(-1)
        return float(centroid[0] - centroid[1])


def aperture(family: str, shape: float = 0.5, right_shape: float | None = None, offset: float = 0.0) -> Aperture:
    """The aperture of PSF `family`.

    `right_shape` lets the right view differ (real PSFs are not mirror images), `offset` moves both views together by
    that fraction of the circle of confusion, as the calibrated kernels of a Pixel 4 do (FIELD.md section 1).
    """
    axis = (torch.arange(APERTURE_SAMPLES, dtype=torch.float64) + 0.5) / APERTURE_SAMPLES - 0.5
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    inside = (u**2 + v**2) <= 0.25
    u, v = u[inside], v[inside]
    weigh = PSF_FAMILIES[family]
    left = weigh(u, v, shape)
    right = weigh(-u, v, shape if right_shape is None else right_shape)
    weight = torch.stack([left / left.sum(), right / right.sum()])
    return Aperture(u=(u + offset).float(), v=v.float(), weight=weight.float())


def splat_kernels(lens: Aperture, coc: Tensor, size: tuple[int, int], shift: Tensor | None = None) -> Tensor:
    """Left and right kernels of unit energy on a periodic H×W grid with the origin at index (0, 0).

    coc: (..., ) signed circle of confusion in px; size: (H, W) of the grid; shift: (2, 2) px added to (view, (y, x)),
    for vertical misregistration. Returns (..., 2, H, W), ready for `torch.fft.rfft2`.
    """
    h, w = size
    flat = coc.reshape(-1, 1, 1)
    shift = torch.zeros(2, 2, device=coc.device) if shift is None else shift
    u, v, weight = (t.to(coc.device) for t in (lens.u, lens.v, lens.weight))
    x = flat * u + shift[:, 1, None]
    y = flat * v + shift[:, 0, None]
    x0, y0 = torch.floor(x), torch.floor(y)
    fx, fy = x - x0, y - y0
    grid = torch.zeros(flat.shape[0] * 2, h * w, device=coc.device)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = weight * (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
        index = (y0.long() + dy) % h * w + (x0.long() + dx) % w
        grid.scatter_add_(1, index.reshape(grid.shape[0], -1), part.reshape(grid.shape[0], -1))
    return grid.reshape(*coc.shape, 2, h, w)


def add_sensor_noise(view: Tensor, electrons: Tensor, read_noise: Tensor, generator: torch.Generator) -> Tensor:
    """Shot and read noise in a linear view.

    view: (B, 1, H, W) in 0..1; electrons: (B, 1, 1, 1) at the white level; read_noise: (B, 1, 1, 1) electrons.
    The Poisson law is replaced by a normal one of the same variance, which is exact enough above ten electrons.
    """
    sigma = torch.sqrt(torch.clamp(view, min=0.0) * electrons + read_noise**2) / electrons
    return view + sigma * torch.randn(view.shape, generator=generator, device=view.device)
