"""Is a run that was killed and resumed the run that it would have been?

`python -m benchmarks.resume [--kills 5] [--seed 1] [--set name=value ...] [--json FILE]` trains a tiny student once
undisturbed, and once with a SIGKILL after each of `kills` random steps, resuming every time. Both must end with the
same bytes of weights and the same training state in every bit.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.tiny_run import tiny_recipe, train
from runtime_py.files import write_atomic


@dataclass(frozen=True)
class Outcome:
    """killed_after: the steps; saved: the step that each resumed run went on from; differing: names of tensors that
    are not equal in every bit, "student.safetensors" among them when its bytes differ."""

    killed_after: list[int]
    saved: list[int]
    compared: int
    differing: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = interrupted(Path(folder), arguments.kills, arguments.seed, arguments.settings)
    print(f"killed after steps {outcome.killed_after}, resumed from {outcome.saved}")
    print(f"{outcome.compared} tensors compared, {len(outcome.differing)} differ: {outcome.differing[:5]}")
    if arguments.json:
        write_atomic(arguments.json, json.dumps(asdict(outcome), indent=1).encode())
    sys.exit(1 if outcome.differing else 0)


def interrupted(folder: Path, kills: int, seed: int, settings: list[str]) -> Outcome:
    """Both runs in `folder`, compared."""
    steps = tiny_recipe(settings).optimisation.steps
    straight, killed = folder / "straight", folder / "killed"
    train(straight, folder / "cache", settings)
    chosen = sorted(random.Random(seed).sample(range(1, steps), kills))
    saved = []
    for step in chosen:
        _run_until(step, killed, folder / "cache", settings)
        saved.append(_step_of(killed))
    train(killed, folder / "cache", settings, resume=True)
    ours, theirs = (dict(tensors(torch.load(run / "state.pt", weights_only=True))) for run in (killed, straight))
    differing = [n for n in ours.keys() | theirs.keys() if n not in ours or n not in theirs]
    differing += [n for n in ours.keys() & theirs.keys() if not torch.equal(ours[n], theirs[n])]
    weights = "student.safetensors"
    if (killed / weights).read_bytes() != (straight / weights).read_bytes():
        differing.append(weights)
    return Outcome(chosen, saved, len(theirs) + 1, sorted(differing))


def _run_until(last: int, out: Path, cache: Path, settings: list[str]) -> None:
    """The run in `out`, begun or resumed, in a process that is killed as soon as it has told of step `last`."""
    command = [sys.executable, "-m", "benchmarks.tiny_run", "--out", str(out), "--cache", str(cache)]
    command += [word for setting in settings for word in ("--set", setting)]
    process = subprocess.Popen([*command, "--resume"], stdout=subprocess.PIPE, text=True)
    if process.stdout is None:
        raise RuntimeError("a pipe was asked for")
    for line in process.stdout:
        if line.startswith(f"step {last} "):
            process.kill()
            break
    if process.wait() == 0:
        raise SystemExit(f"{' '.join(command)} came to its end before it told of step {last}")


def _step_of(out: Path) -> int:
    state = out / "state.pt"
    return int(torch.load(state, weights_only=True)["step"]) if state.exists() else 0


def tensors(value: object, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a saved state with its path."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors(item, f"{path}/{key}")


if __name__ == "__main__":
    main()
