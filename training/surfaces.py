"""Forms of surfaces in depth: how far each point stands out, as a share of the form's whole depth.

Planes are affine in inverse depth; where two meet, the nearer one is seen in a room and the farther one on a solid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from training.dice import TAU, Dice, smooth_field

Form = Callable[[Dice, Tensor, Tensor], Tensor]
"""(dice, v, u) -> (B, H, W) within -1..1, larger is nearer; v (down or across) and u are (B, H, W) in half extents of
the object or canvas and are cut at ±1, so that nothing stands out of it beyond its extent."""


def flat(dice: Dice, v: Tensor, u: Tensor) -> Tensor:
    """Parallel to the sensor."""
    return torch.zeros_like(v)


def slanted(dice: Dice, v: Tensor, u: Tensor) -> Tensor:
    """A plane tilted about any axis."""
    angle = dice.uniform(0.0, TAU)
    return 0.7 * (v * torch.sin(angle) + u * torch.cos(angle))


def cylinder(dice: Dice, v: Tensor, u: Tensor) -> Tensor:
    """A bottle, a pipe; one in four hollow."""
    return _bulge(dice, v**2)


def sphere(dice: Dice, v: Tensor, u: Tensor) -> Tensor:
    """A ball, a bowl."""
    return _bulge(dice, v**2 + u**2)


def two_faces(dice: Dice, v: Tensor, u: Tensor) -> Tensor:
    """The corner of a box towards the camera: the farther of two planes."""
    across = u - dice.uniform(-0.6, 0.6)
    return 0.5 - torch.maximum(dice.uniform(0.1, 0.9) * across, -dice.uniform(0.1, 0.9) * across)


def rolling(dice: Dice, v: Tensor, u: Tensor) -> Tensor:
    """Cloth, a face, ground: smooth hills."""
    h, w = v.shape[-2:]
    field, _ = smooth_field(dice, h, w, dice.log_uniform(60.0, 250.0))
    return torch.clamp(0.4 * field, -1.0, 1.0)


def ground(dice: Dice, v: Tensor, u: Tensor) -> Tensor:
    """A floor or table top that meets a wall: nothing down to the line where they meet, then rising to 1."""
    down = v + dice.uniform(-0.2, 0.2) * u
    meet = dice.uniform(-0.9, 0.6)
    return torch.clamp((down - meet) / (1.2 - meet), 0.0, 1.0)


def room(dice: Dice, v: Tensor, u: Tensor) -> Tensor:
    """A corner of a room: the nearest of a floor and two walls."""
    corner = dice.uniform(-0.6, 0.6)
    side = torch.maximum(dice.uniform(0.1, 0.8) * (u - corner), dice.uniform(0.1, 0.8) * (corner - u))
    return torch.clamp(torch.maximum(side, dice.uniform(0.3, 1.0) * (v - dice.uniform(0.0, 0.8))), -1.0, 1.0)


OBJECTS: Mapping[str, tuple[Form, float]] = MappingProxyType(
    {
        "flat": (flat, 0.35),
        "slanted": (slanted, 0.25),
        "cylinder": (cylinder, 0.12),
        "sphere": (sphere, 0.1),
        "two_faces": (two_faces, 0.1),
        "rolling": (rolling, 0.08),
    }
)
"""Every form of an object with its share of objects: adding one is one function and one line."""

BACKGROUNDS: Mapping[str, tuple[Form, float]] = MappingProxyType(
    {
        "flat": (flat, 0.3),
        "slanted": (slanted, 0.3),
        "ground": (ground, 0.2),
        "room": (room, 0.12),
        "rolling": (rolling, 0.08),
    }
)
"""Every form of what is behind everything, with its share of scenes."""


def relief(dice: Dice, forms: Mapping[str, tuple[Form, float]], v: Tensor, u: Tensor) -> Tensor:
    """(B, H, W) within -1..1: a random form out of a table for each of B surfaces."""
    v, u = v.clamp(-1.0, 1.0), u.clamp(-1.0, 1.0)
    stands_out = torch.empty_like(v)
    for form, rows in dice.dealt(forms):
        stands_out[rows] = form(dice.of(len(rows)), v[rows], u[rows])
    return stands_out


def _bulge(dice: Dice, squared: Tensor) -> Tensor:
    return torch.sqrt(torch.clamp(1.0 - squared, min=0.0)) * torch.where(dice.chance(0.25) > 0, -1.0, 1.0)
