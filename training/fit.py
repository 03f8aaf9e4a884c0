"""The training loop, on Lightning Fabric: one for every recipe."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from runtime_py.errors import DpocketError
from training.board import Board
from training.checkpoint import require_writable
from training.data.sample import Sample
from training.losses.figures import Figures
from training.memory import keep_memory, keep_memory_in_worker
from training.processes import Place
from training.recipes.base import Recipe
from training.run import Run
from training.schedule import learning_rate
from training.tasks import make_task
from training.tasks.task import Circumstances, Progress, Source

__all__ = ["Progress", "fit"]


def fit(
    recipe: Recipe, out: Path, resume: bool = False, progress: Progress | None = None, cache: Path | None = None
) -> Path:
    """Train `recipe`, returning the path of the student's weights in `out`.

    Without `resume` a folder that already holds a run is refused, so that nothing is lost. `cache` is where rendered
    scenes are kept (by default `out`/cache). Started by torchrun, every process calls this: they share each batch,
    and the first one reports and writes. This process keeps its memory from then on (`training.memory`).
    """
    keep_memory()
    task, place = make_task(recipe), Place.from_environment()
    place.share(recipe.optimisation.batch)
    if place.first:
        require_writable(out)
        if (out / "state.pt").exists() and not resume:
            raise DpocketError(f"{out} already holds a run; continue it with --resume or choose another --out")
    run = Run(recipe, task, out, place)
    if resume:
        run.restore()  # before anything is rendered: a folder of another recipe is refused at once
    report = progress if progress is not None and place.first else _nobody
    Loop(run, Circumstances(run.device, cache or out / "cache", place, report)).go()
    return out / "student.safetensors"


class Loop:
    """The steps of a run that are left, with what is told and saved along the way."""

    def __init__(self, run: Run, here: Circumstances) -> None:
        self.run, self.here, self.settings = run, here, run.recipe.monitor
        self.figures: dict[str, float] = {}

    def go(self) -> None:
        run, steps = self.run, self.run.recipe.optimisation.steps
        source = self._source()
        workers = data_workers(self.here.place)
        # More threads than free cores make both processes wait for each other: ten times slower on two cores.
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // self.here.place.beside - workers))
        board = Board(run.out / "board", run.step, self.settings.board and self.here.place.first)
        batches = _batches(source, range(run.step, steps), workers, run.device)
        began = last = time.monotonic()
        while run.step < steps:
            run.clock.begin(run.step)
            if not source.in_workers:
                with run.clock.phase("render"):
                    source.advance(run.step)
            with run.clock.phase("data"):
                batch = next(batches).to(run.device, non_blocking=True)
            loss, told = run.train_step(batch)
            now = time.monotonic()
            run.seconds, last = run.seconds + now - last, now
            speaks = run.step % self.settings.log_every == 0 or run.step == steps
            late = speaks and self._is_late(now - began)
            if run.step % self.settings.save_every == 0 or run.step == steps or late:
                run.require_finite(loss)
                self._save(batch, board)
                last = time.monotonic()
            if speaks:
                self._tell(loss, told, board)
            if late:
                break
        board.close()

    def _source(self) -> Source:
        """Processes take turns, so that scenes are rendered once: the first, the first of each machine, the others."""
        place = self.here.place
        if place.world == 1:
            return self.run.task.source(self.here)
        turn = 0 if place.first else 1 if place.local == 0 else 2
        found: list[Source] = []
        for now in range(3):
            if turn == now:
                found.append(self.run.task.source(self.here))
            self.run.fabric.barrier()
        return found[0]

    def _is_late(self, seconds: float) -> bool:
        """Whether the time is up, as the first process's clock has it."""
        if not self.settings.minutes:
            return False
        return bool(self.run.fabric.broadcast(seconds > 60.0 * self.settings.minutes))

    def _save(self, batch: Sample, board: Board) -> None:
        if not self.here.place.first:
            return
        network = self.run.averaged()
        self.figures = self.run.task.validate(network, self.here)
        board.scalars(self.run.step, {f"validation/{name}": value for name, value in self.figures.items()})
        if self.settings.board:
            board.pictures(self.run.step, self.run.task.pictures(network, batch))
        self.run.save(self.figures)

    def _tell(self, loss: Tensor, told: Figures, board: Board) -> None:
        run = self.run
        run.require_finite(loss)
        values = {"loss": loss, **told}
        means = run.fabric.all_reduce(torch.stack([v.float() for v in values.values()]), reduce_op="mean").tolist()
        scalars = dict(zip(values, means, strict=True))
        rate = learning_rate(run.step - 1, run.recipe.optimisation)
        shares = run.clock.shares()
        self.here.report(
            "train",
            run.step,
            run.recipe.optimisation.steps,
            {"loss": scalars["loss"], "rate": rate, "steps/s": run.step / run.seconds, **shares, **self.figures},
        )
        board.scalars(run.step, {**scalars, "rate": rate, "gradient_norm": float(run.norm)})
        board.scalars(run.step, {f"step_time/{name}": share for name, share in shares.items()})


def data_workers(place: Place | None = None) -> int:
    """Processes that prepare batches beside each one that trains: its cores but one, at least one, at most eight."""
    beside = 1 if place is None else place.beside
    return min(8, max(1, (os.cpu_count() or 2) // beside - 1))


def _batches(source: Source, steps: range, workers: int, device: torch.device) -> Iterator[Sample]:
    if not source.in_workers:
        return (source[step] for step in steps)
    pin = device.type == "cuda"
    return iter(
        DataLoader(
            source,  # type: ignore[arg-type]
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            pin_memory=pin,
            worker_init_fn=keep_memory_in_worker,
        )
    )


def _nobody(what: str, done: int, of: int, figures: dict[str, float]) -> None:
    """Told, and says nothing."""
