"""`Board`: scalars and pictures of a run for TensorBoard, in `board/` of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SHOWN = 4
"""Samples in a picture, side by side."""


class Board:
    """Writes nothing where `on` is False. `step`: where the run goes on; what was written beyond it is purged."""

    def __init__(self, folder: Path, step: int, on: bool = True) -> None:
        self._writer: Any = None
        if on:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if self._writer is not None:
                self._writer.add_scalar(name, value, step)

    def pictures(self, step: int, pictures: Mapping[str, Tensor]) -> None:
        """pictures: (3, H, W) in 0..1 by name."""
        for name, picture in pictures.items():
            if self._writer is not None:
                self._writer.add_image(name, picture.clamp(0.0, 1.0).cpu(), step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def side_by_side(planes: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(3, H, SHOWN·W) grey picture in 0..1 of the first of (B, 1, H, W) planes; low, high: (B, 1, 1, 1), black and
    white. Values that are not finite are black."""
    scaled = (planes[:SHOWN] - low[:SHOWN]) / torch.clamp(high[:SHOWN] - low[:SHOWN], min=1e-6)
    grey = torch.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0).clamp(0.0, 1.0)
    return torch.cat(list(grey.detach().float()), -1).expand(3, -1, -1)
