"""Networks side by side: size and latency of their int8 artifacts, one thread each.

    python -m benchmarks.students [pocket pyramid …] [--size HxW] [--rounds N]

Weights are random, which changes no latency. Artifacts take turns, round by round, so that a busy machine slows all of
them alike; the ratio is the median over rounds of each artifact's time by that of the first network in the same round.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.artifact import Artifact
from runtime_py.quiet import quiet
from runtime_py.runners import open_runner
from runtime_py.runners.runner import Runner

TARGETS = ("litert", "executorch")


@dataclass
class Contender:
    """One network in one runtime, and its times so far (ms)."""

    network: str
    target: str
    runner: Runner
    inputs: Mapping[str, NDArray[Any]]
    bytes: int
    milliseconds: list[float] = field(default_factory=list)

    def take_turn(self) -> None:
        started = time.perf_counter()
        self.runner.run(self.inputs)
        self.milliseconds.append((time.perf_counter() - started) * 1e3)


def exported(name: str, size: tuple[int, int], out: Path) -> list[Artifact]:
    """int8 artifacts of the network `name` with seeded random weights, on a grid from random inputs."""
    import torch

    from convert.meaning import Meaning
    from convert.targets import export
    from training.models import build, form_of
    from training.quantize import calibrate
    from training.tracing import trace

    torch.set_num_threads(1)
    torch.manual_seed(0)
    example = torch.zeros(1, 1, *size)
    graph = trace(build(name), (example, example), outputs=form_of(name).outputs)
    views = {view: torch.randn(1, 1, *size).clamp(-3, 3) for view in graph.inputs}
    stride = size[0] // graph.shapes["disparity"][2]
    with quiet(native=True):
        return export(
            graph, Meaning(name, size[1], stride), TARGETS, "int8", out, calibrate(graph, [views], input_scale=3 / 127)
        )


def contender(name: str, artifact: Artifact) -> Contender:
    """The artifact in its vendor's runtime, with full-range random inputs."""
    rng = np.random.default_rng(0)
    inputs = {s.name: rng.integers(-128, 128, s.shape).astype(np.int8) for s in artifact.contract.inputs}
    runner = open_runner(artifact.path, "vendor", None, artifact.contract)
    return Contender(name, artifact.target, runner, inputs, artifact.manifest.bytes)


def report(contenders: Sequence[Contender]) -> str:
    """A Markdown table."""
    lines = ["| network | runtime | KiB | median ms (least–most) | of the first, same round |", "|---|---|---|---|---|"]
    for made in contenders:
        first = next(c for c in contenders if c.target == made.target)
        ratio = statistics.median(a / b for a, b in zip(made.milliseconds, first.milliseconds, strict=True))
        times = (
            f"{statistics.median(made.milliseconds):.2f} ({min(made.milliseconds):.2f}–{max(made.milliseconds):.2f})"
        )
        lines.append(f"| {made.network} | {made.target} | {made.bytes / 1024:.0f} | {times} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("networks", nargs="*", default=["pocket", "pyramid"])
    parser.add_argument("--size", default="384x512")
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    height, width = (int(n) for n in given.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        made = {n: exported(n, (height, width), Path(folder)) for n in given.networks}
        contenders = [contender(n, artifact) for n, artifacts in made.items() for artifact in artifacts]
        for each in contenders:
            each.runner.run(each.inputs)
        for _ in range(given.rounds):
            for each in contenders:
                each.take_turn()
    print(report(contenders))


if __name__ == "__main__":
    main()
