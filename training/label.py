"""`dpocket label`: a teacher's disparity for every frame of a dataset, by any number of processes and machines.

Frames are dealt out by their number: process `rank` of `world` takes every `world`-th. No process waits for another or
speaks to it, so it does not matter whether they run at once, one after the other, or again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from runtime_py.errors import CaptureError, ContractError, DpocketError
from training.label_folder import LabelFolder, Record, Summary
from training.label_source import Source, open_source
from training.teachers import Teacher, make_teacher

Progress = Callable[[int, int, str], None]
"""Told frames done by this process, frames dealt to it, and the name of the last one."""


@dataclass(frozen=True)
class Shard:
    """The part of the work that falls to one of `world` processes."""

    rank: int = 0
    world: int = 1

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> Shard:
        """By RANK and WORLD_SIZE, as torchrun sets them; the whole where they are not set."""
        rank, world = environment.get("RANK"), environment.get("WORLD_SIZE")
        if rank is None and world is None:
            return Shard()
        if rank is None or world is None or not (rank.isdigit() and world.isdigit() and int(rank) < int(world)):
            raise DpocketError(
                f"RANK is {rank} and WORLD_SIZE is {world} in the environment; torchrun sets both, with 0 <= RANK < "
                "WORLD_SIZE, so set both or none"
            )
        return Shard(int(rank), int(world))


@dataclass(frozen=True)
class LabelJob:
    """What is asked for. `dataset` None: the layout is found out; `pair` None: each frame's own kind of pair."""

    root: Path
    teacher: str
    out: Path
    dataset: str | None = None
    pair: str | None = None
    settings: tuple[str, ...] = ()
    confidence: bool = False


class Bench:
    """A job with everything opened that a process needs to label a frame."""

    def __init__(self, job: LabelJob) -> None:
        self.teacher: Teacher = make_teacher(job.teacher, job.settings)
        self.source: Source = open_source(job.root, job.dataset, job.pair)
        self.teacher.prepare(self.source.names)
        asked = {"dataset": self.source.dataset, "pair": job.pair, "confidence": job.confidence}
        settings = {**asked, "teacher": self.teacher.identity()}
        self.folder = LabelFolder(job.out, self.source.names, settings)

    def label(self, name: str) -> tuple[str, str | None]:
        """Label one frame: the kind of pair that it was, or ("", why it was skipped).

        Raises DpocketError for pairs that are not there or not for this teacher, and for a full disk: other frames
        would fare no better.
        """
        try:
            sample = self.source.read(name)
        except (CaptureError, ContractError) as e:
            return "", str(e)
        if sample.pair not in self.teacher.pairs:
            raise DpocketError(
                f"frame {name} is a {sample.pair} pair, and this teacher labels {' and '.join(self.teacher.pairs)} "
                "pairs; choose another teacher"
            )
        try:
            label = self.teacher.label(sample)
        except (CaptureError, ContractError) as e:
            return "", f"frame {name}: {e}"
        self.folder.write(name, label)
        return f"{sample.pair}, {sample.dp_axis}", None


def label_dataset(
    job: LabelJob, shard: Shard | None = None, workers: int = 1, progress: Progress | None = None
) -> Summary:
    """Label the frames of `shard` that are not labelled yet, in `workers` processes, and sum up the whole folder.

    Frames that cannot be read or labelled are skipped, named with the reason in `labels.json`, and tried again by the
    next run. Raises DpocketError for a job that cannot be done (unknown teacher or layout, a folder begun otherwise).
    """
    shard = shard or Shard.from_environment()
    _require_apart(job.root, job.out)
    if workers < 1:
        raise DpocketError(f"--workers is {workers}; at least 1 process is needed")
    bench = Bench(job)
    bench.folder.claim()
    mine = bench.source.names[shard.rank :: shard.world]
    pending = [name for name in mine if not bench.folder.is_done(name)]
    process = f"{shard.rank}-of-{shard.world}"
    record = Record(kinds=bench.folder.noted(process).kinds)
    done = len(mine) - len(pending)
    try:
        for name, kind, reason in _labelled(job, bench, pending, workers):
            done += 1
            if reason is not None:
                record.skipped[name] = reason
            else:
                record.kinds.add(kind)
            if progress is not None:
                progress(done, len(mine), name)
    finally:
        bench.folder.note(process, record)
    return bench.folder.publish()


def _labelled(job: LabelJob, bench: Bench, names: Sequence[str], workers: int) -> Iterator[tuple[str, str, str | None]]:
    """(name, kind, reason) of each frame as it is done."""
    if workers == 1 or len(names) < 2:
        for name in names:
            yield (name, *bench.label(name))
        return
    # Forked children of a process with threads (torch, OpenCV) may hang.
    spawn, known = get_context("spawn"), replace(job, dataset=bench.source.dataset)
    with ProcessPoolExecutor(min(workers, len(names)), spawn, initializer=_start_worker, initargs=(known,)) as pool:
        waiting = {pool.submit(_work, name): name for name in names}
        try:
            for future in as_completed(waiting):
                yield (waiting[future], *future.result())
        except BrokenProcessPool as e:
            raise DpocketError(
                "a worker process ended before its time, which a lack of memory may do; what is labelled is kept, so "
                "run the command again, with fewer --workers"
            ) from e
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_worker: list[Bench] = []


def _start_worker(job: LabelJob) -> None:
    import cv2
    import torch

    # Ctrl-C reaches every process of the terminal; the first one stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _worker.append(Bench(job))


def _work(name: str) -> tuple[str, str | None]:
    return _worker[0].label(name)


def _require_apart(root: Path, out: Path) -> None:
    inner, outer = Path(out).resolve(), Path(root).resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise DpocketError(
            f"--out {out} and the dataset {root} lie inside of each other: labels would mix with the dataset's own "
            "files; give a folder elsewhere"
        )


def summary_lines(summary: Summary, out: Path) -> list[str]:
    """What to tell the user: counts, and the first frames that were skipped."""
    shown = list(summary.skipped.items())[:5]
    more = len(summary.skipped) - len(shown)
    told = [
        f"{summary.labelled} of {summary.frames} frames labelled, {len(summary.skipped)} skipped: {out}/labels.json"
    ]
    if summary.pending:
        told.append(f"{summary.pending} frames are left to other processes, or to the next run")
    told += [f"  skipped {name}: {reason}" for name, reason in shown]
    return told + ([f"  and {more} more, named in labels.json"] if more else [])
