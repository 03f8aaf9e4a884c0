"""Where the time of a training step goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

PHASES = ("data", "render", "forward", "backward", "optimiser")
"""data: waiting for a batch and moving it to the device; render: making new scenes on the device."""

EVERY = 16
"""On a GPU only every so many steps are timed: timing waits for the GPU, which would hold up every step."""


class Stopwatch:
    """Seconds by phase, summed over the timed steps."""

    def __init__(self, device: torch.device) -> None:
        self._gpu = device.type == "cuda"
        self._timed = not self._gpu
        self.seconds = dict.fromkeys(PHASES, 0.0)

    def begin(self, step: int) -> None:
        """Step number `step` starts."""
        self._timed = not self._gpu or step % EVERY == EVERY - 1

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Counts what is done inside towards `name`, one of `PHASES`."""
        if not self._timed:
            yield
            return
        start = self._now()
        yield
        self.seconds[name] += self._now() - start

    def _now(self) -> float:
        if self._gpu:
            torch.cuda.synchronize()
        return time.perf_counter()

    def shares(self) -> dict[str, float]:
        """Each phase's share of a step's time, 0..1; phases that took none are left out."""
        total = sum(self.seconds.values())
        return {name: seconds / total for name, seconds in self.seconds.items() if seconds}
