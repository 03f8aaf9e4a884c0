"""Scenes that the training device renders for itself: a pool in which old scenes make room for new ones."""

from __future__ import annotations

import torch
from torch import Tensor

from training.data.rendered import PLANES, RenderedData, render_batch, sample_of
from training.data.sample import Sample


class RollingPool:
    """`blocks` blocks of `block` scenes on `device`; every step `refresh` scenes on average are replaced.

    Rendering every sample anew for every step would take longer than the step itself: a scene serves
    `blocks * block / refresh` steps, each time cropped and augmented differently. What a step sees follows from the
    seed and the step alone, so that a run which is resumed sees it too (it renders its pool again first).
    """

    def __init__(
        self, data: RenderedData, device: torch.device, block: int = 32, blocks: int = 64, refresh: float = 2.0
    ) -> None:
        self.data, self.device, self.block, self.blocks, self.refresh = data, device, block, blocks, refresh
        self._planes = torch.zeros(blocks, block, PLANES, data.size, data.size, dtype=torch.float16, device=device)
        self._held = [-1] * blocks
        """Number of the block in each place; block n is always in place n modulo `blocks`."""

    def newest(self, step: int) -> int:
        """Number of the newest block that step `step` draws from."""
        return self.blocks - 1 + int(step * self.refresh) // self.block

    def advance(self, step: int) -> int:
        """Render what step `step` draws from and is not there yet; returns how many scenes were rendered."""
        rendered = 0
        newest = self.newest(step)
        for number in range(newest - self.blocks + 1, newest + 1):
            place = number % self.blocks
            if self._held[place] == number:
                continue
            generator = torch.Generator(self.device).manual_seed(self.data.seed * 1_000_003 + number)
            self._planes[place] = render_batch(self.data, generator, self.block).half()
            self._held[place] = number
            rendered += self.block
        return rendered

    def batch(self, step: int, size: int, generator: torch.Generator) -> Sample:
        """`size` samples drawn with replacement by `generator` (on the device) from what step `step` has."""
        self.advance(step)
        chosen = torch.randint(self.blocks * self.block, (size,), generator=generator, device=self.device)
        # Places are counted from the oldest block, so that a draw means the same scene in a run that was resumed.
        oldest = self.newest(step) - self.blocks + 1
        place = (oldest + chosen // self.block) % self.blocks
        planes: Tensor = self._planes[place, chosen % self.block]
        return sample_of(planes)
