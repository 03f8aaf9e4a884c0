"""`Camera`: how depth becomes blur and disparity on a sensor, for a batch of cameras."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.optics import Lens, ThinLens, random_aperture


@dataclass(frozen=True)
class Camera:
    """B cameras that look along +Z. The world of a scene is told in *inverse depth* q = 1/Z (1/m): what follows from it
    is affine in q, and infinity is 0.

    slope: (B,) px·m, blur diameter per unit of inverse depth; focus: (B,) 1/m, the inverse depth in focus; focal_px:
    (B,) px, the focal length. All three belong to pixels of the rendered width.
    """

    aperture: Lens
    slope: Tensor
    focus: Tensor
    focal_px: Tensor

    @property
    def alpha(self) -> Tensor:
        """(B,) disparity per px of circle of confusion, in the middle of the picture where it varies."""
        return self.aperture.alpha.expand(self.slope.shape)

    def circle_of_confusion(self, inverse_depth: Tensor) -> Tensor:
        """Signed blur diameter, px, of (B, ...) inverse depths: positive nearer than the focus plane."""
        return _per_sample(self.slope, inverse_depth) * (inverse_depth - _per_sample(self.focus, inverse_depth))

    def disparity(self, inverse_depth: Tensor) -> Tensor:
        """x_left - x_right in px of (B, ...) inverse depths.

        Where alpha varies over the picture, (B, ..., H, W) is taken for one picture of H×W px, so (B, 1, 1) for the
        pixel in its middle.
        """
        return self._alpha_of(inverse_depth) * self.circle_of_confusion(inverse_depth)

    def inverse_depth(self, disparity: Tensor) -> Tensor:
        """The inverse depth (1/m) at which a (B, ...) disparity in px arises: the inverse of `disparity`.

        Where alpha varies over the picture, the disparity of infinity does too, and a constant one just above it in
        the middle may lie beyond infinity (below 0) elsewhere.
        """
        gain = self._alpha_of(disparity) * _per_sample(self.slope, disparity)
        return _per_sample(self.focus, disparity) + disparity / gain

    def _alpha_of(self, values: Tensor) -> Tensor:
        h, w = values.shape[-2:] if values.dim() > 2 else (1, 1)
        alpha = self.aperture.alpha_map(h, w)
        if values.dim() < 3:
            return _per_sample(alpha[:, 0, 0], values)
        return alpha.reshape(-1, *[1] * (values.dim() - 3), *alpha.shape[1:])

    def to(self, device: torch.device | str) -> Camera:
        """The same cameras on `device`."""
        return Camera(self.aperture.to(device), self.slope.to(device), self.focus.to(device), self.focal_px.to(device))


def thin_lens_camera(lens: ThinLens, aperture: Lens) -> Camera:
    """The one camera (B = 1) of a physical lens."""
    slope, focus, focal = (torch.tensor([v]) for v in (lens.slope, 1.0 / lens.focus_distance, lens.focal_px))
    return Camera(aperture, slope, focus, focal)


def random_camera(generator: torch.Generator, batch: int, reach: float, aperture: Lens | None = None) -> Camera:
    """`batch` cameras of random focus, behind `aperture` or, without one, of random PSFs.

    The disparity at infinity is log-uniform in -4·reach … -reach/4 px: every other camera can see `reach` px beyond its
    focus plane, as a phone does that is focused at a hand's length, the others are focused farther away.
    """

    def log_uniform(low: float, high: float) -> Tensor:
        return low * (high / low) ** torch.rand(batch, generator=generator, device=generator.device)

    if aperture is None:
        aperture = random_aperture(generator, batch)
    disparity_slope = log_uniform(0.5, 20.0)
    at_infinity = log_uniform(reach / 4, 4 * reach)
    return Camera(aperture, disparity_slope / aperture.alpha, at_infinity / disparity_slope, log_uniform(500.0, 1500.0))


def _per_sample(value: Tensor, like: Tensor) -> Tensor:
    return value.view(-1, *([1] * (like.dim() - 1)))
