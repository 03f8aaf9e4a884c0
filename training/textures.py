"""What surfaces look like: patterns over all scales, and bare surfaces with nothing but light and shadow on them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from training.dice import TAU, Dice, hashed, pixel_grid, rotated, smooth_field

Pattern = Callable[[Dice, int, int], Tensor]
"""(dice, h, w) -> (B, H, W), about zero mean and unit deviation, within ±4 or so."""

BARE, PATCHY, GLINTING = 0.04, 0.1, 0.2
"""Shares of surfaces: without any pattern, with one on parts of them only, with specular dots."""

GLINTS, GLINT_REACH = 24, 3
"""Most specular dots on a surface, and how many px around its centre one is drawn."""


def fractal_noise(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W) of zero mean and unit deviation with spectrum f^-beta, beta 0.5..2.2: texture at all scales."""
    fy, fx = _frequencies(h, w, dice.device)
    return _noise(dice, h, w, torch.sqrt(fy**2 + fx**2 + 1e-4), dice.uniform(0.5, 2.2))


def grain(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W): noise stretched 4..40 times along a line, as wood and cloth are; half of them along rows or columns.

    Along rows it has hardly an edge that displaces along the DP axis could be seen by: the aperture problem.
    """
    fy, fx = _frequencies(h, w, dice.device)
    angle = dice.uniform(0.0, TAU)
    angle = torch.where(dice.chance(0.5) > 0, torch.round(angle / (TAU / 4)) * (TAU / 4), angle)
    along = fx * torch.cos(angle) + fy * torch.sin(angle)
    across = fy * torch.cos(angle) - fx * torch.sin(angle)
    return _noise(dice, h, w, torch.sqrt((dice.log_uniform(4.0, 40.0) * along) ** 2 + across**2 + 1e-4), 1.4)


def dead_leaves(dice: Dice, h: int, w: int, count: int = 28) -> Tensor:
    """(B, H, W): opaque ellipses, boxes and strokes over each other, sizes log-uniform, uniform grey.

    Sizes fall from the largest to the smallest twice over, so that small leaves lie on large ones and under
    them, and each is drawn in a window of its own size; windows wrap around the edges.
    """
    field = dice.uniform(-1.5, 1.5).expand(-1, h, w).clone()
    batch = torch.arange(dice.batch, device=dice.device)[:, None, None]
    largest, in_turn = max(h, w) / 3, max(count // 2, 1)
    for index in range(count):
        rank = in_turn - 1 - index % in_turn
        bounds = [2.0 * (largest / 2.0) ** ((rank + end) / in_turn) for end in (0, 1)]
        reach = math.ceil(1.45 * bounds[1]) + 2
        rows, dy = _window(dice.uniform(0.0, h), h, reach)
        columns, dx = _window(dice.uniform(0.0, w), w, reach)
        cover = _leaf(dice, dy.mT, dx, dice.log_uniform(*bounds))
        at = (batch, rows.mT, columns)
        field[at] = torch.lerp(field[at], dice.uniform(-2.0, 2.0), cover)
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


def stripes(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W): bands of irregular width and grey, three in four along the rows: blinds, shelves, stairs."""
    y, x = pixel_grid(h, w, dice.device)
    v, _ = rotated(dice, y, x, 20.0, upright=0.75)
    row = v / dice.log_uniform(4.0, 60.0)
    cell, seed = torch.floor(row).long(), dice.word()
    grey, other, edge = (hashed(seed + i, cell) for i in range(3))
    return 3.0 * torch.where(row - torch.floor(row) < edge, grey, other) - 1.5


