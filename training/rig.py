"""`Rig`: the three phones of dpMV in a row, C left, B centre, A right (Garg et al., ICCP 2024; FIELD.md section 2).

Every phone takes an ordinary picture and a dual-pixel pair through one lens. The pictures are published rectified, that
is, as if the three stood side by side without being turned; the pairs are not. What lies between a phone's pair and its
rectified picture is a rotation about the lens and a shift on the sensor: a homography, the same at every depth, so that
registering them asks for no depth. Who feeds both to a network without it trains on misregistered input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from training.camera import Camera
from training.data.sample import Sample
from training.interpolate import warp
from training.optics import ThinLens, random_aperture
from training.render import Rendered, front_most, render_image, render_pair
from training.scenes import Scene
from training.stereo import to_the_right
from training.viewpoint import Surfaces, Viewpoint

PLACES: Mapping[str, float] = MappingProxyType({"C": -1.0, "B": 0.0, "A": 1.0})
"""Where each phone stands, in baselines to the right of B, which is the reference camera of the scene."""

LEAST = 0.01
"""Disparity of the farthest point of windows that are cut out where neighbours show the same, as a share of theirs."""

NEIGHBOUR: Mapping[str, str] = MappingProxyType({"C": "B", "B": "A", "A": "B"})
"""The phone that a phone's stereo disparity is measured against."""


@dataclass(frozen=True)
class Phone:
    """B phones of one place. camera: the lens and its focus; rotation: (B, 3) rad, how its sensor is turned against the
    rectified frame (as `Viewpoint.rotation`); principal: (B, 2) px right and down, how it is shifted."""

    camera: Camera
    rotation: Tensor
    principal: Tensor


@dataclass(frozen=True)
class Rig:
    """phones: by the names of `PLACES`; baseline: (B,) metres between neighbours; dp_axis: of all of them; level: (B,)
    1/m, the inverse depth at which neighbours show a point on the same column, infinity by default. Windows of two
    pictures that are cut out where both show the same things have another one."""

    phones: Mapping[str, Phone]
    baseline: Tensor
    dp_axis: str = "vertical"
    level: Tensor | None = None


@dataclass(frozen=True)
class Frame:
    """What one phone of a rig delivers.

    pair: the dual-pixel pair with its truth, on the sensor's own pixels; rgb: (B, 3, H, W) rectified; registered_rgb:
    the same, warped to the pixels of the pair; homography: (B, 3, 3), takes px (x, y, 1) of the rectified picture to px
    of the pair, both from the centre. On the pixels of rgb, (B, 1, H, W): disparity px, the stereo disparity that a
    teacher would find, focal·baseline·(1/depth - level); inverse_depth 1/m; hidden, 1 where something hides the point
    from the neighbouring phone.
    """

    pair: Rendered
    rgb: Tensor
    registered_rgb: Tensor
    homography: Tensor
    disparity: Tensor
    inverse_depth: Tensor
    hidden: Tensor


def pixel4_camera(generator: torch.Generator, batch: int, width: int) -> Camera:
    """Main cameras of a Pixel 4 held upright, of random PSFs and focused at 0.3 … 3 m (FIELD.md sections 1 and 5), for
    pictures `width` px wide."""
    shares = torch.rand(batch, generator=generator, device=generator.device)
    lenses = [ThinLens(4.38e-3, 1.73, 0.3 * 10.0**share, 2.8e-6 * 1512 / width) for share in shares.tolist()]
    slope, focus, focal = (
        torch.tensor(values, device=generator.device)
        for values in zip(*((lens.slope, 1.0 / lens.focus_distance, lens.focal_px) for lens in lenses), strict=True)
    )
    return Camera(random_aperture(generator, batch), slope, focus, focal)


def random_rig(
    generator: torch.Generator, scene: Scene, camera: Camera, dp_axis: str = "vertical", width: int | None = None
) -> Rig:
    """Phones like `camera`, each focused for itself, turned by about half a degree and shifted by about a px.

    The baseline gives the scene a mean stereo disparity of 3 % of the width, as dpMV has (18.5 of 600 px), or less
    where its nearest point would have more than 10 %. `width`: px, of the pictures that the scene is a window of, its
    own by default. The windows of neighbours are then cut out where both show the same, and the baseline is less
    where disparities would differ by more than 10 % of the window.
    """

    def normal(count: int) -> Tensor:
        return torch.randn(camera.slope.shape[0], count, generator=generator, device=generator.device)

    inverse_depth = front_most(scene)[1]
    window = scene.texture.shape[-1]
    mean, nearest = inverse_depth.mean((1, 2, 3)), inverse_depth.amax((1, 2, 3))
    span = nearest - inverse_depth.amin((1, 2, 3))
    reach = span / 4
    baseline = (width or window) / camera.focal_px * torch.minimum(0.03 / mean, 0.1 / nearest).clamp(max=10.0)
    level = None
    if width is not None:
        baseline = torch.minimum(baseline, 0.1 * window / (camera.focal_px * span.clamp(min=1e-6)))
        level = nearest - span - LEAST * window / (camera.focal_px * baseline)
    phones = {}
    for name in PLACES:
        focus = (camera.focus + reach * normal(1)[:, 0]).clamp(min=0.0)
        phones[name] = Phone(replace(camera, focus=focus), 0.009 * normal(3), normal(2))
    return Rig(phones, baseline, dp_axis, level)


