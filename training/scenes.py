"""What is in front of the camera: procedural layered scenes of textured, slanted surfaces.

A scene is a stack of layers, back to front, each a texture, a coverage mask and a plane of disparity. Everything is
drawn with torch on the device of the generator, batched, so that a GPU renders its own training data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

TAU = 6.283185307179586


@dataclass(frozen=True)
class Scene:
    """Layers from back to front. The back layer covers everything.

    texture: (B, L, H, W) linear radiance, about 0..1 with highlights above; coverage: (B, L, H, W) in 0..1;
    disparity: (B, L, H, W) in px of the image, x_left - x_right, positive nearer than the focus plane.
    """

    texture: Tensor
    coverage: Tensor
    disparity: Tensor


class Dice:
    """Batched random draws from one generator; every draw has shape (batch, 1, 1)."""

    def __init__(self, generator: torch.Generator, batch: int) -> None:
        self.generator, self.batch, self.device = generator, batch, generator.device

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.batch, 1, 1, generator=self.generator, device=self.device)

    def log_uniform(self, low: float, high: float) -> Tensor:
        ratio = torch.rand(self.batch, 1, 1, generator=self.generator, device=self.device)
        scaled: Tensor = low * (high / low) ** ratio
        return scaled

    def chance(self, probability: float) -> Tensor:
        return (self.uniform(0.0, 1.0) < probability).float()

    def normal(self, h: int, w: int) -> Tensor:
        return torch.randn(self.batch, h, w, generator=self.generator, device=self.device)


def pixel_grid(h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(y, x), each (H, W), centred, in px."""
    y, x = torch.meshgrid(
        torch.arange(h, device=device) - (h - 1) / 2, torch.arange(w, device=device) - (w - 1) / 2, indexing="ij"
    )
    return y.float(), x.float()


def fractal_noise(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W) of zero mean and unit deviation with spectrum f^-beta, beta 0.5..2.2: texture at all scales."""
    spectrum = torch.fft.rfft2(dice.normal(h, w))
    fy = torch.fft.fftfreq(h, device=dice.device)[:, None]
    fx = torch.fft.rfftfreq(w, device=dice.device)[None]
    frequency = torch.sqrt(fy**2 + fx**2 + 1e-4)
    field: Tensor = torch.fft.irfft2(spectrum * frequency ** -dice.uniform(0.5, 2.2), s=(h, w))
    field = field - field.mean((1, 2), keepdim=True)
    return field / field.std((1, 2), keepdim=True)


def rotated(dice: Dice, y: Tensor, x: Tensor, spread: float) -> tuple[Tensor, Tensor]:
    """The grid seen from a random centre (uniform within ±spread px) at a random angle; each (B, H, W)."""
    angle, cy, cx = dice.uniform(0.0, TAU), dice.uniform(-spread, spread), dice.uniform(-spread, spread)
    dy, dx = y - cy, x - cx
    return dy * torch.cos(angle) - dx * torch.sin(angle), dy * torch.sin(angle) + dx * torch.cos(angle)


def dead_leaves(dice: Dice, h: int, w: int, count: int = 20) -> Tensor:
    """(B, H, W): opaque random ellipses, boxes and strokes over each other, sizes log-uniform, uniform grey."""
    y, x = pixel_grid(h, w, dice.device)
    field = dice.uniform(-1.5, 1.5).expand(-1, h, w).clone()
    for _ in range(count):
        v, u = rotated(dice, y, x, max(h, w) / 2)
        size, aspect = dice.log_uniform(2.0, max(h, w) / 3), dice.log_uniform(0.08, 1.0)
        ry, rx = torch.clamp(size * aspect, min=0.8), size
        ellipse = 1.0 - torch.sqrt((v / ry) ** 2 + (u / rx) ** 2)
        box = torch.minimum(1.0 - v.abs() / ry, 1.0 - u.abs() / rx)
        inside = torch.where(dice.chance(0.5) > 0, ellipse, box)
        cover = torch.clamp(inside * ry + 0.5, 0.0, 1.0)
        field = field * (1 - cover) + dice.uniform(-2.0, 2.0) * cover
    return field


def grating(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W): a repeated pattern, sinusoidal to square, period 3..40 px, sometimes crossed into a checker."""
    y, x = pixel_grid(h, w, dice.device)
    v, u = rotated(dice, y, x, 40.0)
    period = dice.log_uniform(3.0, 40.0)
    wave = torch.sin(TAU * u / period)
    wave = torch.where(dice.chance(0.4) > 0, wave * torch.sin(TAU * v / period), wave)
    sharpness = dice.log_uniform(1.0, 12.0)
    return torch.tanh(wave * sharpness) / torch.tanh(sharpness)


