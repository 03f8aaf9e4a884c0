"""One frame of the shipped int8 student in the reference runtime and in the vendors' runtimes, one thread each.

    python -m benchmarks.reference_runtime [--checkpoint FILE] [--size HxW] [--rounds N] [--evaluator-rounds N]

Runtimes take turns, round by round, so that a busy machine slows all of them alike; the table has medians, extremes,
the ratio to the reference runtime in the dialect that computes the same, and differing integers.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.program import Program
from runtime_py.quiet import quiet
from runtime_py.readers import read
from runtime_py.runners.litert import LiteRTRunner
from runtime_py.runners.reference import ReferenceRunner
from runtime_py.runners.runner import Runner

Array = NDArray[Any]
Inputs = Mapping[str, Array]

DEFAULT_CHECKPOINT = Path("training/weights/pocket.safetensors")


@dataclass
class Contender:
    """One runtime: `frame` computes one frame's integers, compared with those of the contender `like`."""

    name: str
    frame: Callable[[], Array]
    like: str
    rounds: int
    milliseconds: list[float] = field(default_factory=list)
    result: Array | None = None

    def take_turn(self) -> None:
        started = time.perf_counter()
        result = self.frame()
        self.milliseconds.append((time.perf_counter() - started) * 1e3)
        self.result = result


def exported(checkpoint: Path, size: tuple[int, int], folder: Path) -> tuple[Path, Path]:
    """The student's int8 `.tflite` and `.onnx`."""
    from convert.student import export_checkpoint
    from training.checkpoint import load_checkpoint

    with quiet(native=True):
        made = export_checkpoint(load_checkpoint(checkpoint), ["litert", "onnx"], "int8", folder, size)
    return made[0].path, made[1].path


def contenders(tflite: Path, onnx: Path, rounds: int, evaluator_rounds: int) -> list[Contender]:
    """The reference runtime in both dialects, LiteRT in both kernel sets, ONNX's ReferenceEvaluator."""
    from onnx import load
    from onnx.reference import ReferenceEvaluator

    runners: dict[str, Runner] = {
        "reference runtime, litert-reference": ReferenceRunner(tflite, "litert-reference"),
        "LiteRT reference kernels": LiteRTRunner(tflite, "litert-reference"),
        "reference runtime, xnnpack": ReferenceRunner(tflite, "xnnpack"),
        "LiteRT XNNPACK": LiteRTRunner(tflite, "xnnpack"),
    }
    images = _images(read(tflite))
    made = []
    for name, runner in runners.items():
        like = "litert-reference" if "reference kernels" in name or name.endswith("reference") else "xnnpack"
        frame = _of_runner(runner, images)
        made.append(Contender(name, frame, f"reference runtime, {like}", rounds))
    model = load(str(onnx))
    # The evaluator knows DequantizeLinear from this version on, which means the same for these operators.
    model.opset_import[0].version = max(model.opset_import[0].version, 19)
    evaluator = ReferenceEvaluator(model)
    transposed = {name: np.ascontiguousarray(image.transpose(0, 3, 1, 2)) for name, image in images.items()}

    def evaluated() -> Array:
        return _joined(dict(zip(evaluator.output_names, evaluator.run(None, transposed), strict=True)))

    made.append(Contender("ONNX ReferenceEvaluator (.onnx)", evaluated, "reference runtime, xnnpack", evaluator_rounds))
    return made


def _of_runner(runner: Runner, images: Inputs) -> Callable[[], Array]:
    def frame() -> Array:
        return _joined(runner.run(images))

    return frame


def _joined(outputs: Inputs) -> Array:
    """All outputs in one row; each has one channel, so that NHWC and NCHW give the same."""
    return np.concatenate([np.ravel(outputs[name]) for name in sorted(outputs)])


def _images(program: Program) -> dict[str, Array]:
    """Full-range integers, the hardest on requantisation."""
    rng = np.random.default_rng(0)
    tensors = [program.tensors[i] for i in program.inputs]
    return {t.name: rng.integers(-128, 128, t.shape).astype(np.int8) for t in tensors}


def measure(made: list[Contender]) -> None:
    """One round unseen, then all rounds in turns."""
    for contender in made:
        if contender.rounds > 2:
            contender.frame()
    for number in range(max(c.rounds for c in made)):
        for contender in made:
            if number < contender.rounds:
                contender.take_turn()


def differing(contender: Contender, made: list[Contender]) -> int:
    """Integers that are not those of the contender's twin."""
    (twin,) = (c for c in made if c.name == contender.like)
    return int(np.sum(np.asarray(contender.result) != np.asarray(twin.result)))


def report(made: list[Contender]) -> str:
    """A Markdown table."""
    by_name = {c.name: c for c in made}
    lines = [
        "| runtime | median ms (least–most) | times the reference runtime | differing integers |",
        "|---|---|---|---|",
    ]
    for contender in made:
        twin = by_name[contender.like]
        median = statistics.median(contender.milliseconds)
        ratio = median / statistics.median(twin.milliseconds)
        extremes = f"{min(contender.milliseconds):.1f}–{max(contender.milliseconds):.1f}"
        wrong = f"{differing(contender, made)} of {np.asarray(contender.result).size}"
        lines.append(f"| {contender.name} | {median:.1f} ({extremes}) | {ratio:.1f} | {wrong} |")
    return "\n".join(lines)


def main() -> int:
    """Prints the table; returns 1 when LiteRT's integers differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT)
    parser.add_argument("--size", default="384x512")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--evaluator-rounds", type=int, default=1)
    given = parser.parse_args()
    height, width = (int(n) for n in given.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        tflite, onnx = exported(given.checkpoint, (height, width), Path(folder))
        made = contenders(tflite, onnx, given.rounds, given.evaluator_rounds)
        measure(made)
    print(report(made))
    return 0 if all(differing(c, made) == 0 for c in made if c.name.startswith("LiteRT")) else 1


if __name__ == "__main__":
    sys.exit(main())
