"""`PlanePool`: rendered planes on disk or in memory, made once, by several processes, that batches are drawn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.files import write_atomic
from training.data.sample import Sample
from training.memory import keep_memory

FEW = 4
"""Scenes that are made sooner than a process is started for them."""

FEW_SAMPLES = 64
"""In memory at a time while all are looked at."""


class Maker(Protocol):
    """Makes scene `index` of a pool; a frozen value that a process can be sent."""

    @property
    def count(self) -> int:
        """Scenes of the pool."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(samples, planes, H, W) of a scene."""

    def identity(self) -> str:
        """For the name of a cache: other scenes have another one (see `hashed_with`)."""

    def planes(self, index: int) -> NDArray[np.float16]:
        """Scene `index`, of `shape`; it follows from the maker and `index` alone."""

    def sample(self, planes: Tensor) -> Sample:
        """(B, planes, H, W) as a batch."""


class PlanePool:
    """All scenes of a maker, made once: into a memory-mapped file in `cache`, or into memory without one."""

    def __init__(self, maker: Maker, cache: Path | None) -> None:
        self.maker = maker
        self.path = None if cache is None else cache / f"{type(maker).__name__.lower()}-{maker.identity()}.npy"
        self._pixels: NDArray[np.float16] | None = None

    def prepare(self, workers: int = 2, progress: Callable[[int, int], None] | None = None) -> None:
        """Make what is not in the cache; a run that was stopped goes on where it was."""
        each, *plane = self.maker.shape
        count = self.maker.count
        if self.path is None:
            self._pixels = np.concatenate([_made(self.maker, index).reshape(each, *plane) for index in range(count)])
            return
        done_file = self.path.with_suffix(".done")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not (self.path.exists() and done_file.exists())
        done = 0 if fresh else int(done_file.read_text())
        shape = (count * each, *plane)
        self._pixels = np.lib.format.open_memmap(self.path, "w+" if fresh else "r+", np.float16, shape)
        left = range(done, count)
        for index, planes in zip(left, self._all_made(left, workers), strict=True):
            self._pixels[index * each : (index + 1) * each] = planes
            write_atomic(done_file, str(index + 1).encode())
            if progress:
                progress(index + 1, count)

    def _all_made(self, indices: range, workers: int) -> Iterator[NDArray[np.float16]]:
        if len(indices) <= FEW:
            yield from (_made(self.maker, index) for index in indices)
            return
        with ProcessPoolExecutor(workers, get_context("spawn"), keep_memory) as pool:
            yield from pool.map(_made, [self.maker] * len(indices), indices)

    def batch(self, size: int, generator: torch.Generator, weights: Tensor | None = None) -> Sample:
        """`size` samples drawn with replacement, with probabilities proportional to `weights` where given."""
        if weights is None:
            return self._sample(torch.randint(len(self.pixels), (size,), generator=generator).tolist())
        return self._sample(torch.multinomial(weights, size, replacement=True, generator=generator).tolist())

    def spread(self) -> Tensor:
        """(N,) deviation of each sample's disparity in px, from every fourth pixel of each side."""
        found = []
        for first in range(0, len(self.pixels), FEW_SAMPLES):
            thinned = np.asarray(self.pixels[first : first + FEW_SAMPLES, :, ::4, ::4], np.float32)
            sample = self.maker.sample(torch.from_numpy(thinned))
            found.append(sample.disparity.flatten(1).std(1))
        return torch.cat(found)

    def every(self) -> Sample:
        """All samples in order."""
        return self.maker.sample(self.planes())

    def planes(self) -> Tensor:
        """Of all samples in order, (N, planes, H, W) float32."""
        return torch.from_numpy(np.asarray(self.pixels, np.float32))

    def _sample(self, indices: list[int]) -> Sample:
        return self.maker.sample(torch.from_numpy(np.stack([self.pixels[i] for i in indices])).float())

    @property
    def pixels(self) -> NDArray[np.float16]:
        """(N, planes, H, W), made where they are not there yet."""
        if self._pixels is None:
            self.prepare()
        if self._pixels is None:
            raise RuntimeError("prepare() opens the pixels")
        return self._pixels


@lru_cache(maxsize=4)
def opened(maker: Maker, cache: Path) -> PlanePool:
    """The prepared pool of a maker, the same one for as long as this process lives: a run that looks at held-out scenes
    again and again stays with those it began with, whatever happens to the renderer's source meanwhile."""
    pool = PlanePool(maker, cache)
    pool.prepare()
    return pool


def hashed_with(settings: str, sources: Iterable[Path]) -> str:
    """A short hash of a maker's settings and of the files whose change makes what it made stale."""
    digest = hashlib.sha256(settings.encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _made(maker: Maker, index: int) -> NDArray[np.float16]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order would give other last bits
    try:
        return maker.planes(index)
    finally:
        torch.set_num_threads(threads)