def written_lines(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W): rows of short dark strokes on a light ground, like print seen from a distance."""
    y, x = pixel_grid(h, w, dice.device)
    v, u = rotated(dice, y, x, 20.0)
    pitch = dice.log_uniform(6.0, 24.0)
    in_row = (torch.remainder(v, pitch) < 0.55 * pitch).float()
    cell_u, cell_v = torch.floor(u / (pitch * 0.22)), torch.floor(v / (pitch * 0.16))
    hashed = torch.remainder(torch.sin(cell_u * 12.9898 + cell_v * 78.233 + dice.uniform(0, 9)) * 43758.5453, 1.0)
    return 1.0 - 2.4 * in_row * (hashed < 0.45).float()


PATTERNS: tuple[tuple[Callable[[Dice, int, int], Tensor], float], ...] = (
    (fractal_noise, 0.85),
    (dead_leaves, 0.6),
    (grating, 0.12),
    (written_lines, 0.15),
)
"""Every pattern with the chance that a surface has it: adding one is one function and one line."""


def texture(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W) linear radiance: a random mixture of patterns, some nearly without texture, some with highlights."""
    use = torch.cat([dice.chance(p) for _, p in PATTERNS], dim=1)
    weight = use * torch.cat([dice.log_uniform(0.15, 1.0) for _ in PATTERNS], dim=1)
    field = torch.zeros(dice.batch, h, w, device=dice.device)
    for index, (pattern, _) in enumerate(PATTERNS):
        if bool(use[:, index].any()):
            field = field + weight[:, index, :, None] * pattern(dice, h, w)
    contrast = dice.log_uniform(0.06, 1.0) * torch.where(dice.chance(0.1) > 0, 0.1, 1.0)
    shading = 0.25 * dice.uniform(-1, 1) * torch.linspace(-1, 1, w, device=dice.device)
    radiance = dice.log_uniform(0.06, 0.6) * torch.exp(torch.clamp(contrast * field + shading, -3.0, 2.0))
    dots = (dice.normal(h, w) > 3.7).float() * dice.chance(0.15) * dice.uniform(0.5, 3.0)
    return radiance + dots


def silhouette(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W) coverage of one object: ellipse, box, blob, bar or fence, with one-pixel soft edges."""
    y, x = pixel_grid(h, w, dice.device)
    v, u = rotated(dice, y, x, max(h, w) * 0.45)
    size = dice.log_uniform(10.0, max(h, w) * 0.5)
    ry = size * dice.uniform(0.3, 1.0)
    kind = dice.uniform(0.0, 1.0)
    ellipse = (1.0 - torch.sqrt((v / ry) ** 2 + (u / size) ** 2)) * ry
    box = torch.minimum(ry - v.abs(), size - u.abs())
    bar = dice.log_uniform(1.0, 12.0) - v.abs()
    rough = F.interpolate(dice.normal(h // 16, w // 16)[:, None], size=(h, w), mode="bicubic", align_corners=False)
    blob = ellipse + rough[:, 0] * dice.uniform(2.0, 20.0)
    pitch = dice.log_uniform(10.0, 40.0)
    fence = torch.minimum(box, (torch.remainder(u, pitch) - pitch / 2).abs() - pitch * dice.uniform(0.15, 0.4))
    distance = torch.where(kind < 0.2, ellipse, box)
    distance = torch.where((kind >= 0.4) & (kind < 0.7), blob, distance)
    distance = torch.where((kind >= 0.7) & (kind < 0.85), bar, distance)
    distance = torch.where(kind >= 0.85, fence, distance)
    return torch.clamp(distance + 0.5, 0.0, 1.0)


def random_scene(
    generator: torch.Generator, batch: int, size: tuple[int, int], layers: int = 6, reach: float = 6.0
) -> Scene:
    """`batch` scenes of `layers` layers. Disparities stay within ±reach px; many scenes use a small part of it."""
    h, w = size
    dice = Dice(generator, batch)
    y, x = pixel_grid(h, w, dice.device)
    span = dice.log_uniform(0.4, 2.0 * reach)
    far = -reach + dice.uniform(0.0, 1.0) * torch.clamp(2.0 * reach - span, min=0.0)
    order = torch.sort(torch.rand(batch, layers, generator=generator, device=dice.device), dim=1).values
    order = (order - order[:, :1]) / torch.clamp(order[:, -1:] - order[:, :1], min=1e-3)
    textures, coverages, planes = [], [], []
    for index in range(layers):
        textures.append(texture(dice, h, w))
        slant = dice.chance(0.6) * torch.clamp(span, max=3.0) * (0.6 if index == 0 else 0.2)
        angle = dice.uniform(0.0, TAU)
        along = (y * torch.sin(angle) + x * torch.cos(angle)) / max(h, w)
        plane = far + span * order[:, index, None, None] + slant * along * dice.uniform(0.2, 1.0)
        planes.append(torch.clamp(plane, -reach, reach))
        if index == 0:
            coverages.append(torch.ones(batch, h, w, device=dice.device))
        else:
            present = dice.chance(0.75)
            coverages.append(silhouette(dice, h, w) * present)
    return Scene(torch.stack(textures, 1), torch.stack(coverages, 1), torch.stack(planes, 1))
