"""The same scene as a displaced or turned camera sees it: each layer resampled, never dividing by depth.

An image point x, y (px right and down of the centre) lies on the ray r = (x/f, y/f, 1); with inverse depth q, a camera
at t that is turned by R sees it on the ray R(r - t·q), whose third component also divides q. Infinity is q = 0. To find
what a pixel of the displaced camera shows, this is solved for the point of each layer by Newton's method on its dense
q: one step is exact where q is affine in x and y, that is, on planes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from training.dice import pixel_grid
from training.interpolate import bilinear, spline_coefficients, spline_values, transformed
from training.scenes import Scene

STEPS = 5
"""Newton steps towards the point of a layer that a pixel shows: 1 for a plane, the rest for what is curved."""

LEAST_OPENING = 0.25
"""Steps are kept short where disparity changes by more than 1 - this per px: the surface is nearly seen from behind."""

NEAREST = 0.02
"""What is left of a surface's distance when a camera has moved up to it and no longer sees it, as a share."""


@dataclass(frozen=True)
class Viewpoint:
    """B cameras beside the reference camera of a scene.

    focal_px: (B,) px; position: (B, 3) metres right, down, forward; rotation: (B, 3) rad about those axes, in this
    order: positive about x turns the camera up, about y to the right, about z clockwise. principal: (B, 2) px right and
    down of the picture's centre, where the optical axis meets the sensor.
    """

    focal_px: Tensor
    position: Tensor
    rotation: Tensor | None = None
    principal: Tensor | None = None

    @property
    def attitude(self) -> Tensor:
        """(B, 3, 3): from this camera's coordinates to the reference camera's; its columns are this camera's axes."""
        if self.rotation is None:
            return torch.eye(3, device=self.position.device).expand(self.position.shape[0], 3, 3)
        # In float64: some GPUs round the factors of float32 products to 10 bits.
        angle = self.rotation.double()
        one, zero = torch.ones_like(angle[:, 0]), torch.zeros_like(angle[:, 0])
        (cx, cy, cz), (sx, sy, sz) = angle.cos().unbind(1), angle.sin().unbind(1)
        about_x = torch.stack([one, zero, zero, zero, cx, -sx, zero, sx, cx], 1).reshape(-1, 3, 3)
        about_y = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], 1).reshape(-1, 3, 3)
        about_z = torch.stack([cz, -sz, zero, sz, cz, zero, zero, zero, one], 1).reshape(-1, 3, 3)
        return (about_z @ about_y @ about_x).to(self.rotation.dtype)

    @property
    def homography(self) -> Tensor:
        """(B, 3, 3): from centred px (x, y, 1) of a camera at the same place that is not turned to px of this one.

        It holds at every depth: a rotation about the lens has no parallax.
        """
        scale = torch.stack([self.focal_px, self.focal_px, torch.ones_like(self.focal_px)], 1)
        outward = torch.diag_embed(scale).double()
        if self.principal is not None:
            outward[:, :2, 2] = self.principal.double()
        turned = outward @ self.attitude.mT.double() @ torch.diag_embed(1.0 / scale.double())
        return turned.to(self.focal_px.dtype)

    def project(self, x: Tensor, y: Tensor, inverse_depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where points (B, ...) at reference pixel x, y are seen: x', y' (px) and their inverse depth there."""
        focal = _per_sample(self.focal_px, inverse_depth)
        ray = _ray(x / focal, y / focal)
        offset = inverse_depth[..., None] * _per_sample(self.position, ray)
        turned = transformed(self.attitude.mT, ray - offset)
        forward = turned[..., 2].clamp(min=NEAREST)
        px, py = self._principal(inverse_depth)
        return focal * turned[..., 0] / forward + px, focal * turned[..., 1] / forward + py, inverse_depth / forward

    def back_project(self, x: Tensor, y: Tensor) -> Lines:
        """The points of the reference picture that pixel x, y (B, ...) of this camera may show."""
        focal = _per_sample(self.focal_px, x)
        px, py = self._principal(x)
        ray = _ray((x - px) / focal, (y - py) / focal)
        turned = transformed(self.attitude, ray)
        along = turned[..., :2] / turned[..., 2:]
        position = _per_sample(self.position, turned)
        focal = focal[..., None]
        slope = focal * (position[..., :2] - position[..., 2:] * along)
        return Lines(focal * along, slope, turned[..., 2], position[..., 2])

    def _principal(self, like: Tensor) -> tuple[Tensor, Tensor]:
        if self.principal is None:
            return torch.zeros_like(like), torch.zeros_like(like)
        return _per_sample(self.principal[:, 0], like), _per_sample(self.principal[:, 1], like)


@dataclass(frozen=True)
class Lines:
    """Epipolar lines in the reference picture: point (x, y) = start + slope·q px; inverse depth from the other camera
    is q·turned / (1 - ahead·q)."""

    start: Tensor
    slope: Tensor
    turned: Tensor
    ahead: Tensor

    def at(self, inverse_depth: Tensor) -> Tensor:
        """(..., 2) px of the points of that inverse depth."""
        return self.start + self.slope * inverse_depth[..., None]

    def left_over(self, inverse_depth: Tensor) -> Tensor:
        """The share of the points' distance from the reference camera that lies in front of the other."""
        return 1.0 - self.ahead * inverse_depth


class Surfaces:
    """A scene prepared to be looked at from many places."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        q = scene.inverse_depth
        slope_y, slope_x = torch.gradient(q, dim=(2, 3))
        self._geometry = torch.stack([q, slope_x, slope_y], 2).flatten(0, 1)

    @cached_property
    def _light(self) -> Tensor:
        """Spline coefficients (B·L, C, H, W)."""
        light = self.scene.texture[:, :, None] if self.scene.colour is None else self.scene.colour
        return spline_coefficients(light.flatten(0, 1))

    def seen_from(self, viewpoint: Viewpoint) -> Scene:
        """The scene as that camera's own reference picture, of the same size."""
        b, layers, h, w = self.scene.texture.shape
        lines = viewpoint.back_project(*self._pixels())
        points, inverse_depth = self._points(lines)
        flat = points.flatten(0, 1)
        light = spline_values(self._light, flat).clamp(min=0.0).reshape(b, layers, -1, h, w)
        coverage = bilinear(self.scene.coverage.flatten(0, 1)[:, None], flat).reshape(b, layers, h, w)
        left_over = lines.left_over(inverse_depth)
        coverage = torch.cat([coverage[:, :1], coverage[:, 1:] * (left_over[:, 1:] > NEAREST)], 1)
        return replace(
            self.scene,
            texture=light[:, :, 0 if self.scene.colour is None else 1],
            coverage=coverage,
            inverse_depth=inverse_depth * lines.turned / left_over.clamp(min=NEAREST),
            colour=None if self.scene.colour is None else light,
        )

    def known_from(self, viewpoint: Viewpoint) -> Tensor:
        """(B, 1, H, W), 1 where every layer shows a point of the canvas, 0 where one shows its mirror image."""
        h, w = self.scene.texture.shape[-2:]
        points, _ = self._points(viewpoint.back_project(*self._pixels()))
        inside = (points[..., 0].abs() <= (w - 1) / 2) & (points[..., 1].abs() <= (h - 1) / 2)
        return inside.all(1, keepdim=True).float()

    def hidden_from(self, viewpoint: Viewpoint) -> Tensor:
        """(B, 1, H, W) in {0, 1}: 1 where another layer hides the reference picture's surface from that camera.

        A layer does not hide itself, and the edge of the canvas hides nothing.
        """
        front = self._front_most_layer()
        inverse_depth = self.scene.inverse_depth.gather(1, front)
        x, y = self._pixels()
        seen_x, seen_y, _ = viewpoint.project(x, y, inverse_depth)
        points, _ = self._points(viewpoint.back_project(seen_x, seen_y))
        coverage = bilinear(self.scene.coverage.flatten(0, 1)[:, None], points.flatten(0, 1))
        coverage = coverage.reshape(self.scene.texture.shape)
        layer = torch.arange(coverage.shape[1], device=coverage.device)[None, :, None, None]
        return ((coverage > 0.5) & (layer > front)).any(1, keepdim=True).float()

    def _front_most_layer(self) -> Tensor:
        layer = torch.arange(self.scene.texture.shape[1], device=self.scene.texture.device)[None, :, None, None]
        return ((self.scene.coverage > 0.5) * layer).amax(1, keepdim=True)

    def _pixels(self) -> tuple[Tensor, Tensor]:
        """(x, y) of every pixel, each (B, 1, H, W)."""
        b, _, h, w = self.scene.texture.shape
        y, x = pixel_grid(h, w, self.scene.texture.device)
        return x.expand(b, 1, h, w), y.expand(b, 1, h, w)

    def _points(self, lines: Lines) -> tuple[Tensor, Tensor]:
        """Where each line meets each layer: (B, L, H, W, 2) px and the inverse depth there, (B, L, H, W)."""
        shape = self.scene.texture.shape
        guess = self.scene.inverse_depth
        for _ in range(STEPS):
            geometry = bilinear(self._geometry, lines.at(guess).flatten(0, 1))
            q, slope_x, slope_y = (geometry[:, i].reshape(shape) for i in range(3))
            opening = 1.0 - (slope_x * lines.slope[..., 0] + slope_y * lines.slope[..., 1])
            guess = guess + (q - guess) / opening.clamp(min=LEAST_OPENING)
        points = lines.at(guess)
        return points, bilinear(self._geometry[:, :1], points.flatten(0, 1)).reshape(shape)


def seen_from(
    scene: Scene,
    focal_px: Tensor,
    position: Tensor,
    rotation: Tensor | None = None,
    principal: Tensor | None = None,
) -> Scene:
    """`scene` as a camera elsewhere sees it, with the members of `Viewpoint`; layers keep their order.

    A point x moves to x - f·t·q px for a camera t metres to the right. What lies outside of the canvas is its mirror
    image; `Surfaces.known_from` tells where.
    """
    return Surfaces(scene).seen_from(Viewpoint(focal_px, position, rotation, principal))


def _ray(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([x, y, torch.ones_like(x)], -1)


def _per_sample(value: Tensor, like: Tensor) -> Tensor:
    """(B, ...) or (B, 3) values beside a (B, ..., 3) or (B, ...) tensor."""
    return value.reshape(value.shape[0], *[1] * (like.dim() - value.dim()), *value.shape[1:])