def photograph(scene: Scene, rig: Rig, margin: int = 24) -> dict[str, Frame]:
    """What every phone of `rig` delivers of `scene`, by its name; `margin` px are cut at every side."""
    surfaces = Surfaces(scene)
    return {name: _frame(surfaces, rig, name, margin) for name in rig.phones}


def _frame(surfaces: Surfaces, rig: Rig, name: str, margin: int) -> Frame:
    phone = rig.phones[name]
    viewpoint = _rectified(rig, phone, PLACES[name])
    shift = _shift(rig, phone, PLACES[name])
    sensor = replace(viewpoint, rotation=phone.rotation, principal=phone.principal + shift)
    back = torch.eye(3, dtype=torch.float64, device=shift.device).repeat(shift.shape[0], 1, 1)
    back[:, :2, 2] -= shift.double()
    homography = (sensor.homography.double() @ back).float()
    seen = surfaces.seen_from(viewpoint)
    inverse_depth = front_most(seen)[1]
    # The blur of the rectified picture is that of a sensor which is not turned: with a rotation of a degree, a plane of
    # focus that is tilted by a degree is all the difference.
    rgb = render_image(seen, phone.camera, margin=0)
    neighbour = _rectified(rig, phone, PLACES[NEIGHBOUR[name]] - PLACES[name])
    h, w = rgb.shape[-2:]
    above = inverse_depth if rig.level is None else inverse_depth - rig.level[:, None, None, None]
    planes = (
        rgb,
        warp(rgb, torch.linalg.inv(homography.double()).float()),
        (phone.camera.focal_px * rig.baseline)[:, None, None, None] * above,
        inverse_depth,
        Surfaces(seen).hidden_from(neighbour),
    )
    cut = [plane[..., margin : h - margin, margin : w - margin] for plane in planes]
    pair = _pair(surfaces.seen_from(sensor), phone.camera, rig.dp_axis, margin)
    return Frame(pair, cut[0], cut[1], homography, *cut[2:])


def _rectified(rig: Rig, phone: Phone, place: float) -> Viewpoint:
    position = to_the_right(place * rig.baseline)
    return Viewpoint(phone.camera.focal_px, position, principal=_shift(rig, phone, place))


def _shift(rig: Rig, phone: Phone, place: float) -> Tensor:
    """(B, 2) px by which a sensor `place` baselines to the right is shifted, so that the rig's level stays in place."""
    shift = torch.zeros_like(phone.principal)
    if rig.level is not None:
        shift[:, 0] = place * phone.camera.focal_px * rig.baseline * rig.level
    return shift


def _pair(scene: Scene, camera: Camera, dp_axis: str, margin: int) -> Rendered:
    """The pair displaced along `dp_axis`; the sensor of a phone held upright lies on its side."""
    if dp_axis == "horizontal":
        return render_pair(scene, camera, margin=margin)
    pair = render_pair(_turned(scene, 1), camera, margin=margin)
    turned: Rendered = _turned(pair, -1)
    return turned


def _turned(holder: Any, quarters: int) -> Any:
    """A dataclass of pictures, each turned counter-clockwise by that many quarters."""
    planes = {field.name: getattr(holder, field.name) for field in fields(holder)}
    turned = {name: torch.rot90(plane, quarters, (-2, -1)) for name, plane in planes.items() if plane is not None}
    return replace(holder, **turned)


def rig_samples(frames: Mapping[str, Frame], dp_axis: str = "vertical", registered: bool = False) -> dict[str, Sample]:
    """One sample per phone, its picture as `rgb`.

    As the data set has them, the truth is the stereo disparity with its picture, on other pixels than the pair, and to
    the pair an affine map of what it shows. Registered, everything lies on the pixels of the pair, and the truth is
    the disparity of the pair in px.
    """
    return {name: (_registered if registered else _unregistered)(frame, dp_axis) for name, frame in frames.items()}


def _unregistered(frame: Frame, dp_axis: str) -> Sample:
    return Sample(
        left=frame.pair.left,
        right=frame.pair.right,
        disparity=frame.disparity,
        valid=torch.ones_like(frame.disparity),
        dp_axis=dp_axis,
        unit="affine",
        rgb=frame.rgb,
        rgb_registered=False,
        truth_registered=False,
        depth=1.0 / frame.inverse_depth,
        occluded=frame.hidden,
    )


def _registered(frame: Frame, dp_axis: str) -> Sample:
    return Sample(
        left=frame.pair.left,
        right=frame.pair.right,
        disparity=frame.pair.disparity,
        valid=torch.ones_like(frame.pair.disparity),
        dp_axis=dp_axis,
        rgb=frame.registered_rgb,
        depth=1.0 / frame.pair.inverse_depth,
        occluded=1.0 - frame.pair.visible,
    )
