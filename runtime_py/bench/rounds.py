"""Rounds of timed calls: every contender has a turn in each, so that a machine's drifts meet all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Progress = Callable[[int, int], None]

FINEST = 1e-5
"""Seconds; a clock of processor time that is coarser (Windows has 16 ms) cannot time one call."""


@dataclass(frozen=True)
class Clock:
    """Two clocks in seconds: `wall`, and `processor`, the time that this process computed on all its threads."""

    wall: Callable[[], float] = time.perf_counter
    processor: Callable[[], float] = time.process_time
    processor_is_fine: bool = time.get_clock_info("process_time").resolution <= FINEST


@dataclass
class Times:
    """Milliseconds of one contender's calls, one per round."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Spread:
    """Median, quartiles and least of a figure; quartiles are those of `statistics.quantiles`, inclusive."""

    median: float
    lower: float
    upper: float
    least: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """The spread of one value or more."""
        if len(values) == 1:
            return Spread(values[0], values[0], values[0], values[0])
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return Spread(median, lower, upper, min(values))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lower:.2f}–{self.upper:.2f})"


def measure(
    turns: Sequence[Callable[[], object]],
    rounds: int,
    warm_up: int,
    clock: Clock,
    progress: Progress = lambda done, of: None,
) -> list[Times]:
    """Times of each of `turns` over `rounds` rounds, after `warm_up` rounds that do not count.

    A turn is two calls: the first, untimed, fetches from memory what the others' turns pushed out of the caches, as
    it would lie there from a phone's last frame; the second is timed.
    """
    times = [Times() for _ in turns]
    for number in range(warm_up + rounds):
        progress(number, warm_up + rounds)
        for turn, kept in zip(turns, times, strict=True):
            turn()
            wall, processor = clock.wall(), clock.processor()
            turn()
            processor, wall = clock.processor() - processor, clock.wall() - wall
            if number >= warm_up:
                kept.wall.append(wall * 1e3)
                kept.processor.append(processor * 1e3)
    progress(warm_up + rounds, warm_up + rounds)
    return times


def ratio(times: Sequence[float], first: Sequence[float]) -> Spread:
    """The spread over rounds of `times` by the first contender's in the same round."""
    return Spread.of([mine / theirs for mine, theirs in zip(times, first, strict=True)])