def tiles(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W): bricks or tiles of slightly different grey between dark or light joints of 1..3 px."""
    y, x = pixel_grid(h, w, dice.device)
    v, u = rotated(dice, y, x, 20.0, upright=0.5)
    height = dice.log_uniform(6.0, 50.0)
    width = height * dice.uniform(0.8, 3.0)
    row = torch.floor(v / height)
    u = u + dice.chance(0.6) * torch.remainder(row, 2.0) * width / 2
    column = torch.floor(u / width)
    inside = torch.minimum(_to_edge(v / height) * height, _to_edge(u / width) * width)
    joint = torch.clamp(dice.uniform(0.5, 1.5) + 0.5 - inside, 0.0, 1.0)
    grey = dice.uniform(0.0, 2.0) * (hashed(dice.word(), row.long(), column.long()) - 0.5)
    return grey * (1 - joint) + joint * torch.where(dice.chance(0.7) > 0, -1.8, 1.2)


def written_lines(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W): rows of short dark strokes in words on a light ground, like print seen from a distance."""
    y, x = pixel_grid(h, w, dice.device)
    v, u = rotated(dice, y, x, 20.0, upright=0.3)
    pitch, seed = dice.log_uniform(6.0, 24.0), dice.word()
    in_row = (torch.remainder(v, pitch) < 0.55 * pitch).float()
    cell_u, cell_v = torch.floor(u / (pitch * 0.22)).long(), torch.floor(v / (pitch * 0.16)).long()
    ink = (hashed(seed, cell_u, cell_v) < 0.45).float()
    word = (hashed(seed, torch.floor(u / pitch).long(), torch.floor(v / pitch).long()) > 0.15).float()
    return 1.0 - 2.4 * in_row * ink * word


