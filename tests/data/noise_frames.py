"""Frames of noise that know their number, for tests of order and loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from random_samples import full_sample

from runtime_py.errors import CaptureError
from training.data.sample import Sample
from training.data.shards import ShardSet, encoded, open_shards, write_shards


@dataclass(frozen=True)
class NoiseFrames:
    """`count` frames called 000, 001, …; the left view of frame n is n/1000. Those in `broken` cannot be read."""

    count: int
    size: tuple[int, int] = (12, 16)
    broken: frozenset[int] = frozenset()
    full: bool = False

    @property
    def names(self) -> Sequence[str]:
        return [f"{n:03d}" for n in range(self.count)]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if index in self.broken:
            raise CaptureError(f"frame {index:03d} is torn")
        sample = full_sample(index, self.size)
        if not self.full:
            sample = replace(sample, rgb=None, depth=None, confidence=None, occluded=None, views=None, view_offsets=())
        return replace(sample, left=torch.full((1, 1, *self.size), index / 1000), names=(f"{index:03d}",))


def noise_shards(count: int, folder: Path) -> ShardSet:
    """The frames 000 … `count` - 1, seven to a shard (a tar's headers are nearly as large as such members)."""
    one = sum(len(m) for m in encoded(NoiseFrames(1)[0], 0).values())
    write_shards(NoiseFrames(count), folder, largest=one * 12)
    return open_shards(folder)


def numbers(names: Sequence[str]) -> list[int]:
    return [int(name) for name in names]
