"""A picture with a depth for each pixel, cut into the layers of a scene, with what its edges hide painted in."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.scenes import Scene

HIDDEN = 24
"""How far, in px, a layer goes on behind what is in front of it: as far as the widest blur uncovers it."""


def sliced(colour: Tensor, inverse_depth: Tensor, valid: Tensor, layers: int = 6) -> Scene:
    """A scene whose front-most surfaces have the given inverse depth wherever it is valid.

    colour: (B, 3, H, W) linear radiance; inverse_depth: (B, H, W), only where valid (B, H, W) bool; elsewhere it is
    filled in smoothly from around. The slices are equally thick in inverse depth. Behind nearer ones each goes on
    for `HIDDEN` px, and the farthest everywhere, with colour and depth carried on from its own pixels.
    """
    q = filled(inverse_depth[:, None], valid[:, None])[:, 0]
    low, high = q.amin((1, 2), keepdim=True), q.amax((1, 2), keepdim=True)
    number = ((q - low) / (high - low).clamp(min=1e-9) * layers).long().clamp(max=layers - 1)
    known = torch.cat([colour, q[:, None]], 1)
    parts, coverages = [], []
    for index in range(layers):
        own = (number == index)[:, None]
        nearby = F.max_pool2d(own.float(), 2 * HIDDEN + 1, stride=1, padding=HIDDEN) > 0
        cover = own | (nearby & (number > index)[:, None])
        parts.append(filled(known, own))
        coverages.append(torch.ones_like(own[:, 0]) if index == 0 else cover[:, 0])
    painted = torch.stack(parts, 1)
    inverse = list(painted[:, :, 3].unbind(1))
    for index in range(1, layers):
        inverse[index] = torch.maximum(inverse[index], inverse[index - 1])
    return Scene(painted[:, :, 1], torch.stack(coverages, 1).float(), torch.stack(inverse, 1), painted[:, :, :3])


def filled(planes: Tensor, known: Tensor) -> Tensor:
    """(B, C, H, W) planes with their unknown pixels taken from ever coarser means of the known ones.

    known: (B, 1, H, W) bool; what is known stays as it is. Where nothing is known the planes are 0.
    """
    weight = known.to(planes.dtype)
    planes = torch.where(known, planes, 0.0)
    h, w = planes.shape[-2:]
    if h == 1 and w == 1:
        return planes
    share = F.avg_pool2d(weight, 2, ceil_mode=True)
    mean = F.avg_pool2d(planes, 2, ceil_mode=True) / share.clamp(min=1e-6)
    coarse = filled(mean, share > 0)
    around = F.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=False)
    return torch.where(known, planes, around)