def scribble(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W): curved lines 1..3 px wide, dark on light or light on dark: hair, cracks, handwriting, veins."""
    y, x = pixel_grid(h, w, dice.device)
    field, _ = smooth_field(dice, h, w, dice.log_uniform(20.0, 80.0))
    _, u = rotated(dice, y, x, 20.0)
    pitch = dice.log_uniform(5.0, 30.0)
    line = _to_edge((u + pitch * dice.uniform(0.2, 1.5) * field) / pitch) * pitch
    ink = torch.clamp(dice.uniform(0.5, 1.5) + 0.5 - line, 0.0, 1.0)
    return (ink * 3.0 - 0.6) * torch.where(dice.chance(0.6) > 0, -1.0, 1.0)


PATTERNS: tuple[tuple[Pattern, float], ...] = (
    (fractal_noise, 0.65),
    (grain, 0.12),
    (dead_leaves, 0.65),
    (grating, 0.1),
    (stripes, 0.1),
    (tiles, 0.08),
    (written_lines, 0.14),
    (scribble, 0.12),
)
"""Every pattern with the chance that a surface has it: adding one is one function and one line."""


def texture(dice: Dice, h: int, w: int, bare: Tensor | None = None) -> Tensor:
    """(B, H, W) linear radiance of green light: a random mixture of patterns in random light.

    bare: (B, 1, 1), 1 for the surfaces without any pattern; by default drawn with the chance `BARE`. Of the
    others, one in 16 happens to get none either.
    """
    bare = dice.chance(BARE) if bare is None else bare
    use = torch.cat([dice.chance(p) for _, p in PATTERNS], 2)[:, 0] * (1 - bare[:, 0])
    weight = use * torch.cat([dice.log_uniform(0.15, 1.0) for _ in PATTERNS], 2)[:, 0]
    field = torch.zeros(dice.batch, h, w, device=dice.device)
    for (pattern, _), column, chosen in zip(PATTERNS, weight.T, use.T.tolist(), strict=True):
        rows = [row for row, yes in enumerate(chosen) if yes]
        if rows:
            field[rows] += column[rows, None, None] * pattern(dice.of(len(rows)), h, w)
    rows = dice.rows(PATCHY)
    if rows:
        some = dice.of(len(rows))
        where, _ = smooth_field(some, h, w, some.log_uniform(60.0, 300.0))
        field[rows] *= torch.clamp(some.log_uniform(1.0, 8.0) * where + 0.5, 0.0, 1.0)
    contrast = dice.log_uniform(0.25, 2.0) * torch.where(dice.chance(0.05) > 0, 0.1, 1.0)
    base = torch.where(bare > 0, dice.log_uniform(0.05, 0.9), dice.log_uniform(0.02, 0.8))
    radiance = base * torch.exp(torch.clamp(contrast * field + light(dice, h, w), -4.5, 2.0))
    rows = dice.rows(GLINTING)
    if rows:
        radiance[rows] = with_glints(dice.of(len(rows)), radiance[rows])
    return radiance


def light(dice: Dice, h: int, w: int) -> Tensor:
    """(B, H, W): log of how a surface is lit: a gradient across it and, on one in four, the edge of a shadow."""
    y, x = pixel_grid(h, w, dice.device)
    v, u = rotated(dice, y, x, max(h, w) / 3)
    shade = dice.uniform(-0.3, 0.3) * torch.clamp(v / max(h, w), -1.0, 1.0)
    shadow = dice.chance(0.25) * dice.uniform(0.1, 2.0)
    penumbra = dice.log_uniform(2.0, 60.0)
    return shade - shadow * torch.clamp(u / penumbra + 0.5, 0.0, 1.0)


def with_glints(dice: Dice, radiance: Tensor) -> Tensor:
    """(B, H, W) radiance with up to `GLINTS` specular dots of 0.5..1.5 px, up to 12 times as bright as white."""
    batch, h, w = radiance.shape
    shape = (batch, GLINTS, 1)
    draw = [torch.rand(shape, generator=dice.generator, device=dice.device) for _ in range(4)]
    rows, dy = _window(draw[0] * h, h, GLINT_REACH)
    columns, dx = _window(draw[1] * w, w, GLINT_REACH)
    size = 0.5 + draw[2]
    spot = torch.exp(-0.5 * (dy / size) ** 2)[..., None] * torch.exp(-0.5 * (dx / size) ** 2)[..., None, :]
    count = dice.log_uniform(1.0, GLINTS)
    lit = (torch.arange(GLINTS, device=dice.device)[:, None] < count) * dice.log_uniform(0.5, 12.0) * draw[3]
    index = rows[..., None] * w + columns[..., None, :]
    return radiance.flatten(1).scatter_add(1, index.flatten(1), (spot * lit[..., None]).flatten(1)).reshape(batch, h, w)


def tinted(dice: Dice, green: Tensor) -> Tensor:
    """(B, 3, H, W) red, green and blue radiance of surfaces whose green radiance (B, H, W) is given.

    Each has a tint, red and blue contrasts of its own, and a hue that changes with its grey: what differs in green
    differs in colour at the same edges.
    """
    mean = green.mean((1, 2), keepdim=True).clamp(min=1e-4)
    grey = torch.log(green.clamp(min=1e-5) / mean).clamp(-4.0, 3.0)
    planes = []
    for _ in ("red", "blue"):
        hue = dice.uniform(0.0, 0.5) * torch.sin(dice.uniform(0.5, 4.0) * grey + dice.uniform(0.0, TAU))
        tint = torch.log(dice.log_uniform(0.5, 1.8))
        planes.append(mean * torch.exp(tint + dice.uniform(0.7, 1.15) * grey + hue))
    return torch.stack([planes[0], green, planes[1]], 1)


def _frequencies(h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.fft.fftfreq(h, device=device)[:, None], torch.fft.rfftfreq(w, device=device)[None]


def _noise(dice: Dice, h: int, w: int, frequency: Tensor, beta: Tensor | float) -> Tensor:
    """Gaussian noise of spectrum frequency^-beta, standardised."""
    gain = torch.exp(-beta * torch.log(frequency))
    gain[:, 0, 0] = 0.0
    columns = w // 2 + 1
    spectrum = torch.complex(dice.normal(h, columns), dice.normal(h, columns)) * gain
    field: Tensor = torch.fft.irfft2(spectrum, s=(h, w))
    return (field - field.mean((1, 2), keepdim=True)) / field.std((1, 2), keepdim=True)


def _window(centre: Tensor, size: int, reach: int) -> tuple[Tensor, Tensor]:
    """(..., 1) centres in px -> (index, offset), each (..., n): the pixels within `reach`, wrapped, and how far off."""
    n = min(2 * reach + 1, size)
    index = torch.floor(centre).long() - n // 2 + torch.arange(n, device=centre.device)
    return index % size, index - centre


def _leaf(dice: Dice, dy: Tensor, dx: Tensor, size: Tensor) -> Tensor:
    """Coverage of an ellipse or box of half-length `size` around the origin of offsets dy (B, n, 1), dx (B, 1, m)."""
    angle = dice.uniform(0.0, TAU)
    v, u = dy * torch.cos(angle) - dx * torch.sin(angle), dy * torch.sin(angle) + dx * torch.cos(angle)
    across = torch.clamp(size * dice.log_uniform(0.08, 1.0), min=0.8)
    v, u = v / across, u / size
    ellipse = 1.0 - torch.sqrt(v**2 + u**2)
    box = 1.0 - torch.maximum(v.abs(), u.abs())
    return torch.clamp(torch.where(dice.chance(0.5) > 0, ellipse, box) * across + 0.5, 0.0, 1.0)


def _to_edge(cell: Tensor) -> Tensor:
    """Distance to the nearest whole number."""
    return (cell - torch.round(cell)).abs()
