"""The reference runtime against LiteRT on generated .tflite models: one row per operation or architecture.

    python -m benchmarks.corpus [--seed N] [--count N] [--only NAME] [--json FILE]

Every model runs in LiteRT's reference kernels, in LiteRT's XNNPACK and in both dialects of the reference runtime, on
full-range inputs. Integer outputs must be equal; float outputs may differ by 1e-5 of their range, which includes 0
(in dynamic-range networks by the step of a grid).
Leaves with exit code 1 when one does not. `.pte` files have `benchmarks.pte_corpus`.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.models import INT8_OPS, OTHER_OPS
from benchmarks.models.network import KINDS
from benchmarks.models.networks import NETWORKS
from benchmarks.models.tflite import Model, run_litert
from runtime_py.errors import DpocketError
from runtime_py.interpreter import Interpreter
from runtime_py.readers.tflite import read_tflite
from runtime_py.runners.litert import RESOLVERS

Array = NDArray[Any]
Builder = Callable[[np.random.Generator], Model]

TOLERANCE = 1e-5
"""Of a float output's range."""

ONE_STEP = 1e-2
"""The same where float32 images are quantised while running, behind a mean or a sigmoid: a last bit there may turn
into one step of the grid, whoever computes it."""

STEPPING = ("network, dynamic-range",)

TO_OR_FROM_FLOAT = ("quantize", "dequantize", "requantize", "cast")
HYBRID = ("conv2d", "depthwise_conv2d", "transpose_conv2d", "fully_connected")


@dataclass
class Row:
    """What was found for one kind of model; `refused` counts pairs of model and dialect that LiteRT does not run."""

    family: str
    kind: str
    models: int = 0
    refused: int = 0
    integers: int = 0
    floats: int = 0
    differing: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RESOLVERS, 0))
    error: dict[str, float] = field(default_factory=lambda: dict.fromkeys(RESOLVERS, 0.0))
    failures: list[str] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        allowed = ONE_STEP if self.family in STEPPING else TOLERANCE
        return bool(self.failures) or any(self.differing.values()) or max(self.error.values()) > allowed


def _twins(names: Mapping[str, Builder], twin: Callable[[Model], Model]) -> Mapping[str, Builder]:
    def build(name: str) -> Builder:
        return lambda rng: twin(names[name](rng))

    return {name: build(name) for name in names}


def _networks(kind: str) -> Mapping[str, Builder]:
    def build(name: str) -> Builder:
        return lambda rng: NETWORKS[name](rng, kind)

    return {name: build(name) for name in NETWORKS}


FAMILIES: Mapping[str, Mapping[str, Builder]] = {
    "int8": INT8_OPS,
    "int8, rarer": OTHER_OPS,
    "float32": _twins({n: b for n, b in INT8_OPS.items() if n not in TO_OR_FROM_FLOAT}, Model.float_twin),
    "float32, rarer": _twins({n: b for n, b in OTHER_OPS.items() if n not in TO_OR_FROM_FLOAT}, Model.float_twin),
    "int8 weights, float32 images": _twins({n: INT8_OPS[n] for n in HYBRID}, Model.hybrid_twin),
    **{f"network, {kind}": _networks(kind) for kind in KINDS},
}
"""Builders of models by family and kind; a new family is a line here."""


def compared(model: Model, row: Row, name: str) -> None:
    """Adds one model to a row."""
    row.models += 1
    content = model.content()
    for dialect in RESOLVERS:
        try:
            wanted = run_litert(content, model.arrays, dialect)
        except (RuntimeError, ValueError):
            row.refused += 1
            continue
        try:
            program = read_tflite(content, name)
            got = Interpreter(program, dialect).run(dict(zip(program.input_names(), model.arrays, strict=True)))
        except DpocketError as e:
            row.failures.append(f"{dialect}: {e}")
            continue
        for ours, theirs in zip((got[n] for n in program.output_names()), wanted, strict=True):
            _add(row, dialect, ours, theirs, name)


def _add(row: Row, dialect: str, ours: Array, theirs: Array, name: str) -> None:
    if theirs.size == ours.size == 1:
        # XNNPACK drops axes of size 1 from such tensors.
        theirs = theirs.reshape(ours.shape)
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        row.failures.append(f"{dialect}: {name} gives {ours.dtype} {ours.shape}, not {theirs.dtype} {theirs.shape}")
    elif theirs.dtype.kind == "f":
        row.floats += theirs.size
        row.error[dialect] = max(row.error[dialect], float_error(ours, theirs))
    else:
        row.integers += theirs.size
        row.differing[dialect] += int((ours != theirs).sum())


def float_error(ours: Array, theirs: Array) -> float:
    """The largest difference relative to the range of `theirs` and 0; infinite where only one is finite."""
    finite = np.isfinite(theirs)
    if not np.array_equal(ours[~finite], theirs[~finite], equal_nan=True) or not np.isfinite(ours[finite]).all():
        return float("inf")
    if not finite.any():
        return 0.0
    real, other = theirs[finite].astype(np.float64), ours[finite].astype(np.float64)
    span = max(real.max(), 0.0) - min(real.min(), 0.0)
    return float(np.abs(other - real).max() / (span or 1.0))


def rows(seed: int, count: int, only: str = "") -> Iterator[Row]:
    """Models in as equal numbers of every kind as `count` allows, at least one each."""
    kinds = [(family, kind) for family, table in FAMILIES.items() for kind in table if only in f"{family} {kind}"]
    for position, (family, kind) in enumerate(kinds):
        row = Row(family, kind)
        each = max(1, (count * (position + 1)) // len(kinds) - (count * position) // len(kinds))
        for number in range(each):
            # Every kind draws from generators of its own, so that a new family changes no other.
            name = f"{family}/{kind}, seed {seed}, model {number}"
            rng = np.random.default_rng([seed, number, *f"{family}/{kind}".encode()])
            compared(FAMILIES[family][kind](rng), row, name)
        yield row


def table_line(row: Row) -> str:
    """A row in Markdown."""
    differing = " / ".join(str(row.differing[d]) if row.integers else "–" for d in RESOLVERS)
    error = " / ".join(f"{row.error[d]:.1e}" if row.floats else "–" for d in RESOLVERS)
    return f"| {row.family} | {row.kind} | {row.models} | {row.integers + row.floats} | {differing} | {error} |"


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=600, help="models in all")
    parser.add_argument("--only", default="", help="families and kinds whose name holds this")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    given = parser.parse_args()
    names = " / ".join(RESOLVERS)
    print(f"| family | kind | models | elements | differing integers ({names}) | largest float error ({names}) |")
    print("|---|---|---|---|---|---|")
    found = []
    for row in rows(given.seed, given.count, given.only):
        print(table_line(row), flush=True)
        for failure in row.failures[:3]:
            print(f"  {failure}", file=sys.stderr)
        found.append(row)
    total = Row("all", "")
    for row in found:
        total.models, total.refused = total.models + row.models, total.refused + row.refused
        total.integers, total.floats = total.integers + row.integers, total.floats + row.floats
        for dialect in RESOLVERS:
            total.differing[dialect] += row.differing[dialect]
            total.error[dialect] = max(total.error[dialect], row.error[dialect])
    print(table_line(total))
    print(f"\n{total.refused} pairs of model and kernel set are refused by LiteRT itself and were left out.")
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(row) for row in found], indent=1))
    return 1 if any(row.bad for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
