"""Dual-pixel optics: the thin lens and the point-spread functions of its two half apertures.

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
from typing import Protocol

import torch
from torch import Tensor

from runtime_py.errors import DpocketError

APERTURE_SAMPLES = 33
"""Samples across the aperture: 861 inside the disc, under 1 px apart up to a circle of confusion of 33 px."""


@dataclass(frozen=True)
class ThinLens:
    """A lens and its sensor: `focal_length`, `focus_distance`, `pixel_pitch` in metres, `f_number` dimensionless."""

    focal_length: float
    f_number: float
    focus_distance: float
    pixel_pitch: float

    @property
    def slope(self) -> float:
        """Change of the blur diameter with inverse depth, px·m: L·f / (1 - f/g) / p with L = f/N (FIELD: 1)."""
        aperture_diameter = self.focal_length / self.f_number
        return (
            aperture_diameter * self.focal_length / (1.0 - self.focal_length / self.focus_distance) / self.pixel_pitch
        )

    @property
    def focal_px(self) -> float:
        """Focal length in pixels: how far a point moves in the image per unit of X/Z."""
        return self.focal_length / self.pixel_pitch

    def circle_of_confusion(self, depth: Tensor) -> Tensor:
        """Signed blur diameter in pixels at `depth` (m): positive nearer than focus; affine in 1/depth (FIELD: 1)."""
        return self.slope * (1.0 / depth - 1.0 / self.focus_distance)


ApertureWeight = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(u, v, shape) -> non-negative weight of the left view; u, v in -0.5..0.5, u along the DP axis, shape in 0..1, all
broadcast against each other."""


def _half_disc(u: Tensor, v: Tensor, shape: Tensor) -> Tensor:
    """The ideal split; `shape` softens the dividing line by up to a tenth of the aperture."""
    return torch.clamp(u / (0.01 + 0.1 * shape) + 0.5, 0.0, 1.0)


def _ramp_disc(u: Tensor, v: Tensor, shape: Tensor) -> Tensor:
    """Sensitivity falling linearly across the aperture."""
    return u + 0.5 + 0.0 * shape


def _swept_disc(u: Tensor, v: Tensor, shape: Tensor) -> Tensor:
    """The disc while a copy of itself is swept across it: the share of the sweep during which the copy covers a point
    (Punnappurath et al. 2020); a longer sweep reaches the far edge."""
    behind_edge = u + torch.sqrt(torch.clamp(0.25 - v**2, min=0.0))
    return torch.clamp(behind_edge / (0.6 + 0.25 * shape), 0.0, 1.0)


def _butterworth_disc(u: Tensor, v: Tensor, shape: Tensor) -> Tensor:
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


class Lens(Protocol):
    """What a camera needs of a lens: an `Aperture` that is the same all over the picture, or a field of them."""

    @property
    def alpha(self) -> Tensor:
        """Disparity per pixel of signed circle of confusion in the middle of the picture, () or (B,)."""

    @property
    def whole(self) -> Lens:
        """What an ordinary pixel sees: both halves together, V = 1."""

    def alpha_map(self, h: int, w: int) -> Tensor:
        """Alpha at every pixel of an h×w picture, (1 or B, h or 1, w or 1)."""

    def tiles(self, h: int, w: int) -> list[tuple[Aperture, Tensor | None]]:
        """The apertures that an h×w picture is taken through, each with the share (h, w) of every point's light that
        passes it. The shares add up to 1; None is all of it."""

    def to(self, device: torch.device | str) -> Lens:
        """The same lens on `device`."""


@dataclass(frozen=True)
class Aperture:
    """Samples of a lens, of one (no B) or of a batch.

    `u`, `v` ((B,) N) in fractions of the circle of confusion; `weight` ((B,) V, N), one row per view, each summing to
    1. V is 2 (left, right) for a dual pixel, 1 for an ordinary one.
    """

    u: Tensor
    v: Tensor
    weight: Tensor

    @property
    def alpha(self) -> Tensor:
        """Disparity per pixel of signed circle of confusion, () or (B,): left centroid minus right centroid."""
        return centroid_difference(self.u, self.weight)

    @property
    def whole(self) -> Aperture:
        """What an ordinary pixel sees: both halves together, V = 1."""
        return Aperture(self.u, self.v, self.weight.mean(-2, keepdim=True))

    def alpha_map(self, h: int, w: int) -> Tensor:
        """Alpha of every pixel, (1 or B, 1, 1): the same everywhere."""
        return self.alpha.reshape(-1, 1, 1)

    def tiles(self, h: int, w: int) -> list[tuple[Aperture, Tensor | None]]:
        """This aperture, which all light passes."""
        return [(self, None)]

    def to(self, device: torch.device | str) -> Aperture:
        """The same samples on `device`."""
        return Aperture(self.u.to(device), self.v.to(device), self.weight.to(device))


def centroid_difference(u: Tensor, weight: Tensor) -> Tensor:
    """Centroid of the first view minus that of the last, along `u` (..., N), of `weight` (..., V, N)."""
    centroid = (weight.double() * u.double().unsqueeze(-2)).sum(-1)
    return (centroid[..., 0] - centroid[..., -1]).to(u.dtype)


