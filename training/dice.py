"""Random draws, grids, hashes and smooth fields: what textures, silhouettes and surfaces are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Kind = TypeVar("Kind")

TAU = 6.283185307179586
WORD = 0xFFFFFFFF
WAVES = 6
"""Waves along each axis of a smooth field: enough not to look periodic."""


class Dice:
    """Batched random draws from one generator; every draw has shape (batch, 1, 1)."""

    def __init__(self, generator: torch.Generator, batch: int) -> None:
        self.generator, self.batch, self.device = generator, batch, generator.device

    def of(self, batch: int) -> Dice:
        """Dice for another number of things, from the same generator."""
        return Dice(self.generator, batch)

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

    def word(self) -> Tensor:
        """A random 32-bit integer, int64."""
        shape = (self.batch, 1, 1)
        return torch.randint(0, WORD + 1, shape, generator=self.generator, device=self.device)

    def among(self, weights: Sequence[float]) -> list[int]:
        """For each of the batch an index into `weights`, drawn with those weights."""
        edges = torch.tensor(weights).cumsum(0)
        draw = self.uniform(0.0, 1.0)[:, 0, 0].cpu()
        return torch.bucketize(draw, edges / edges[-1], right=True).clamp(max=len(weights) - 1).tolist()

    def dealt(self, table: Mapping[str, tuple[Kind, float]]) -> Iterator[tuple[Kind, list[int]]]:
        """One (kind, share) of a table for each of the batch: the kinds that came up, with those that have them."""
        kinds = self.among([share for _, share in table.values()])
        for index, (kind, _) in enumerate(table.values()):
            if rows := [row for row, drawn in enumerate(kinds) if drawn == index]:
                yield kind, rows

    def rows(self, probability: float) -> list[int]:
        """Those of the batch that a chance of `probability` chose."""
        return self.chance(probability)[:, 0, 0].nonzero()[:, 0].tolist()


def pixel_grid(h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(y, x), each (H, W), centred, in px."""
    y, x = torch.meshgrid(
        torch.arange(h, device=device) - (h - 1) / 2, torch.arange(w, device=device) - (w - 1) / 2, indexing="ij"
    )
    return y.float(), x.float()


def rotated(dice: Dice, y: Tensor, x: Tensor, spread: float, upright: float = 0.0) -> tuple[Tensor, Tensor]:
    """The grid seen from a random centre (uniform within ±spread px) at a random angle; each (B, H, W).

    A share `upright` keeps the picture's own axes: what people build stands that way.
    """
    angle = dice.uniform(0.0, TAU)
    if upright:
        angle = torch.where(dice.chance(upright) > 0, 0.0, angle)
    cy, cx = dice.uniform(-spread, spread), dice.uniform(-spread, spread)
    dy, dx = y - cy, x - cx
    return dy * torch.cos(angle) - dx * torch.sin(angle), dy * torch.sin(angle) + dx * torch.cos(angle)


def hashed(seed: Tensor, *cells: Tensor) -> Tensor:
    """Uniform in 0..1, float32, from integers (int64, broadcast against each other): the same on every device.

    Products of a 32-bit word and a 31-bit constant stay within int64, so nothing depends on how a device overflows.
    """
    state = seed & WORD
    for cell in cells:
        state = (state ^ (cell & WORD)) * 0x61C88647 & WORD
        state = (state ^ (state >> 15)) * 0x2545F491 & WORD
        state = state ^ (state >> 13)
    return (state >> 8).float() / 2.0**24


def smooth_field(dice: Dice, h: int, w: int, finest: Tensor) -> tuple[Tensor, Tensor]:
    """(field, steepness), each (B, H, W): a random field of about unit deviation without detail finer than the
    wavelength `finest` (B, 1, 1) px, and the length of its gradient per px.

    A sum of products of sines: two small matrix products instead of a sine per pixel.
    """

    def waves(size: int) -> tuple[Tensor, Tensor]:
        frequency = torch.rand(dice.batch, 1, WAVES, generator=dice.generator, device=dice.device) * TAU / finest
        phase = TAU * torch.rand(dice.batch, 1, WAVES, generator=dice.generator, device=dice.device)
        angle = frequency * torch.arange(size, device=dice.device)[:, None] + phase
        return torch.sin(angle), torch.cos(angle) * frequency

    (row, row_slope), (column, column_slope) = waves(h), waves(w)
    mix = dice.normal(WAVES, WAVES) * (2.0 / WAVES)
    field = row @ mix @ column.mT
    return field, torch.hypot(row_slope @ mix @ column.mT, row @ mix @ column_slope.mT)
