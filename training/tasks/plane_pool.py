"""`PlanePool`: rendered planes on disk, made once by several processes, that batches are drawn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.files import write_atomic
from training.data.sample import Sample

FEW = 4
"""Scenes that are made sooner than a process is started for them."""


class Maker(Protocol):
    """Makes scene `index` of a pool; a frozen value that a process can be sent."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """Files whose change makes a pool stale."""

    @property
    def count(self) -> int:
        """Scenes of the pool."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(samples, planes, H, W) of a scene."""

    def planes(self, index: int) -> NDArray[np.float16]:
        """Scene `index`, of `shape`; it follows from the maker and `index` alone."""

    def sample(self, planes: Tensor) -> Sample:
        """(B, planes, H, W) as a batch."""


class PlanePool:
    """All scenes of a maker, in a memory-mapped file in `cache`."""

    def __init__(self, maker: Maker, cache: Path) -> None:
        self.maker = maker
        self.path = cache / f"{type(maker).__name__.lower()}-{identity(maker)}.npy"
        self._pixels: NDArray[np.float16] | None = None

    def prepare(self, workers: int = 2, progress: Callable[[int, int], None] | None = None) -> None:
        """Make what is not in the cache; a run that was stopped goes on where it was."""
        each, *plane = self.maker.shape
        count, done_file = self.maker.count, self.path.with_suffix(".done")
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
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield from pool.map(_made, [self.maker] * len(indices), indices)

    def batch(self, size: int, generator: torch.Generator) -> Sample:
        """`size` samples drawn with replacement."""
        return self._sample(torch.randint(len(self._open()), (size,), generator=generator).tolist())

    def planes(self) -> Tensor:
        """Of all samples in order, (N, planes, H, W) float32."""
        return torch.from_numpy(np.asarray(self._open(), np.float32))

    def _sample(self, indices: list[int]) -> Sample:
        return self.maker.sample(torch.from_numpy(np.stack([self._open()[i] for i in indices])).float())

    def _open(self) -> NDArray[np.float16]:
        if self._pixels is None:
            self.prepare()
        if self._pixels is None:
            raise RuntimeError("prepare() opens the pixels")
        return self._pixels


def identity(maker: Maker) -> str:
    """A short hash of the maker and of the sources that it runs."""
    digest = hashlib.sha256(repr(maker).encode())
    for source in maker.sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _made(maker: Maker, index: int) -> NDArray[np.float16]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order would give other last bits
    try:
        return maker.planes(index)
    finally:
        torch.set_num_threads(threads)
