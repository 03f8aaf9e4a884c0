"""The job behind `dpocket bench`: artifacts, ours or foreign, in their runtimes, in turns."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime_py.bench.inputs import random_inputs
from runtime_py.bench.nodes import Nodes, nodes_of
from runtime_py.bench.rounds import Clock, Spread, Times, measure, ratio
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.inputs import Array
from runtime_py.quiet import quiet
from runtime_py.runners import open_runner
from runtime_py.runners.runner import ArtifactRunner

ROUNDS, WARM_UP = 50, 5
THREADS = 1.2
"""Processor time by wall time from which on a runtime has computed on more than one thread."""


@dataclass(frozen=True)
class Entry:
    """One artifact's figures: bytes, milliseconds per call, the ratio to the first artifact's, and its nodes."""

    path: Path
    runtime: str
    version: str
    bytes: int
    wall: Spread
    processor: Spread
    ratio: Spread
    nodes: Nodes

    @property
    def threads(self) -> float:
        """Threads that computed, on average: processor time by wall time at their least."""
        return self.processor.least / self.wall.least if self.wall.least > 0 else 1.0

    def to_dict(self) -> dict[str, Any]:
        raw = dataclasses.asdict(self)
        return {**raw, "path": str(self.path), "threads": round(self.threads, 2)}


@dataclass(frozen=True)
class Bench:
    """A run: the entries in the order of the artifacts; `basis` says which of the times the ratios are of."""

    entries: tuple[Entry, ...]
    rounds: int
    basis: str

    def to_json(self) -> str:
        host = {"machine": platform.machine(), "system": platform.system(), "python": platform.python_version()}
        raw = {"rounds": self.rounds, "ratios_of": self.basis, "host": host}
        return json.dumps({**raw, "artifacts": [entry.to_dict() for entry in self.entries]}, indent=1) + "\n"


@dataclass(frozen=True)
class Contender:
    """An artifact that is loaded and has its inputs."""

    path: Path
    runner: ArtifactRunner
    given: Mapping[str, Array]

    @staticmethod
    def at(path: Path, runtime: str) -> Contender:
        """The artifact at `path`, loaded, and run once: a file may load and still not run."""
        if not path.exists():
            raise ArtifactError(f"there is no artifact {path}")
        with quiet(native=True):
            runner = open_runner(path, runtime)
        contender = Contender(path, runner, random_inputs(path.name, runner.inputs))
        contender.run()
        return contender

    def run(self) -> object:
        return self.runner.run(self.given)

    def entry(self, times: Times, relative: Spread) -> Entry:
        """The figures of this artifact, with what its nodes are."""
        files = [f for f in self.path.rglob("*") if f.is_file()] if self.path.is_dir() else [self.path]
        return Entry(
            self.path,
            self.runner.name,
            self.runner.version,
            sum(f.stat().st_size for f in files),
            Spread.of(times.wall),
            Spread.of(times.processor),
            relative,
            nodes_of(self.path, self.runner, self.given),
        )


def bench(
    artifacts: Sequence[Path],
    runtime: str = "vendor",
    rounds: int = ROUNDS,
    progress: Callable[[str, int, int], None] = lambda what, done, of: None,
    clock: Clock | None = None,
) -> Bench:
    """Time `artifacts` in `runtime` ("vendor": each in its own; or a name of `runners.RUNTIMES`), one thread each.

    Ratios are of processor time where its clock is fine enough: what other programs take does not count in it. Raises
    DpocketError for no artifact or no round, ArtifactError for a file that is none, RuntimeUnavailable with the reason.
    """
    clock = clock or Clock()
    if not artifacts:
        raise DpocketError("no artifact was given")
    if rounds < 1:
        raise DpocketError(f"{rounds} rounds were asked for; at least 1 is needed")
    contenders = []
    for number, path in enumerate(artifacts):
        progress(f"load {Path(path).name}", number, len(artifacts))
        contenders.append(Contender.at(Path(path), runtime))
    found = measure([c.run for c in contenders], rounds, WARM_UP, clock, lambda done, of: progress("rounds", done, of))
    basis = "processor" if clock.processor_is_fine else "wall"
    first = getattr(found[0], basis)
    entries = [c.entry(times, ratio(getattr(times, basis), first)) for c, times in zip(contenders, found, strict=True)]
    return Bench(tuple(entries), rounds, basis)
