"""What each layer's eight bits cost: the error of the output when it alone is quantised, and when all but it are.

Tensors are rounded in float (`training.quantize.fake`), so that a student can be quantised in part; a whole int8
student computed by `training.quantize.simulate` differs from that by single steps.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic
from runtime_py.progress import progress_bar
from runtime_py.refusals import answered
from training.graph import StudentGraph, run_layer
from training.quantize.equalise import rescaled
from training.quantize.fake import on_grid, rounded_weights, rounder
from training.quantize.grid import Grid
from training.quantize.post_training import adjusted

if TYPE_CHECKING:
    from rich.table import Table

WORST = 99.9
"""The percentile of absolute errors that is given beside their root mean square."""

SCENES, HELD_OUT_SEED = 16, 32452843
"""Scenes that are rendered to measure on; of a seed that neither training nor calibration sees."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class OutputError:
    """Of an output against the float student's: root mean square, and `WORST` percentile of the magnitude."""

    rms: float
    worst: float


@dataclass(frozen=True)
class LayerSensitivity:
    """One tensor of the student, and the layer that makes it ("input" for one that the student is given).

    `weights`, `activation` and `both`: the output's error with only its weights and bias, its tensor, or both on the
    grid. `others`: with everything on the grid but these. `snr_db`: of the tensor itself under `both`, infinite where
    nothing was lost. `where` is the line of the model.
    """

    name: str
    kind: str
    weights: OutputError
    activation: OutputError
    both: OutputError
    others: OutputError
    snr_db: float
    where: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """Layers, the one that costs most first, and the error with all of them on the grid; of `output`, in its unit."""

    output: str
    samples: int
    everything: OutputError
    layers: tuple[LayerSensitivity, ...]

    def to_json(self) -> str:
        """Everything above as JSON; an infinite `snr_db` is null."""
        raw = asdict(self)
        for layer in raw["layers"]:
            layer["snr_db"] = layer["snr_db"] if isfinite(layer["snr_db"]) else None
        return json.dumps({**raw, "worst_percentile": WORST}, indent=1)


@torch.no_grad()
def sensitivity(
    graph: StudentGraph,
    grid: Grid,
    batches: Iterable[Mapping[str, Tensor]],
    output: str = "disparity",
    progress: Progress = lambda done, of, name: None,
) -> Sensitivity:
    """The error of `output` over float32 NCHW `batches` that each layer's quantisation on `grid` causes.

    `graph` is the float student; errors are against it, also where the grid adjusts its weights. Tensors that only pass
    on a grid (concatenations, poolings) have rows too, with errors of 0 where their inputs are on that grid already.
    Raises DpocketError for no batches, an output that there is not, or a grid of another student.
    """
    seen = list(batches)
    if not seen or output not in graph.outputs:
        raise DpocketError(f"sensitivity needs inputs, and an output of {', '.join(graph.outputs)}, not '{output}'")
    trial = _Trial(graph, grid, seen, output)
    names = [*graph.inputs, *(layer.name for layer in graph.layers)]
    every, nothing = frozenset(names), frozenset[str]()
    decibels, rows = trial.signal_to_noise(), []
    for done, name in enumerate(names):
        progress(done, len(names), name)
        this = frozenset([name])
        rows.append(
            LayerSensitivity(
                name,
                trial.kinds.get(name, "input"),
                weights=trial.error(this, nothing),
                activation=trial.error(nothing, this),
                both=trial.error(this, this),
                others=trial.error(every - this, every - this),
                snr_db=decibels[name],
                where=trial.lines.get(name, ""),
            )
        )
    rows.sort(key=lambda row: -row.both.rms)
    samples = sum(int(batch[graph.inputs[0]].shape[0]) for batch in seen)
    return Sensitivity(output, samples, trial.error(every, every), tuple(rows))


