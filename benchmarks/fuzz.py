"""Damages artifacts and capture packages, reads and runs them: there must come a result or a refusal in words.

    python -m benchmarks.fuzz --count 100000 [--seed N] [--format tflite,onnx,pte,mlpackage,dpz] [--seconds S]
        [--seeds FOLDER] [--sources generated,exported] [--defects FOLDER]

Each file is read and run in a process that may take 5 seconds and 1 GiB more than it started with; the process may
die. Files are numbered from the seed on, and number N is always the same file. Leaves with exit code 1 when anything
else came of a file; it then lies in the folder of defects with its number and the traceback.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from ctypes import c_double, c_int64
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawValue
from pathlib import Path

from benchmarks.fuzzing.mutations import Seed
from benchmarks.fuzzing.seeds import FORMATS, artifacts
from benchmarks.fuzzing.worker import SECONDS, Progress, damaged, save, work

PATIENCE = 6 * SECONDS
"""Seconds without a finished file after which a process is taken for stuck and ended."""


@dataclass(frozen=True)
class Tally:
    """What came of the damaged files of one format."""

    kind: str
    files: int
    results: int
    refused: int
    defects: int
    slowest: float
    seconds: float


def fuzzed(
    kind: str, sound: Sequence[Mapping[str, Seed]], numbers: range, defects: Path, seconds: float = 1e9
) -> Tally:
    """Damages `sound` artifacts until `numbers` or `seconds` are used up; processes that die are replaced."""
    context = multiprocessing.get_context("spawn")
    progress = Progress(
        RawValue(c_int64, numbers.start),
        RawValue(c_int64, 0),
        RawValue(c_int64, 0),
        RawValue(c_double, 0.0),
    )
    started = time.monotonic()
    first = numbers.start
    defects.mkdir(parents=True, exist_ok=True)
    while first < numbers.stop and time.monotonic() - started < seconds:
        progress.current.value = first
        process = context.Process(target=work, args=(kind, sound, first, numbers.stop, defects, progress))
        process.start()
        _watch(process, progress, started + seconds)
        reached = int(progress.current.value)
        if process.exitcode == 0 or time.monotonic() - started >= seconds:
            first = reached
            break
        story = f"the process ended with {process.exitcode}"
        save(defects, kind, reached, damaged(kind, sound, reached), story)
        first = reached + 1
    took = time.monotonic() - started
    results, refused = int(progress.results.value), int(progress.refused.value)
    done = first - numbers.start
    found = sum(1 for path in defects.glob(f"{kind}-*.json") if int(path.stem.split("-")[1]) in numbers)
    return Tally(kind, done, results, refused, found, float(progress.slowest.value), took)


def _watch(process: multiprocessing.process.BaseProcess, progress: Progress, deadline: float) -> None:
    """Returns when the process has ended, is out of time, or was ended for being stuck."""
    seen, since = -1, time.monotonic()
    while process.is_alive():
        process.join(0.2)
        now, current = time.monotonic(), int(progress.current.value)
        if current != seen:
            seen, since = current, now
        if now > deadline or now - since > PATIENCE:
            process.kill()
            process.join()


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=100_000, help="files for each format")
    parser.add_argument("--seed", type=int, default=0, help="number of the first file")
    parser.add_argument("--format", default=",".join(FORMATS))
    parser.add_argument("--seconds", type=float, default=1e9, help="time for each format")
    parser.add_argument("--seeds", type=Path, help="folder with more sound artifacts")
    parser.add_argument("--sources", default="generated,exported", help="'exported' needs the converters and torch")
    parser.add_argument("--defects", type=Path, default=Path("build/fuzz"))
    given = parser.parse_args()
    print("| format | files | per second | results | refused in words | anything else | slowest, s |")
    print("|---|---|---|---|---|---|---|")
    defects = 0
    for kind in given.format.split(","):
        sound = artifacts(kind, given.seeds, given.sources.split(","))
        tally = fuzzed(kind, sound, range(given.seed, given.seed + given.count), given.defects, given.seconds)
        defects += tally.defects
        rate = tally.files / max(tally.seconds, 1e-9)
        print(
            f"| .{kind} | {tally.files} | {rate:.0f} | {tally.results} | {tally.refused} | {tally.defects} "
            f"| {tally.slowest:.2f} |",
            flush=True,
        )
    if defects:
        print(f"{defects} defects are in {given.defects}", file=sys.stderr)
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