def aperture(family: str, shape: float = 0.5, right_shape: float | None = None, offset: float = 0.0) -> Aperture:
    """The aperture of PSF `family`.

    `right_shape` lets the right view differ (real PSFs are not mirror images), `offset` moves both views together by
    that fraction of the circle of confusion, as the calibrated kernels of a Pixel 4 do (FIELD.md section 1).
    """
    u, v = aperture_grid()
    shapes = torch.tensor([shape, shape if right_shape is None else right_shape], dtype=torch.float64)
    weight = _weights(family, u, v, shapes)
    return Aperture(u=(u + offset).float(), v=v.float(), weight=weight.float())


def random_aperture(generator: torch.Generator, batch: int) -> Aperture:
    """`batch` lenses of random PSF families, with views that are not exact mirror images of each other.

    Part of each view's light is the other's (crosstalk between the halves of a pixel): what tells them apart is
    log-uniform in 1/4 … 1. So alpha reaches from the .42 of an ideal half disc down to .06; a Pixel 4's .2 and the .1
    that mirrorless cameras show in real captures (docs/realism) lie in between.
    """
    u, v = (t.to(generator.device) for t in aperture_grid())
    draw = torch.rand(batch, 5, generator=generator, device=generator.device, dtype=torch.float64)
    family = (draw[:, 0] * len(PSF_FAMILIES)).long()
    weight = torch.zeros(batch, 2, u.numel(), device=u.device, dtype=u.dtype)
    for index, name in enumerate(PSF_FAMILIES):
        weight = torch.where((family == index)[:, None, None], _weights(name, u, v, draw[:, 1:3]), weight)
    distinct = 0.25 ** draw[:, 4, None, None]
    weight = torch.lerp(weight.flip(1), weight, 0.5 + 0.5 * distinct)
    offset = 0.1 * (draw[:, 3:4] - 0.5)
    return Aperture((u + offset).float(), v.expand(batch, -1).float(), weight.float())


def aperture_grid() -> tuple[Tensor, Tensor]:
    """(u, v), each (N,) float64: the points of a square grid that lie inside the disc of diameter 1."""
    axis = (torch.arange(APERTURE_SAMPLES, dtype=torch.float64) + 0.5) / APERTURE_SAMPLES - 0.5
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    inside = (u**2 + v**2) <= 0.25
    return u[inside], v[inside]


def _weights(family: str, u: Tensor, v: Tensor, shapes: Tensor) -> Tensor:
    """Weights (..., 2, N) of both views for `shapes` (..., 2)."""
    weigh = PSF_FAMILIES[family]
    left, right = weigh(u, v, shapes[..., :1]), weigh(-u, v, shapes[..., 1:])
    weight = torch.stack([t.expand(*shapes.shape[:-1], -1) for t in (left, right)], dim=-2)
    return weight / weight.sum(-1, keepdim=True)


def splat_kernels(lens: Aperture, coc: Tensor, size: tuple[int, int], shift: Tensor | None = None) -> Tensor:
    """Kernels of unit energy, one per view, on a periodic H×W grid with the origin at index (0, 0).

    coc: signed circle of confusion in px, of any shape for one lens, (B, P) for a batch of lenses; size: (H, W) of the
    grid; shift: ((B,) V, 2) px added to (view, (y, x)), for misregistration. Returns (*coc.shape, V, H, W), ready for
    `torch.fft.rfft2`.
    """
    h, w = size
    views = lens.weight.shape[-2]
    u, v, weight = (t.to(coc.device) for t in (lens.u, lens.v, lens.weight))
    if u.dim() == 1:
        u, v, weight = u[None], v[None], weight[None]
    nodes = coc.reshape(u.shape[0], -1, 1, 1)
    shift = torch.zeros(1, views, 2, device=coc.device) if shift is None else shift.reshape(-1, views, 2)
    x = nodes * u[:, None, None] + shift[:, None, :, 1, None]
    y = nodes * v[:, None, None] + shift[:, None, :, 0, None]
    x0, y0 = torch.floor(x), torch.floor(y)
    fx, fy = x - x0, y - y0
    grid = torch.zeros(coc.numel() * views, h * w, device=coc.device)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = weight[:, None] * (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
        index = (y0.long() + dy) % h * w + (x0.long() + dx) % w
        grid.scatter_add_(1, index.reshape(grid.shape[0], -1), part.reshape(grid.shape[0], -1))
    return grid.reshape(*coc.shape, views, h, w)


@dataclass(frozen=True)
class PointSpread:
    """Both views' images of one point: `left`, `right` (K, K) of unit energy, the point in the middle; `alpha` is the
    disparity per px of blur, so that `left` and `right` are alpha·c px apart."""

    left: Tensor
    right: Tensor
    alpha: float


def point_spread(lens: Aperture, coc: float, size: int = 61) -> PointSpread:
    """What `lens` (one, not a batch) makes of a point whose signed circle of confusion is `coc` px.

    Raises DpocketError when `size` is even, and so has no middle, or when the kernels do not fit into it.
    """
    reach = abs(coc) * float(torch.maximum(lens.u.abs(), lens.v.abs()).max()) + 1
    if size % 2 == 0 or reach > (size - 1) / 2:
        raise DpocketError(
            f"kernels of {size}×{size} px were asked for at a blur of {coc:g} px; "
            f"take an odd size, of at least {2 * int(reach + 0.999) + 1}"
        )
    kernels = splat_kernels(lens, torch.tensor(coc), (size, size)).roll((size // 2, size // 2), (-2, -1))
    return PointSpread(kernels[0], kernels[-1], float(lens.alpha))
