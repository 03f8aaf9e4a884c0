"""Parity of a set of artifacts: every artifact in every runtime that this machine has, against the reference.

A vendor's runtime and the reference runtime in that vendor's dialect are checked against each other on the same file.
Where a .tflite of the same student is at hand, the other vendors are checked against that instead: the question is
then not only whether a file is computed right, but whether all files compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runtime_py.errors import ArtifactError, ContractError, RuntimeUnavailable
from runtime_py.manifest import contract_of, manifest_path, read_manifest
from runtime_py.parity.budget import DEFAULT_BUDGET, Limit
from runtime_py.parity.compare import Comparison, compare_outputs
from runtime_py.parity.float_limit import float_limit
from runtime_py.parity.judge import differing_of, judge
from runtime_py.parity.samples import Sample
from runtime_py.parity.trace import Trace, record
from runtime_py.runners import DIALECTS_OF, open_runner

Progress = Callable[[str, int, int], None]

Key = tuple[str, str, str]
"""A run: artifact path, runtime, dialect."""


@dataclass(frozen=True)
class Cell:
    """One way to run one kind of artifact, and what it is checked against.

    `against` is a runtime and dialect on the same file; `across`, where it is set, one on the student's .tflite, which
    is preferred when there is one. `budget` names the limits that hold. An `optional` cell leaves no row where its
    runtime is not installed.
    """

    runtime: str
    dialect: str
    against: tuple[str, str]
    across: tuple[str, str] | None = None
    budget: str = ""
    optional: bool = False


XNNPACK, REFERENCE_KERNELS, QDQ, FP16 = "xnnpack", "litert-reference", "onnx-qdq", "coreml-fp16"

MATRIX: Mapping[str, tuple[Cell, ...]] = MappingProxyType(
    {
        ".tflite": (
            Cell("reference", XNNPACK, ("litert", XNNPACK)),
            Cell("reference", REFERENCE_KERNELS, ("litert", REFERENCE_KERNELS)),
            Cell("litert", XNNPACK, ("reference", XNNPACK)),
            Cell("litert", REFERENCE_KERNELS, ("reference", REFERENCE_KERNELS)),
            Cell("tensorflow", XNNPACK, ("reference", XNNPACK), optional=True),
            Cell("tensorflow", REFERENCE_KERNELS, ("reference", REFERENCE_KERNELS), optional=True),
        ),
        ".pte": (
            Cell("reference", XNNPACK, ("executorch", XNNPACK)),
            Cell("executorch", XNNPACK, ("reference", XNNPACK), across=("reference", XNNPACK)),
        ),
        ".onnx": (
            Cell("reference", QDQ, ("onnxruntime", QDQ)),
            Cell("onnxruntime", QDQ, ("reference", QDQ), across=("reference", XNNPACK)),
        ),
        ".mlpackage": (
            Cell("reference", FP16, ("coreml", FP16), across=("reference", XNNPACK), budget="coreml"),
            Cell("coreml", FP16, ("reference", FP16), across=("reference", XNNPACK)),
        ),
    }
)
"""By artifact suffix: adding a runtime is one line."""

DYNAMIC = "int8-weights"

TARGETS: Mapping[str, str] = MappingProxyType(
    {".tflite": "litert", ".pte": "executorch", ".onnx": "onnx", ".mlpackage": "coreml"}
)


@dataclass(frozen=True)
class ParityRow:
    """One line of the parity table.

    `status`: "ok" within budget, "over" outside, "unavailable" when this machine cannot run it, "failed" when the
    runtime refused; `reason` says why in words. `differing_integers` counts over all outputs. Figures are None where
    nothing ran.
    """

    artifact: str
    target: str
    precision: str
    runtime: str
    dialect: str
    bytes: int
    latency_ms: float | None
    differing_integers: int | None
    max_disparity_px: float | None
    status: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Parity:
    """Rows with, beside them, the comparisons behind each, one per output (none where nothing was compared)."""

    rows: tuple[ParityRow, ...]
    comparisons: tuple[tuple[Comparison, ...], ...]
    traces: Mapping[Key, Trace]

    @property
    def within_budget(self) -> bool:
        """True when every row that ran is within its budget and none failed."""
        return all(row.status in ("ok", "unavailable") for row in self.rows)

    def outputs(self) -> list[dict[str, Any]]:
        """Every comparison as JSON values: what was run, the output, its unit, and the deviation in it."""
        found = []
        for row, comparisons in zip(self.rows, self.comparisons, strict=True):
            run = {"artifact": row.artifact, "runtime": row.runtime, "dialect": row.dialect}
            for c in comparisons:
                figures = {"differing_integers": c.differing, "beyond_one_step": c.beyond_one, "integers": c.total}
                deviation = {"unit": c.unit, "largest": c.largest, "mean": c.mean, "worst_sample": c.worst_sample}
                found.append({**run, "output": c.output, **figures, **deviation})
        return found


def run_parity(
    artifacts: Sequence[Path],
    samples: list[Sample],
    budget: Mapping[str, Limit] = DEFAULT_BUDGET,
    progress: Progress | None = None,
) -> Parity:
    """Run and compare `artifacts` of one student on `samples`; raises ArtifactError for a path that is no artifact."""
    cells = [(Path(path), cell) for path in artifacts for cell in cells_of(Path(path))]
    shared = [path for path, _ in cells if path.suffix == ".tflite"]
    traces: dict[Key, Trace] = {}
    problems: dict[Key, tuple[str, str]] = {}
    for done, (path, cell) in enumerate(cells):
        if progress:
            progress(f"{path.name} in {cell.runtime} ({cell.dialect})", done, len(cells))
        key = (str(path), cell.runtime, cell.dialect)
        try:
            traces[key] = trace_of(path, cell, samples)
        except RuntimeUnavailable as e:
            if not cell.optional:
                problems[key] = ("unavailable", str(e))
        except (ArtifactError, ContractError) as e:
            problems[key] = ("failed", str(e))
    if progress:
        progress("compare", len(cells), len(cells))
    ran = [(path, cell) for path, cell in cells if {(str(path), cell.runtime, cell.dialect)} & {*traces, *problems}]
    pairs = [_row(path, cell, traces, problems, reference_of(path, cell, shared), budget) for path, cell in ran]
    return Parity(tuple(row for row, _ in pairs), tuple(c for _, c in pairs), traces)


def cells_of(path: Path) -> tuple[Cell, ...]:
    """The ways to run `path`. Raises ArtifactError for a file of no known kind."""
    if path.suffix not in MATRIX:
        raise ArtifactError(f"{path.name} is no artifact: its name should end in {', '.join(MATRIX)}")
    if not path.exists():
        raise ArtifactError(f"there is no artifact {path}")
    return MATRIX[path.suffix]


def trace_of(path: Path, cell: Cell, samples: list[Sample]) -> Trace:
    """Run one artifact in one runtime."""
    contract = contract_of(path)
    dialect = cell.dialect if cell.runtime in DIALECTS_OF else None
    runner = open_runner(path, cell.runtime, dialect, contract)
    return record(
        runner,
        contract,
        samples,
        artifact=path.name,
        runtime=cell.runtime,
        dialect=cell.dialect,
        version=runner.version,
    )


def reference_of(path: Path, cell: Cell, shared: list[Path]) -> Key:
    """The run that `cell` of `path` is checked against; `shared` are the .tflite files at hand.

    A .tflite of int8 weights quantises its activations while it runs, which no other target does: what such a target's
    runtime computes is held against the reference on its own file.
    """
    same_name = [tflite for tflite in shared if tflite.stem == path.stem]
    is_alone = cell.runtime != "reference" and precision_of(path) == DYNAMIC
    if cell.across is None or not shared or is_alone:
        return (str(path), *cell.against)
    return (str((same_name or shared)[0]), *cell.across)


def _is_one_float_network(path: Path, other: Path) -> bool:
    """Whether both artifacts compute one function in floats, so that nothing but roundings may part them."""
    precisions = {precision_of(path), precision_of(other)}
    return precisions in ({"fp32"}, {"fp16"}) or (precisions == {DYNAMIC} and path == other)


def _row(
    path: Path,
    cell: Cell,
    traces: Mapping[Key, Trace],
    problems: Mapping[Key, tuple[str, str]],
    reference_key: Key,
    budget: Mapping[str, Limit],
) -> tuple[ParityRow, tuple[Comparison, ...]]:
    key = (str(path), cell.runtime, cell.dialect)
    comparisons: tuple[Comparison, ...] = ()
    latency = None
    if key in problems:
        status, reason = problems[key]
    else:
        latency = traces[key].latency_ms
        own = "" if reference_key[0] == str(path) else f" on {Path(reference_key[0]).name}"
        against = f"{reference_key[1]} ({reference_key[2]}){own}"
        if reference_key in traces:
            limit = budget[cell.budget or cell.runtime]
            if _is_one_float_network(path, Path(reference_key[0])):
                limit = float_limit(limit, path, traces[reference_key])
            comparisons = compare_outputs(traces[key], traces[reference_key], limit.noise)
            status, reason = judge(comparisons, limit, against)
        else:
            status, reason = "unavailable", f"ran, but {against} did not: {problems[reference_key][1]}"
    row = ParityRow(
        artifact=path.name,
        target=TARGETS[path.suffix],
        precision=precision_of(path),
        runtime=cell.runtime,
        dialect=cell.dialect,
        bytes=size_of(path),
        latency_ms=latency,
        differing_integers=differing_of(comparisons),
        max_disparity_px=next((c.largest for c in comparisons if c.output == "disparity"), None),
        status=status,
        reason=reason,
    )
    return row, comparisons


def precision_of(path: Path) -> str:
    """The precision that the manifest states; without one, "int8" where the contract has a grid, else "float"."""
    if manifest_path(path).exists():
        return read_manifest(path).precision
    return "int8" if contract_of(path).outputs[0].scale is not None else "float"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder (an .mlpackage)."""
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
