"""Batches for training from a dataset, from shards or from a pool of rendered scenes: step n decides what it sees."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from runtime_py.errors import DpocketError
from training.data.augment import augment
from training.data.datasets.frames import Indexed, Tally
from training.data.sample import Sample, concatenate
from training.data.shard_reader import ShardReader, Share
from training.data.shards import ShardSet
from training.data.windows import Loading, prepared, require_large_enough
from training.memory import keep_memory_in_worker

SUBSTITUTES = 16
"""Frames tried in place of an unreadable one before a batch is given up."""


@runtime_checkable
class Pool(Protocol):
    """Whatever makes whole batches by itself, such as a pool of rendered scenes."""

    def batch(self, size: int, generator: torch.Generator) -> Sample: ...


Source = Indexed | ShardSet | Pool


def torchrun_place() -> tuple[int, int]:
    """(rank, world) of this process as torchrun sets them; (0, 1) outside of it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def batches(source: Source, settings: Loading, first: int = 0, steps: int | None = None) -> Batches:
    """The batches of steps `first`, `first` + 1, … (`steps` of them, endless by default).

    The batch of a step follows from the seed, the step and the place among processes (for shards, from the number of
    workers too), so that a run that was stopped goes on with the very samples it would have seen. Every epoch shows
    every frame once. Raises DpocketError as soon as a batch cannot be made: too many unreadable frames, or members
    that lie on another grid than the pair.
    """
    return Batches(source, settings, first, steps)


class Batches(Iterable[Sample]):
    """An iterable of batches; `skipped` says which frames could not be read so far, and why."""

    def __init__(self, source: Source, settings: Loading, first: int, steps: int | None) -> None:
        self._tally = Tally(len(source) if not isinstance(source, Pool) else 1, settings.tolerated)
        numbers: Iterable[int] = itertools.count(first) if steps is None else range(first, first + steps)
        made: Dataset[_Made]
        if isinstance(source, ShardSet):
            made = _FromShards(source, settings, first, steps)
        else:
            made = _FromFrames(source, settings)
        self._loader: DataLoader[_Made] = DataLoader(
            made,
            batch_size=None,
            sampler=None if isinstance(made, IterableDataset) else numbers,
            num_workers=settings.workers,
            pin_memory=settings.pin and torch.cuda.is_available(),
            worker_init_fn=keep_memory_in_worker,
        )

    @property
    def skipped(self) -> tuple[str, ...]:
        return self._tally.skipped

    def __iter__(self) -> Iterator[Sample]:
        for made in self._loader:
            sample, skipped, failure = made
            for name, reason in skipped:
                self._tally.skip(name, reason)
            if sample is None:
                raise DpocketError(failure)
            yield sample


_Made = tuple[Sample | None, tuple[tuple[str, str], ...], str]
"""A batch, what was skipped for it, and why there is none: an exception would cross processes as a traceback."""


class _FromFrames(Dataset[_Made]):
    """Item n is the batch of step n."""

    def __init__(self, source: Indexed | Pool, settings: Loading) -> None:
        self.source, self.settings = source, settings
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    def __getitem__(self, step: int) -> _Made:
        skipped: list[tuple[str, str]] = []
        try:
            if isinstance(self.source, Pool):
                drawn = generator(self.settings, "pool", step * self.settings.world + self.settings.rank)
                sample = prepared(self.source.batch(self.settings.batch, drawn), self.settings, drawn)
            else:
                slots = slots_of(step, self.settings)
                sample = concatenate([self._one(slot, self.source, skipped) for slot in slots])
            return _finished(sample, self.settings, step), tuple(skipped), ""
        except DpocketError as e:
            return None, tuple(skipped), str(e)

    def _one(self, slot: int, source: Indexed, skipped: list[tuple[str, str]]) -> Sample:
        drawn = generator(self.settings, "window", slot)
        index = self._index(slot, len(source))
        for _ in range(SUBSTITUTES):
            try:
                sample = require_large_enough(source[index], self.settings)
            except DpocketError as e:
                skipped.append((source.names[index], str(e)))
                index = int(torch.randint(len(source), (1,), generator=drawn))
                continue
            return prepared(sample, self.settings, drawn)
        raise DpocketError(f"{SUBSTITUTES} frames in a row could not be read; the last one: {skipped[-1][1]}")

    def _index(self, slot: int, count: int) -> int:
        epoch, place = divmod(slot, count)
        if self._order[0] != epoch:
            self._order = (epoch, torch.randperm(count, generator=generator(self.settings, "epoch", epoch)))
        return int(self._order[1][place])


class _FromShards(IterableDataset[_Made]):
    """The batches of one worker: of W workers, number w makes the steps `first` + w, `first` + w + W, …"""

    def __init__(self, shards: ShardSet, settings: Loading, first: int, steps: int | None) -> None:
        self.shards, self.settings, self.first, self.steps = shards, settings, first, steps

    def __iter__(self) -> Iterator[_Made]:
        settings, info = self.settings, get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        step = self.first + worker
        # Which worker of a resumed run makes a step depends on where it resumes; whose share it draws from must not.
        share = Share(settings.rank * workers + step % workers, settings.world * workers)
        reader = ShardReader(
            self.shards, share, seed=settings.seed, buffer=settings.buffer, tolerated=settings.tolerated
        )
        samples = reader.endless(step // workers * settings.batch)
        told = 0
        while self.steps is None or step < self.first + self.steps:
            try:
                made = [self._one(next(samples), slot) for slot in slots_of(step, settings)]
                skipped = tuple(reader.tally.reasons.items())
                yield _finished(concatenate(made), settings, step), skipped[told:], ""
                told = len(skipped)
            except DpocketError as e:
                yield None, tuple(reader.tally.reasons.items())[told:], str(e)
                return
            step += workers

    def _one(self, sample: Sample, slot: int) -> Sample:
        drawn = generator(self.settings, "window", slot)
        return prepared(require_large_enough(sample, self.settings), self.settings, drawn)


def generator(settings: Loading, purpose: str, number: int) -> torch.Generator:
    """Random numbers that depend on the seed, the purpose and a number alone."""
    digest = hashlib.sha256(f"{settings.seed}/{purpose}/{number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def slots_of(step: int, settings: Loading) -> range:
    """The places in the endless sequence of samples that this process's batch of a step holds."""
    start = (step * settings.world + settings.rank) * settings.batch
    return range(start, start + settings.batch)


def _finished(sample: Sample, settings: Loading, step: int) -> Sample:
    if settings.augmentation is None:
        return sample
    drawn = generator(settings, "augment", step * settings.world + settings.rank)
    return augment(sample, settings.augmentation, drawn)
