"""What eight bits of output cost on real captures, by the range that they span: the interior stays int8 as it is.

`python -m benchmarks.output_range CHECKPOINT --captures FOLDER [--json FILE]` runs the int8 student in the reference
runtime up to the input of its last layer, whose sums are exact there, and rounds them to each output that is compared:
none, steps of limit / 127 with clipping at ± limit, and a coarse output beside a fine one of the same sums (the fine
one counts where it is not clipped). px are of the working width.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convert.lower import lower
from convert.meaning import contract_of_program
from convert.precision import at_precision
from convert.student import DEFAULT_SIZE, meaning_of
from runtime_py.captures import DPCapture, google_app
from runtime_py.captures.format import folders
from runtime_py.captures.orientation import views
from runtime_py.contract import Contract
from runtime_py.errors import CaptureError, DpocketError
from runtime_py.evaluate import evaluate
from runtime_py.files import write_atomic
from runtime_py.interpreter import Interpreter
from runtime_py.program import Program
from runtime_py.student import Student
from training.calibration import stored_grid, traced
from training.checkpoint import load_checkpoint
from training.graph import Layer, StudentGraph, run_layer
from training.quantize import Grid, adjusted
from training.quantize.fake import rounded_weights

Reals = NDArray[np.float32]
DATASETS = ("cmu", "dp119", "google")


@dataclass(frozen=True)
class Output:
    """A way to store the disparity: `round` from exact to stored values, px; `limit` is the largest of them."""

    name: str
    limit: float
    round: Callable[[Reals], Reals]


def plain(limit: float) -> Output:
    """Symmetric int8 over ± limit px."""

    def rounded(real: Reals) -> Reals:
        step = np.float32(limit / 127)
        return np.asarray(np.clip(np.rint(real / step), -128, 127) * step, np.float32)

    return Output(f"±{limit:.3g} px", limit, rounded)


def coarse_and_fine(coarse: float, fine: float) -> Output:
    """Two int8 outputs of the same sums."""
    far, near = plain(coarse), plain(fine)

    def rounded(real: Reals) -> Reals:
        return np.where(np.abs(real) < fine, near.round(real), far.round(real))

    return Output(f"±{coarse:.3g} px and ±{fine:.3g} px", coarse, rounded)


def outputs(calibrated: float) -> list[Output]:
    """What is compared; `calibrated` is the limit of the student's own grid."""
    exact = Output("not rounded", float("inf"), lambda real: real)
    limits = sorted({3.0, 4.0, 6.0, 8.0, 12.0, calibrated})
    pairs = [(8.0, 1.0), (8.0, 2.0), (12.0, 1.0)]
    return [exact, *(plain(limit) for limit in limits), *(coarse_and_fine(*pair) for pair in pairs)]


