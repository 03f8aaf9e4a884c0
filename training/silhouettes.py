"""Outlines of objects: compact, rough and pierced ones, and thin ones that no window of a matcher fits into.

Every outline is a signed distance in px, positive inside, in the object's own frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from training.dice import TAU, Dice, pixel_grid, rotated, smooth_field
from training.textures import fractal_noise

UPRIGHT = 0.4
"""Share of objects whose axes are those of the picture."""

PIERCED = 0.12
"""Share of objects with a round hole."""

LEAST = 0.6
"""Half the width of the thinnest structures, px: what is thinner covers half of two pixels and neither is its own."""


@dataclass(frozen=True)
class Frame:
    """Where B objects are. v, u: (B, H, W) px along their short and long axis from their centre; ry, rx: (B, 1, 1) px,
    half their extent along these."""

    v: Tensor
    u: Tensor
    ry: Tensor
    rx: Tensor

    def __getitem__(self, rows: list[int]) -> Frame:
        return Frame(self.v[rows], self.u[rows], self.ry[rows], self.rx[rows])


Outline = Callable[[Dice, Frame], Tensor]
"""(dice, frame) -> (B, H, W) signed distance in px, good near the outline, positive inside."""


def ellipse(dice: Dice, frame: Frame) -> Tensor:
    """An ellipse."""
    return (1.0 - torch.hypot(frame.v / frame.ry, frame.u / frame.rx)) * frame.ry


def box(dice: Dice, frame: Frame) -> Tensor:
    """A rectangle."""
    return torch.minimum(frame.ry - frame.v.abs(), frame.rx - frame.u.abs())


def polygon(dice: Dice, frame: Frame) -> Tensor:
    """A convex polygon of up to six sides."""
    distance = frame.rx - frame.u.abs()
    for side in range(4):
        angle = dice.uniform(0.0, TAU / 4) + side * TAU / 4
        edge = frame.v * torch.cos(angle) + frame.u * torch.sin(angle)
        distance = torch.minimum(distance, frame.ry * dice.uniform(0.7, 1.2) - edge)
    return distance


def blob(dice: Dice, frame: Frame) -> Tensor:
    """An ellipse with a smoothly wavy outline."""
    h, w = frame.v.shape[-2:]
    wave, _ = smooth_field(dice, h, w, (frame.ry * dice.uniform(0.5, 2.0)).clamp(min=8.0))
    return ellipse(dice, frame) + 0.35 * frame.ry * dice.uniform(0.2, 1.0) * wave


def rough(dice: Dice, frame: Frame) -> Tensor:
    """An ellipse or a box with a torn outline, of detail down to a pixel, and crumbs around it."""
    h, w = frame.v.shape[-2:]
    body = torch.where(dice.chance(0.5) > 0, ellipse(dice, frame), box(dice, frame))
    return body + dice.uniform(1.0, 6.0) * fractal_noise(dice, h, w)


def edge(dice: Dice, frame: Frame) -> Tensor:
    """Everything on one side of a line: a door frame, the rim of a table."""
    return frame.ry * 0.3 - frame.v


def bar(dice: Dice, frame: Frame) -> Tensor:
    """A bar or wire, 1..20 px wide, across the picture."""
    return dice.log_uniform(LEAST, 10.0) - frame.v.abs()


def fence(dice: Dice, frame: Frame) -> Tensor:
    """Parallel bars with gaps of at least their width in a rectangular region."""
    pitch = dice.log_uniform(6.0, 40.0)
    half = torch.clamp(pitch * dice.uniform(0.08, 0.25), min=LEAST)
    return torch.minimum(box(dice, frame), half - _to_bar(frame.u, pitch))


def lattice(dice: Dice, frame: Frame) -> Tensor:
    """A net of bars 1..3 px wide with a frame of 2..5 px: a rack, a window, a grille."""
    pitch, half = dice.log_uniform(8.0, 40.0), dice.uniform(LEAST, 1.5)
    outer = box(dice, frame)
    net = half - torch.minimum(_to_bar(frame.u, pitch), _to_bar(frame.v, pitch * dice.uniform(0.6, 1.6)))
    return torch.minimum(outer, torch.maximum(net, dice.uniform(2.0, 5.0) - outer))


def wires(dice: Dice, frame: Frame) -> Tensor:
    """Curved wires 1..3 px wide: cables, twigs."""
    h, w = frame.v.shape[-2:]
    field, steepness = smooth_field(dice, h, w, dice.log_uniform(60.0, 200.0))
    return dice.uniform(LEAST, 1.5) - field.abs() / steepness.clamp(min=0.004)


def hair(dice: Dice, frame: Frame) -> Tensor:
    """Strands 1..2 px wide that run side by side, in an elliptic region."""
    h, w = frame.v.shape[-2:]
    wavelength = dice.log_uniform(40.0, 160.0)
    field, _ = smooth_field(dice, h, w, wavelength)
    # Swaying by up to a tenth of the wavelength leaves distances between strands, and their widths, nearly as they are.
    swaying = frame.v + wavelength * dice.uniform(0.02, 0.1) * field
    strand = dice.uniform(LEAST, 1.0) - _to_bar(swaying, dice.log_uniform(5.0, 16.0))
    return torch.minimum(ellipse(dice, frame), strand)


def stems(dice: Dice, frame: Frame) -> Tensor:
    """Seven straight stems 1..3 px wide from one root, each with a leaf at its end."""
    distance = torch.full_like(frame.v, -1e3)
    half, leaf = dice.uniform(LEAST, 1.5), dice.uniform(0.0, 0.15)
    for _ in range(7):
        angle = dice.uniform(-1.2, 1.2)
        along = frame.u * torch.cos(angle) + frame.v * torch.sin(angle)
        across = frame.v * torch.cos(angle) - frame.u * torch.sin(angle)
        length = frame.rx * dice.uniform(0.7, 1.8)
        stem = torch.minimum(half - across.abs(), torch.minimum(along, length - along))
        width, height = leaf * length + 1.0, 2.0 * leaf * length + 1.0
        blade = (1.0 - torch.hypot(across / width, (along - length) / height)) * width
        distance = torch.maximum(distance, torch.maximum(stem, blade))
    return distance


def foliage(dice: Dice, frame: Frame) -> Tensor:
    """Scattered patches with gaps between them in an elliptic region, as leaves against the sky."""
    h, w = frame.v.shape[-2:]
    field, steepness = smooth_field(dice, h, w, dice.log_uniform(12.0, 40.0))
    patch = (field - dice.uniform(-0.3, 0.6)) / steepness.clamp(min=0.02)
    return torch.minimum(ellipse(dice, frame), patch)


def ring(dice: Dice, frame: Frame) -> Tensor:
    """An elliptic ring, from a wire to a tube."""
    inner = torch.hypot(frame.v / frame.ry, frame.u / frame.rx)
    half = torch.clamp(frame.ry * dice.uniform(0.04, 0.25), min=LEAST)
    return half - (inner - 0.8).abs() * frame.ry


OUTLINES: Mapping[str, tuple[Outline, float]] = MappingProxyType(
    {
        "ellipse": (ellipse, 0.14),
        "box": (box, 0.18),
        "polygon": (polygon, 0.08),
        "blob": (blob, 0.14),
        "rough": (rough, 0.08),
        "edge": (edge, 0.06),
        "bar": (bar, 0.08),
        "fence": (fence, 0.05),
        "lattice": (lattice, 0.04),
        "wires": (wires, 0.04),
        "hair": (hair, 0.03),
        "stems": (stems, 0.04),
        "foliage": (foliage, 0.02),
        "ring": (ring, 0.02),
    }
)
"""Every outline with its share of objects: adding one is one function and one line."""


def random_frame(dice: Dice, h: int, w: int) -> Frame:
    """Objects anywhere in the canvas, half their length log-uniform between 10 px and half the canvas."""
    y, x = pixel_grid(h, w, dice.device)
    v, u = rotated(dice, y, x, max(h, w) * 0.45, UPRIGHT)
    size = dice.log_uniform(10.0, max(h, w) * 0.5)
    return Frame(v, u, size * dice.uniform(0.3, 1.0), size)


def silhouette(dice: Dice, frame: Frame) -> Tensor:
    """(B, H, W) coverage of an object in each frame, with edges one pixel wide."""
    distance = torch.empty_like(frame.v)
    for outline, rows in dice.dealt(OUTLINES):
        distance[rows] = outline(dice.of(len(rows)), frame[rows])
    rows = dice.rows(PIERCED)
    if rows:
        distance[rows] = _pierced(dice.of(len(rows)), frame[rows], distance[rows])
    return torch.clamp(distance + 0.5, 0.0, 1.0)


def _pierced(dice: Dice, frame: Frame, distance: Tensor) -> Tensor:
    v = frame.v - frame.ry * dice.uniform(-0.4, 0.4)
    u = frame.u - frame.rx * dice.uniform(-0.4, 0.4)
    return torch.minimum(distance, torch.hypot(v, u) - frame.ry * dice.uniform(0.1, 0.5))


def _to_bar(position: Tensor, pitch: Tensor) -> Tensor:
    """Distance in px to the nearest of lines that are `pitch` px apart."""
    return (position - torch.round(position / pitch) * pitch).abs()
