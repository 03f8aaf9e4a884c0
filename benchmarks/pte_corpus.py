"""The reference runtime against ExecuTorch on small .pte files: one row per model.

    python -m benchmarks.pte_corpus [--seed 0] [--only NAME]

Columns: outputs, how many of them differ, and the largest difference relative to the range of ExecuTorch's output.
Leaves with exit code 1 when an output is further than 1e-5 of its range, or integers differ.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch

from benchmarks.models.pte import Array, Case, build, run_executorch
from benchmarks.models.pte_nets import cases
from runtime_py.errors import DpocketError
from runtime_py.interpreter import Interpreter
from runtime_py.readers.pte import read_pte

TOLERANCE = 1e-5
"""Of an output's range."""


def compared(name: str, case: Case) -> tuple[int, int, float]:
    """Outputs, differing outputs and the largest difference relative to its output's range."""
    content, arrays = build(case), case.inputs()
    expected = run_executorch(content, arrays)
    program = read_pte(content, name)
    results = Interpreter(program).run(dict(zip(program.input_names(), arrays, strict=True)))
    pairs = list(zip((results[n] for n in program.output_names()), expected, strict=True))
    if any(got.shape != wanted.shape or got.dtype != wanted.dtype for got, wanted in pairs):
        raise DpocketError(f"{name} gives {[(g.shape, g.dtype) for g, _ in pairs]}")
    differing = sum(int((got != wanted).sum()) for got, wanted in pairs)
    return sum(wanted.size for _, wanted in pairs), differing, max(_error(*pair) for pair in pairs)


def _error(got: Array, wanted: Array) -> float:
    span = float(np.ptp(wanted)) or 1.0
    return float(np.abs(got.astype(np.float64) - wanted).max()) / span


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="models whose name holds this")
    given = parser.parse_args()
    torch.set_num_threads(1)
    failed = models = 0
    print("| model | outputs | differing | largest / range |\n|---|---|---|---|")
    for name, case in cases(given.seed).items():
        if given.only not in name:
            continue
        models += 1
        try:
            outputs, differing, error = compared(name, case)
            failed += not error <= TOLERANCE
            print(f"| {name} | {outputs} | {differing} | {error:.1e} |", flush=True)
        except (DpocketError, RuntimeError) as e:
            failed += 1
            print(f"| {name} | {type(e).__name__}: {' '.join(str(e).split())[:160]} | | |", flush=True)
    print(f"\n{models - failed} of {models} models within {TOLERANCE:g} of their range")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
