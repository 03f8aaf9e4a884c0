"""Reading shards from front to back: shared between processes, shuffled, resumable at any sample."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from runtime_py.errors import DpocketError
from training.data.datasets.frames import TOLERATED, Tally
from training.data.sample import Sample
from training.data.shard_decoding import decoded, members_of
from training.data.shards import ShardSet

Piece = tuple[int, range]
"""A shard's number, and the keys of the samples in it."""


@dataclass(frozen=True)
class Share:
    """One of `streams` equal parts of every epoch: the part of one worker process of one torchrun process."""

    stream: int = 0
    streams: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.stream < self.streams:
            raise DpocketError(f"there is no stream {self.stream} of {self.streams}; they count from 0")


class ShardReader:
    """The samples of one share of a set.

    An epoch puts the shards into an order of its own (from `seed` and the epoch) and cuts the whole sequence of samples
    into `share.streams` runs of equal length, so that the shares together hold every sample once. Inside a run, blocks
    of `buffer` samples are read in the file's order and then shuffled, which makes position p the same sample however
    it is reached. `buffer` 1 shuffles shards only.
    """

    def __init__(
        self,
        shards: ShardSet,
        share: Share | None = None,
        *,
        seed: int = 0,
        buffer: int = 256,
        tolerated: float = TOLERATED,
        thorough: bool = False,
    ) -> None:
        self.shards, self.share = shards, share or Share()
        self.seed, self.buffer, self.thorough = seed, buffer, thorough
        self.tally = Tally(len(shards), tolerated)
        self._unfit: dict[int, str] = {}
        total, streams = len(shards), self.share.streams
        self._run = range(self.share.stream * total // streams, (self.share.stream + 1) * total // streams)
        """This share's part of every epoch's sequence."""
        if buffer < 1 or len(shards) < self.share.streams:
            raise DpocketError(
                f"{len(shards)} samples cannot be read by {self.share.streams} processes in blocks of {buffer}"
            )

    @property
    def skipped(self) -> tuple[str, ...]:
        """A sentence, with the shard's name, for each sample that could not be read so far."""
        return self.tally.skipped

    def epoch(self, number: int = 0) -> Iterator[Sample]:
        """Every readable sample of the share once. Raises DpocketError when too many cannot be read."""
        for block in range(self._blocks):
            yield from self._block(number, block)

    def endless(self, position: int = 0) -> Iterator[Sample]:
        """Epoch after epoch from `position`, a count of samples of this share.

        An unreadable sample's place is taken by a readable one of its block (or of the next that has one), so that
        positions do not depend on damage.
        """
        number, offset = divmod(position, len(self._run))
        while True:
            for block in range(offset // self.buffer, self._blocks):
                good = self._readable_block(number, block)
                start = block * self.buffer
                for place in range(max(start, offset), min(start + self.buffer, len(self._run))):
                    yield good[(place - start) % len(good)]
            number, offset = number + 1, 0

    @property
    def _blocks(self) -> int:
        return -(-len(self._run) // self.buffer)

    def _readable_block(self, epoch: int, block: int) -> list[Sample]:
        for ahead in range(self._blocks):
            if good := self._block(epoch, (block + ahead) % self._blocks):
                return good
        raise DpocketError(f"no sample of this process's share can be read; the last one: {self.skipped[-1]}")

    def _block(self, epoch: int, block: int) -> list[Sample]:
        """The readable samples of a block, shuffled."""
        wanted = self._run[block * self.buffer : (block + 1) * self.buffer]
        samples = [s for piece in self._pieces(epoch, wanted) for s in self._read(piece)]
        # Strings seed Python's generator through SHA-512: the same order on every machine.
        random.Random(f"{self.seed}/{epoch}/{self.share}/{block}").shuffle(samples)
        return samples

    def _pieces(self, epoch: int, wanted: range) -> list[Piece]:
        """Where in which shards a stretch of the epoch's sequence lies."""
        order = list(range(len(self.shards.shards)))
        random.Random(f"{self.seed}/{epoch}").shuffle(order)
        pieces, start = [], 0
        for number in order:
            count, first = self.shards.shards[number].samples, self.shards.first_of(number)
            inside = range(max(wanted.start - start, 0), min(wanted.stop - start, count))
            if inside:
                pieces.append((number, range(first + inside.start, first + inside.stop)))
            start += count
        return pieces

    def _read(self, piece: Piece) -> list[Sample]:
        number, keys = piece
        shard = self.shards.shards[number]
        path = self.shards.folder / shard.file
        if number not in self._unfit:
            self._unfit[number] = self.shards.damage_of(shard, self.thorough)
        reason = self._unfit[number] if self.thorough else ""
        found: dict[int, Sample] = {}
        met: set[int] = set()
        try:
            for key, members in members_of(path, range(0) if reason else keys):
                met.add(key)
                try:
                    found[key] = decoded(members)
                except DpocketError as e:
                    self.tally.skip(f"{path}/{key}", f"sample {key:09d} of shard {path}: {e}")
        except DpocketError as e:
            reason = str(e)
        reason = reason or self._unfit[number] or f"shard {path} does not hold them"
        for key in keys:
            if key not in met:
                self.tally.skip(f"{path}/{key}", f"sample {key:09d} was lost: {reason}")
        return [found[key] for key in keys if key in found]
