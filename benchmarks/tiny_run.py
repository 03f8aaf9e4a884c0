"""A training run small enough to be repeated: what `benchmarks.resume` and `benchmarks.two_processes` start.

`python -m benchmarks.tiny_run --out DIR --cache DIR [--resume] [--losses FILE] [--set name=value ...]` trains a student
of 1,400 parameters, prints "step N loss L" after every step, and writes the losses as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from runtime_py.files import write_atomic
from training.fit import fit
from training.recipes import Recipe, recipe

TINY = (
    'model_settings={"half": 4, "quarter": 6, "eighth": 6, "sixteenth": 8}',
    *("data.count=32", "data.size=80", "data.seed=11", "optimisation.crop=64"),
    *("optimisation.steps=60", "optimisation.batch=4", "optimisation.parts=2"),
    *("monitor.log_every=1", "monitor.save_every=7", "monitor.scenes=4", "monitor.board=false"),
)


def tiny_recipe(settings: list[str]) -> Recipe:
    """The recipe of these runs, with further "name=value" settings."""
    return recipe("pocket", [*TINY, *settings])


def train(out: Path, cache: Path, settings: list[str], resume: bool = False) -> list[float]:
    """Train in this process; returns the losses of the steps that were left."""
    losses: list[float] = []

    def tell(what: str, done: int, of: int, figures: dict[str, float]) -> None:
        if what == "train":
            losses.append(figures["loss"])
            print(f"step {done} loss {figures['loss']:.9g}", flush=True)

    fit(tiny_recipe(settings), out, resume, tell, cache)
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--losses", type=Path)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    losses = train(arguments.out, arguments.cache, arguments.settings, arguments.resume)
    if arguments.losses and losses:  # the first process alone is told
        write_atomic(arguments.losses, json.dumps(losses).encode())


if __name__ == "__main__":
    main()