class ExactRunner:
    """The int8 student with its disparity in float32, exact up to the rounding that `output` adds."""

    def __init__(self, graph: StudentGraph, program: Program, head: Layer, grid: Grid) -> None:
        self.graph, self.interpreter, self.head, self.grid = graph, Interpreter(program), head, grid
        self.output: Output | None = None
        self.exact: list[Reals] = []
        """Of every tile that was run; beside it what the float student says of the same int8 inputs."""
        self.float: list[Reals] = []
        self._known: dict[bytes, tuple[Reals, Reals]] = {}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        key = b"".join(inputs[name].tobytes() for name in sorted(inputs))
        if key not in self._known:
            self._known[key] = self._computed(inputs)
        real, of_float = self._known[key]
        self.exact.append(real)
        self.float.append(of_float)
        return {"disparity": real if self.output is None else self.output.round(real)}

    def forget(self) -> None:
        """Begin the lists of tiles anew."""
        self.exact.clear()
        self.float.clear()

    @torch.no_grad()
    def _computed(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[Reals, Reals]:
        kept = {*self.graph.inputs, self.head.inputs[0]}
        tensors = {name: self._real(name, array) for name, array in self.interpreter.trace(inputs) if name in kept}
        exact = run_layer(self.head, [tensors[self.head.inputs[0]]])
        of_float = self.graph.run({name: tensors[name].float() for name in inputs})["disparity"]
        return _nhwc(exact), _nhwc(of_float)

    def _real(self, name: str, array: NDArray[Any]) -> Tensor:
        """Stored NHWC to real NCHW, float64."""
        steps = self.grid.tensors[name]
        return torch.from_numpy((array.astype(np.float64) - steps.zero_point) * steps.scale).permute(0, 3, 1, 2)


def _nhwc(value: Tensor) -> Reals:
    return np.ascontiguousarray(value.permute(0, 2, 3, 1).numpy(), np.float32)


def exact_student(checkpoint_path: Path) -> tuple[Student, ExactRunner, float]:
    """The student, its runner, and the limit of its grid's disparity. Raises DpocketError without a grid."""
    checkpoint = load_checkpoint(checkpoint_path)
    grid = stored_grid(checkpoint)
    if grid is None:
        raise DpocketError(f"{checkpoint_path} has no integer grid; export it first")
    graph = traced(checkpoint, DEFAULT_SIZE)
    whole = adjusted(graph, grid)
    program = at_precision(lower(whole), "int8", grid)
    head = next(layer for layer in rounded_weights(whole, grid).layers if layer.name == "disparity")
    if head.weight is None or head.bias is None:
        raise DpocketError("the disparity is not made by a convolution with a bias")
    head = replace(head, weight=head.weight.double(), bias=head.bias.double())
    runner = ExactRunner(graph, program, head, grid)
    contract = contract_of_program(program, meaning_of(checkpoint, "student"), "NHWC", float_boundary=False)
    return Student(runner, _float_disparity(contract)), runner, 127 * grid.tensors["disparity"].scale


def _float_disparity(whole: Contract) -> Contract:
    spec = replace(whole.output("disparity"), dtype="float32", scale=None, zero_point=None)
    return replace(whole, outputs=(spec,))


def figures(student: Student, runner: ExactRunner, root: Path) -> dict[str, float]:
    """AI(1) and 1-|rank correlation| per dataset, and of all its tiles what the output clips and rounds."""
    found: dict[str, float] = {}
    for dataset in DATASETS:
        runner.forget()
        result = evaluate(student.disparity, dataset, root)
        found |= {f"{dataset} {metric}": result.mean(metric) for metric in ("ai1", "rank_loss")}
        found |= {f"{dataset} {name}": value for name, value in _errors(runner).items()}
    runner.forget()
    for capture in _app_captures(root):
        student.disparity(*views(capture))
    return found | {f"app {name}": value for name, value in _errors(runner).items()}


def _app_captures(root: Path) -> list[DPCapture]:
    lefts = [google_app.FORMAT.left_of(file) for folder in folders(root) for file in sorted(folder.glob("*.pgm"))]
    return [google_app.FORMAT.read(left) for left in sorted({left for left in lefts if left is not None})]


def _errors(runner: ExactRunner) -> dict[str, float]:
    if runner.output is None or not runner.exact:
        return {}
    real, of_float = (np.concatenate([tile.ravel() for tile in tiles]) for tiles in (runner.exact, runner.float))
    error = runner.output.round(real) - real
    limit = runner.output.limit * (1 + 0.5 / 127)
    near = np.abs(real) < 1
    return {
        "clipped": float((np.abs(real) > limit).mean()),
        "rms": float(np.sqrt(np.mean(error**2))),
        "rms of the interior": float(np.sqrt(np.mean((real - of_float) ** 2))),
        "rms within ±1": float(np.sqrt(np.mean(error[near] ** 2))),
        "within ±1": float(near.mean()),
        "99.9 %": float(np.percentile(np.abs(real), 99.9)),
    }


def main() -> None:
    """Print one line per output, and write all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--captures", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    student, runner, calibrated = exact_student(arguments.checkpoint)
    rows = []
    for runner.output in outputs(calibrated):
        found = figures(student, runner, arguments.captures)
        rows.append({"output": runner.output.name, **found})
        print(json.dumps(rows[-1]), flush=True)
    if arguments.json:
        write_atomic(arguments.json, (json.dumps(rows, indent=1) + "\n").encode())


if __name__ == "__main__":
    try:
        main()
    except (CaptureError, DpocketError) as e:
        sys.exit(f"output_range: {e}")
