"""`Frames`: the named frames of one split of a dataset; `Dataset`: how a tree on disk becomes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from runtime_py.errors import CaptureError, DpocketError
from training.data.sample import Sample, check

TOLERATED = 0.25
"""Share of unreadable frames above which a tree is taken for broken rather than for damaged in places."""


class Indexed(Protocol):
    """Samples by number: what a loader can shuffle."""

    @property
    def names(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(frozen=True)
class Frames:
    """Frames in a fixed order: `names[i]` comes from `sources[i]` (paths, as the dataset's module chose them)."""

    dataset: str
    names: tuple[str, ...]
    sources: tuple[Any, ...]
    reader: Callable[[Any], Sample]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """The frame as a sample of batch 1. Raises DpocketError, with the frame's name, when it cannot be read."""
        name = self.names[index]
        try:
            return check(replace(self.reader(self.sources[index]), names=(name,)))
        except DpocketError as e:
            raise CaptureError(f"frame {name} of {self.dataset}: {e}") from e


Found = list[tuple[str, Any]]
"""(name, source) of frames, in order."""

Opener = Callable[..., tuple[Found, Callable[[Any], Sample]]]


@dataclass(frozen=True)
class Dataset:
    """One dataset: where its frames lie and how one is read.

    `opener(root, split, **options)` gives the frames found and their reader; options are its keyword arguments.
    """

    name: str
    title: str
    layout: str
    """The files expected, for messages."""
    splits: tuple[str, ...]
    opener: Opener

    def open(self, root: Path | str, split: str = "all", **options: Any) -> Frames:
        """The frames of a split. Raises DpocketError for an unknown split or option, and where nothing is found."""
        root = Path(root).absolute()
        if not root.is_dir():
            raise CaptureError(f"there is no folder {root} to look for {self.title} in")
        if split not in self.splits:
            raise CaptureError(f"{self.title} has no split '{split}'; it has {', '.join(self.splits)}")
        known = list(inspect.signature(self.opener).parameters)[2:]
        for option in options:
            if option not in known:
                raise CaptureError(f"{self.title} has no option '{option}'; it has {', '.join(known) or 'none'}")
        found, reader = self.opener(root, split, **options)
        if not found:
            raise CaptureError(
                f"no frame of {self.title}, split '{split}', was found at or below {root}; its layout is {self.layout}"
            )
        return Frames(self.title, tuple(n for n, _ in found), tuple(s for _, s in found), reader)


class Tally:
    """Counts the frames that were skipped, and stops when they are too many to be accidents.

    One frame may always be skipped, otherwise at most `tolerated` of all `of` frames.
    """

    def __init__(self, of: int, tolerated: float = TOLERATED) -> None:
        self.of, self.tolerated = of, tolerated
        self.reasons: dict[str, str] = {}
        """By name of the frame."""

    @property
    def skipped(self) -> tuple[str, ...]:
        """One sentence for each frame that was skipped, in the order in which they were met."""
        return tuple(self.reasons.values())

    def skip(self, name: str, reason: str) -> None:
        """Take note; a frame that is met again counts once. Raises DpocketError when there are too many."""
        self.reasons.setdefault(name, reason)
        count = len(self.reasons)
        if count > max(1.0, self.tolerated * self.of) or count == self.of:
            raise DpocketError(
                f"{count} of {self.of} frames could not be read, which is no accident; the last one: {reason}"
            )


class Readable:
    """The frames that can be read, in order; after (or during) a walk, `skipped` says which could not, and why."""

    def __init__(self, frames: Indexed, tolerated: float = TOLERATED) -> None:
        self.frames, self.tolerated = frames, tolerated
        self._tally = Tally(len(frames), tolerated)

    @property
    def skipped(self) -> tuple[str, ...]:
        return self._tally.skipped

    def __iter__(self) -> Iterator[Sample]:
        """Raises DpocketError when more frames than tolerated, or all of them, cannot be read."""
        self._tally = Tally(len(self.frames), self.tolerated)
        for index, name in enumerate(self.frames.names):
            try:
                sample = self.frames[index]
            except DpocketError as e:
                self._tally.skip(name, str(e))
            else:
                yield sample
