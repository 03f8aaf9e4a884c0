"""The reference runtime against ONNX Runtime on single-operator .onnx files: one row per operator.

    python -m benchmarks.onnx_corpus [--count 20] [--only NAME]

Each operator is tried with `count` random shapes and settings as a float, an int8 and a uint8 (QDQ) model, full-range
inputs. Columns: values compared, integers that differ, largest float error relative to the output's range, models that
ONNX Runtime or the reader refuses. Leaves with exit code 1 when int8 integers differ or a float is beyond 2e-5.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.models.onnx_cases import CASES
from benchmarks.models.onnx_files import float_model, quantised_model
from runtime_py.errors import DpocketError
from runtime_py.inputs import Array
from runtime_py.interpreter import Interpreter
from runtime_py.readers.onnx import read_onnx
from runtime_py.runners.onnxruntime import OnnxRuntimeRunner

STYLES = ("float", "int8", "uint8")
TOLERANCE = 2e-5
"""Of an output's range: ONNX Runtime's own float sums depend on their order by that much."""


@dataclass
class Tally:
    """What came of one operator in one style."""

    values: int = 0
    differing: int = 0
    error: float = 0.0
    refused: int = 0
    reasons: set[str] = field(default_factory=set)


def tried(name: str, style: str, seed: int, file: Path, tally: Tally) -> None:
    """One random model, in both runtimes; adds to `tally`."""
    rng = np.random.default_rng(seed)
    case = CASES[name](rng)
    content = float_model(case, rng) if style == "float" else quantised_model(case, rng, style)
    file.write_bytes(content)
    inputs = {f"x{i}": drawn(rng, style, shape) for i, shape in enumerate(case.shapes)}
    try:
        wanted = OnnxRuntimeRunner(file).run(inputs)
        got = Interpreter(read_onnx(content, name), "onnx-qdq").run(inputs)
    except DpocketError as e:
        tally.refused += 1
        tally.reasons.add(" ".join(str(e).split())[-120:])
        return
    for output, expected in wanted.items():
        tally.values += expected.size
        if style != "float":
            tally.differing += int((got[output] != expected).sum())
        elif expected.size:
            span = max(float(np.ptp(expected)), 1e-3)
            tally.error = max(tally.error, float(np.abs(got[output] - expected).max()) / span)


def drawn(rng: np.random.Generator, style: str, shape: tuple[int, ...]) -> Array:
    """Inputs of one style: normal floats, or integers over the whole range."""
    if style == "float":
        return rng.normal(0, 2, shape).astype(np.float32)
    limits = np.iinfo(style)
    return rng.integers(limits.min, limits.max + 1, shape).astype(style)


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--only", default="", help="operators whose name holds this")
    given = parser.parse_args()
    file = Path(tempfile.mkdtemp()) / "model.onnx"
    failed, totals = 0, {style: Tally() for style in STYLES}
    print("| operator | style | values | differing | largest / range | refused |\n|---|---|---|---|---|---|")
    for name in (n for n in CASES if given.only in n):
        for style in STYLES:
            tally, total = Tally(), totals[style]
            for seed in range(given.count):
                tried(name, style, seed, file, tally)
            failed += tally.error > TOLERANCE or (style == "int8" and tally.differing > 0)
            total.values, total.differing = total.values + tally.values, total.differing + tally.differing
            total.error, total.refused = max(total.error, tally.error), total.refused + tally.refused
            print(f"| {name} | {style} {_row(tally)}  {'; '.join(tally.reasons)}".rstrip(), flush=True)
    for style, total in totals.items():
        print(f"| all | {style} {_row(total)}")
    return 1 if failed else 0


def _row(tally: Tally) -> str:
    return f"| {tally.values} | {tally.differing} | {tally.error:.1e} | {tally.refused} |"


if __name__ == "__main__":
    sys.exit(main())