class _Trial:
    """A student that is run again and again with some of its layers and tensors on the grid.

    A layer's bias is corrected as long as its weights are rounded: it makes up for them.
    """

    def __init__(self, graph: StudentGraph, grid: Grid, batches: Sequence[Mapping[str, Tensor]], output: str) -> None:
        self.real, self.rounded = rescaled(graph, grid.equalised), rounded_weights(adjusted(graph, grid), grid)
        self.grid, self.batches, self.output = grid, batches, output
        self.expected = [graph.run(batch)[output] for batch in batches]
        self.kinds = {layer.name: layer.kind for layer in graph.layers}
        self.lines = {layer.name: layer.where for layer in graph.layers}

    def error(self, weights: frozenset[str], activations: frozenset[str]) -> OutputError:
        pairs = zip(self.real.layers, self.rounded.layers, strict=True)
        graph = replace(self.real, layers=tuple(r if r.name in weights else real for real, r in pairs))
        visit = rounder(self.grid, activations)
        runs = zip(self.batches, self.expected, strict=True)
        error = torch.cat([(graph.run(batch, visit)[self.output] - real).flatten() for batch, real in runs]).abs()
        rms = float(error.double().square().mean().sqrt())
        return OutputError(rms, float(np.percentile(error.numpy(), WORST)))

    def signal_to_noise(self) -> dict[str, float]:
        """Decibels of every tensor, made by its layer on the grid of float inputs: mean square over the error's."""
        signal: dict[str, float] = dict.fromkeys(self.real.shapes, 0.0)
        noise = dict(signal)

        def add(name: str, real: Tensor, rounded: Tensor) -> None:
            signal[name] += float(real.double().square().sum())
            noise[name] += float((on_grid(rounded, self.grid.tensors[name]) - real).double().square().sum())

        for batch in self.batches:
            values = self.real.run(batch)
            for name in self.real.inputs:
                add(name, values[name], values[name])
            for layer in self.rounded.layers:
                add(layer.name, values[layer.name], run_layer(layer, [values[i] for i in layer.inputs]))
        return {name: _decibels(signal[name], noise[name]) for name in signal}


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(signal / noise)) if signal > 0 else float("-inf")


def table(found: Sensitivity, unit: str = "px") -> Table:
    """The figures for a terminal: root mean squares, and beside that of both the `WORST` percentile, in `unit`."""
    from rich.table import Table

    made = Table(title=f"error of {found.output}, RMS in {unit}, over {found.samples} samples")
    made.add_column("tensor", no_wrap=True)
    for name in ("weights", "values", "both", f"{WORST:g} %", "all but it", "SNR dB"):
        made.add_column(name, justify="right", no_wrap=True)
    for row in found.layers:
        errors = (row.weights.rms, row.activation.rms, row.both.rms, row.both.worst, row.others.rms)
        made.add_row(row.name, *(f"{value:.4f}" for value in errors), f"{row.snr_db:.1f}")
    whole = found.everything
    made.add_row("everything", "", "", f"{whole.rms:.4f}", f"{whole.worst:.4f}", "", "", style="bold")
    return made


def of_checkpoint(path: Path, scenes: int = SCENES, progress: Progress = lambda done, of, name: None) -> Sensitivity:
    """The sensitivity of the student at `path` on its stored grid, over held-out rendered scenes.

    Raises DpocketError where there is no checkpoint, or it has no grid.
    """
    from training.calibration import stored_grid, traced
    from training.calibration_inputs import rendered_inputs
    from training.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    grid = stored_grid(checkpoint)
    if grid is None:
        raise DpocketError(f"{checkpoint.name} has no integer grid yet; dpocket export calibrates it")
    inputs = rendered_inputs(checkpoint, scenes, HELD_OUT_SEED)
    return sensitivity(traced(checkpoint, inputs.size), grid, inputs.batches, progress=progress)


def main(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint: .safetensors with its .json card and its grid.")],
    scenes: Annotated[int, typer.Option(min=1, help="Held-out rendered scenes.")] = SCENES,
    json: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """How much the quantisation of every layer costs, in px of disparity at the working width."""
    from rich.console import Console

    with progress_bar() as bar:
        found = of_checkpoint(checkpoint, scenes, lambda done, of, name: bar.report("layers", name, done, of))
    Console().print(table(found))
    if json is not None:
        write_atomic(json, (found.to_json() + "\n").encode())


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(main)
    answered(lambda given: app(args=given, prog_name="python -m training.quantize.sensitivity"), sys.argv[1:])
