"""What is in front of the camera: procedural scenes of layers, each a surface with an outline and a texture.

A scene is a stack of layers, back to front, each a texture, a coverage mask and a map of inverse depth, all as the
reference camera sees them. Everything is drawn with torch on the device of the generator, batched, so that a GPU
renders its own training data.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.camera import Camera
from training.dice import Dice, pixel_grid
from training.silhouettes import random_frame, silhouette
from training.surfaces import BACKGROUNDS, OBJECTS, relief
from training.textures import BARE, texture, tinted

WIDEST_BLUR = 44.0
"""Px of blur that the margin of a rendered canvas has room for."""

PRESENT, INTERIOR, BARE_IN_INTERIOR = 0.75, 0.12, 0.6
"""Chance that a layer in front holds an object; share of scenes that are interiors; share of bare surfaces there."""


@dataclass(frozen=True)
class Scene:
    """Layers from back to front. The back layer covers everything.

    texture: (B, L, H, W) linear radiance (of green light), about 0..1 with highlights above; coverage: (B, L, H, W) in
    0..1; inverse_depth: (B, L, H, W) in 1/m, at least 0; colour: (B, L, 3, H, W) radiance of red, green and blue light
    where colour is known, green being the texture.
    """

    texture: Tensor
    coverage: Tensor
    inverse_depth: Tensor
    colour: Tensor | None = None


def random_scene(
    generator: torch.Generator,
    camera: Camera,
    size: tuple[int, int],
    layers: int = 6,
    reach: float = 6.0,
    colour: bool = False,
) -> Scene:
    """One scene of `layers` layers in front of each of the cameras: the training distribution.

    Behind everything a wall, flat or slanted, a floor that meets a wall, a corner of a room or hills; before it, with a
    chance of 3/4 a layer, objects of the outlines in `silhouettes.OUTLINES` (three in ten of them thin: bars, wires,
    hair, nets, stems) and of the forms in `surfaces.OBJECTS`; on them mixtures of `textures.PATTERNS` in light and
    shadow. About a sixth of the surfaces have no texture at all, three fifths in the interiors (12 % of the scenes); a
    tenth have it on parts of them only. Brightness spans a factor of 40 from surface to surface.

    Disparities stay within ±reach px and nearer than infinity, in half of the scenes within a random part of that (see
    `disparity_range`). No layer is behind the one before it anywhere: where their surfaces would cut through each
    other, the front one lies on the other.
    With `colour` the texture is the same as without.
    """
    h, w = size
    batch = camera.slope.shape[0]
    dice = Dice(generator, batch)
    present = torch.rand(batch, layers, generator=generator, device=dice.device) < PRESENT
    present[:, 0] = True
    rows = present.flatten().nonzero()[:, 0]
    objects = [row for row in rows.tolist() if row % layers]
    back = list(range(0, batch * layers, layers))

    coverage = torch.zeros(batch * layers, h, w, device=dice.device)
    stands_out = torch.zeros_like(coverage)
    coverage[back] = 1.0
    y, x = pixel_grid(h, w, dice.device)
    v, u = ((2.0 * t / n).expand(batch, h, w) for t, n in ((y, h), (x, w)))
    stands_out[back] = relief(dice, BACKGROUNDS, v, u)
    if objects:
        in_front = dice.of(len(objects))
        frame = random_frame(in_front, h, w)
        coverage[objects] = silhouette(in_front, frame)
        stands_out[objects] = relief(in_front, OBJECTS, frame.v / frame.ry, frame.u / frame.rx)
    shape = (batch, layers, h, w)
    inverse_depth = _arranged(dice, camera, stands_out.reshape(shape), reach)

    interior = dice.chance(INTERIOR)
    draw = torch.rand(batch, layers, 1, generator=generator, device=dice.device)
    bare = (draw < BARE + (BARE_IN_INTERIOR - BARE) * interior).float()
    drawn = dice.of(len(rows))
    radiance = torch.zeros_like(coverage)
    radiance[rows] = texture(drawn, h, w, bare.reshape(-1, 1, 1)[rows])
    planes = None
    if colour:
        planes = torch.zeros(batch * layers, 3, h, w, device=dice.device)
        planes[rows] = tinted(drawn, radiance[rows])
        planes = planes.reshape(batch, layers, 3, h, w)
    return Scene(radiance.reshape(shape), coverage.reshape(shape), inverse_depth, planes)


def disparity_range(dice: Dice, camera: Camera, reach: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(lowest, far, highest, span), each (B, 1, 1) px: the least disparity that a scene may have, that of what is
    behind everything, the largest that it may have, and how much more than `far` its front has.

    The bounds are ±reach or what `WIDEST_BLUR` px of blur make, whichever is less, and infinity. Half of the scenes
    stay within a part of them, log-uniform in 1/8 … 1. More of what is seen lies beyond the focus plane than before it,
    as in most pictures.
    """
    bound = torch.clamp(WIDEST_BLUR * camera.alpha.reshape(-1, 1, 1), max=reach)
    bound = bound * torch.where(dice.chance(0.5) > 0, dice.log_uniform(0.125, 1.0), 1.0)
    infinity = camera.disparity(torch.zeros(dice.batch, 1, 1, device=dice.device))
    lowest = torch.maximum(0.98 * infinity, -bound)
    span = torch.minimum(dice.log_uniform(0.1, 2.0 * reach), bound - lowest)
    return lowest, lowest + dice.uniform(0.0, 1.0) ** 1.5 * (bound - lowest - span), bound, span


def _arranged(dice: Dice, camera: Camera, stands_out: Tensor, reach: float) -> Tensor:
    """Inverse depths (B, L, H, W) of surfaces with relief `stands_out`, in random distances from back to front."""
    batch, layers = stands_out.shape[:2]
    lowest, far, highest, span = disparity_range(dice, camera, reach)

    def draw() -> Tensor:
        return torch.rand(batch, layers, 1, 1, generator=dice.generator, device=dice.device)

    order = torch.sort(draw(), dim=1).values
    order = (order - order[:, :1]) / torch.clamp(order[:, -1:] - order[:, :1], min=1e-3)
    depth = 0.3 * draw() * torch.clamp(span, max=3.0)[:, None]
    # Floors and rooms reach from the far end of a scene towards its near one, so they may use all of its depth.
    depth[:, :1] = (span * dice.log_uniform(0.05, 1.0))[:, None]
    disparity = far[:, None] + span[:, None] * order + depth * stands_out
    planes = list(disparity.clamp(lowest[:, None], highest[:, None]).unbind(1))
    for index in range(1, layers):
        planes[index] = torch.maximum(planes[index], planes[index - 1])
    return camera.inverse_depth(torch.stack(planes, 1))
