"""`LightField`: a scene from a grid of places on the lens, and the dual pixels that such views add up to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from runtime_py.errors import DpocketError
from training.camera import Camera
from training.data.geometry import Offsets
from training.data.sample import Sample
from training.optics import Aperture
from training.pictures import dual_pixel_sample, picture
from training.render import front_most
from training.scenes import Scene
from training.viewpoint import Surfaces, Viewpoint


@dataclass(frozen=True)
class LightField:
    """views: (B, V, 3, H, W) linear radiance, row by row from the top left; offsets: V (right, down) in steps; step:
    (B,) metres between neighbouring views; focus: (B,) 1/m, the inverse depth that has no disparity; disparity: (B, 1,
    H, W) px that a point of the middle view moves to the left (or up) in the view one step to the right (or below)."""

    views: Tensor
    offsets: Offsets
    step: Tensor
    focus: Tensor
    disparity: Tensor

    @property
    def middle(self) -> Tensor:
        """(B, 3, H, W), the view of the reference camera."""
        return self.views[:, self.offsets.index((0.0, 0.0))]


def light_field(
    scene: Scene,
    camera: Camera,
    step: Tensor,
    views: int = 7,
    share: float = 0.0,
    focused: bool = True,
    margin: int = 24,
) -> LightField:
    """`views` × `views` pictures of `scene` from places `step` (B,) metres apart around the reference camera.

    share: diameter of each view's own aperture as a share of the camera's; 0 is a pinhole. focused: as in the file of a
    plenoptic camera, the views are shifted so that the camera's plane of focus has no disparity; otherwise they are
    those of cameras side by side, and infinity has none. `margin` px are cut at every side.

    Raises DpocketError when `views` is not odd: there would be no middle view.
    """
    if views % 2 != 1:
        raise DpocketError(f"a light field of {views}×{views} views has no middle one; ask for an odd number")
    h, w = scene.texture.shape[-2:]
    inner = (..., slice(margin, h - margin), slice(margin, w - margin))
    surfaces, half = Surfaces(scene), views // 2
    lens = None if share == 0.0 else replace(camera, slope=camera.slope * share)
    focus = camera.focus if focused else torch.zeros_like(camera.focus)
    offsets = tuple((float(u), float(v)) for v in range(-half, half + 1) for u in range(-half, half + 1))
    pictures = []
    for u, v in offsets:
        seen = scene if u == v == 0.0 else surfaces.seen_from(_place(camera, step, focus, u, v))
        pictures.append(picture(seen, lens)[inner])
    parallax = (camera.focal_px * step)[:, None, None, None]
    disparity = parallax * (front_most(scene)[1] - focus[:, None, None, None])
    return LightField(torch.stack(pictures, 1), offsets, step, focus, disparity[inner])


def _place(camera: Camera, step: Tensor, focus: Tensor, u: float, v: float) -> Viewpoint:
    offset = torch.stack([u * step, v * step], 1)
    position = torch.cat([offset, torch.zeros_like(offset[:, :1])], 1)
    return Viewpoint(camera.focal_px, position, principal=offset * (camera.focal_px * focus)[:, None])


def lens_step(camera: Camera, views: int = 7) -> Tensor:
    """(B,) metres between views whose outermost stand on the rim of the camera's lens.

    The blur diameter is slope·(q - focus) px and the parallax of two places is focal·distance·(q - focus) px, so that
    the lens is slope/focal metres wide; a lens whose middle is not that of the picture reaches farther on one side.
    """
    rims = [torch.maximum(part.u.abs().max(), part.v.abs().max()) for part, _ in camera.aperture.tiles(1, 1)]
    return camera.slope / camera.focal_px * (2.0 * float(torch.stack(rims).max())) / (views - 1)


def dual_pixels(field: LightField, camera: Camera) -> tuple[Tensor, Tensor]:
    """The left and right view, each (B, 3, H, W), that the views of a focused pinhole field add up to.

    Each is the mean of the views over its half of the lens, weighted as `camera.aperture` does; light that passes
    between the places of four views is shared linearly, which keeps every centroid and so the disparity. The place u
    of an aperture sample, in blur diameters of the picture, is -u lens diameters to the right of the lens's middle:
    what lies near moves to the left in views from the right.

    Raises DpocketError when the field is focused elsewhere than the camera, its views do not reach the rim of the lens,
    or the lens varies over the picture.
    """
    lens = camera.aperture
    if not isinstance(lens, Aperture):
        raise DpocketError(
            "the lens's point-spread function varies over the picture, so no one weighting of the views is its dual "
            "pixels; give a camera with one Aperture"
        )
    if not torch.equal(field.focus, camera.focus):
        raise DpocketError(
            f"the light field is focused at {field.focus.tolist()} 1/m and the camera at {camera.focus.tolist()}; make "
            "it with light_field(focused=True) for this camera"
        )
    weights = _view_weights(field, lens, camera.slope / camera.focal_px)
    left, right = torch.einsum("bvchw,bsv->sbchw", field.views, weights)
    return left, right


def _view_weights(field: LightField, lens: Aperture, width: Tensor) -> Tensor:
    """(B, 2, V) weights of the views in each half of a lens that is `width` (B,) metres wide."""
    b, count = field.views.shape[:2]
    side = round(count**0.5)
    diameter = (width / field.step)[:, None]
    column, row = (-coordinate.expand(b, -1) * diameter + side // 2 for coordinate in (lens.u, lens.v))
    if float(torch.stack([column, row]).min()) < -1e-3 or float(torch.stack([column, row]).max()) > side - 1 + 1e-3:
        raise DpocketError(
            f"{side}×{side} views {float(field.step.min()):.2g} m apart do not reach the rim of the lens; lens_step() "
            "gives a step that does"
        )
    weights = torch.zeros(b, lens.weight.shape[-2], count, device=field.views.device)
    column, row = column.clamp(0, side - 1), row.clamp(0, side - 1)
    x0, y0 = column.floor().clamp(max=side - 2), row.floor().clamp(max=side - 2)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = (1 - (column - x0 - dx).abs()) * (1 - (row - y0 - dy).abs())
        index = ((y0 + dy) * side + x0 + dx).long()[:, None].expand(-1, weights.shape[1], -1)
        weights.scatter_add_(2, index, part[:, None] * lens.weight)
    return weights


def light_field_sample(
    scene: Scene, camera: Camera, step: Tensor, views: int = 7, share: float = 0.0, margin: int = 24
) -> Sample:
    """A camera's dual-pixel pair, picture and truth, as `dual_pixel_sample`, and a focused light field around it."""
    field = light_field(scene, camera, step, views, share, True, margin)
    return replace(dual_pixel_sample(scene, camera, margin), views=field.views, view_offsets=field.offsets)
