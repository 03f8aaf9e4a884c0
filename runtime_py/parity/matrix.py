"""Parity of a set of artifacts: every artifact in every runtime that this machine has, against the reference.

LiteRT's two kernel sets and the reference runtime's two dialects are checked against each other; every other runtime
is checked against the reference runtime's XNNPACK dialect on the same student's .tflite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runtime_py.contract import Contract
from runtime_py.errors import ArtifactError, ContractError, DpocketError, RuntimeUnavailable
from runtime_py.manifest import contract_of
from runtime_py.parity.budget import DEFAULT_BUDGET, Limit
from runtime_py.parity.compare import Comparison, compare
from runtime_py.parity.samples import Sample
from runtime_py.parity.trace import Trace, record
from runtime_py.runners import DIALECTS_OF, open_runner

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Cell:
    """One way to run one kind of artifact, and the way that it is checked against.

    An `optional` one leaves no row where its runtime is not installed.
    """

    runtime: str
    dialect: str
    against: tuple[str, str]
    optional: bool = False


MATRIX: Mapping[str, tuple[Cell, ...]] = MappingProxyType(
    {
        ".tflite": (
            Cell("reference", "xnnpack", ("litert", "xnnpack")),
            Cell("reference", "litert-reference", ("litert", "litert-reference")),
            Cell("litert", "xnnpack", ("reference", "xnnpack")),
            Cell("litert", "litert-reference", ("reference", "litert-reference")),
            Cell("tensorflow", "xnnpack", ("reference", "xnnpack"), optional=True),
            Cell("tensorflow", "litert-reference", ("reference", "litert-reference"), optional=True),
        ),
        ".pte": (Cell("executorch", "xnnpack", ("reference", "xnnpack")),),
        ".onnx": (Cell("onnxruntime", "onnx-qdq", ("reference", "xnnpack")),),
        ".mlpackage": (Cell("coreml", "coreml-fp16", ("reference", "xnnpack")),),
    }
)
"""By artifact suffix: adding a runtime is one line."""

TARGETS: Mapping[str, str] = MappingProxyType(
    {".tflite": "litert", ".pte": "executorch", ".onnx": "onnx", ".mlpackage": "coreml"}
)


@dataclass(frozen=True)
class ParityRow:
    """One line of the parity table.

    `status`: "ok" within budget, "over" outside, "unavailable" when this machine cannot run it, "failed" when the
    runtime refused; `reason` says why in words. Figures are None where nothing ran.
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
    """Rows with, beside them, the comparison behind each (None where nothing was compared)."""

    rows: tuple[ParityRow, ...]
    comparisons: tuple[Comparison | None, ...]
    traces: Mapping[tuple[str, str, str], Trace]

    @property
    def within_budget(self) -> bool:
        """True when every row that ran is within its budget and none failed."""
        return all(row.status in ("ok", "unavailable") for row in self.rows)


def run_parity(
    artifacts: Sequence[Path],
    samples: list[Sample],
    budget: Mapping[str, Limit] = DEFAULT_BUDGET,
    progress: Progress | None = None,
) -> Parity:
    """Run and compare `artifacts` of one student on `samples`. Raises DpocketError when none can be the reference."""
    cells = [(Path(path), cell) for path in artifacts for cell in cells_of(Path(path))]
    anchors = [path for path, _ in cells if path.suffix == ".tflite"]
    if not anchors:
        raise DpocketError(
            "parity needs a .tflite of the same student among the artifacts: it is what the reference runtime reads"
        )
    traces: dict[tuple[str, str, str], Trace] = {}
    problems: dict[tuple[str, str, str], tuple[str, str]] = {}
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
    pairs = [_row(path, cell, traces, problems, _anchor(path, anchors), budget) for path, cell in ran]
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


def _anchor(path: Path, anchors: list[Path]) -> Path:
    """The .tflite that `path` is checked against: itself, one of the same stem, or the first."""
    same = [a for a in anchors if a == path] or [a for a in anchors if a.stem == path.stem]
    return (same or anchors)[0]


def _row(
    path: Path,
    cell: Cell,
    traces: Mapping[tuple[str, str, str], Trace],
    problems: Mapping[tuple[str, str, str], tuple[str, str]],
    anchor: Path,
    budget: Mapping[str, Limit],
) -> tuple[ParityRow, Comparison | None]:
    key, reference_key = (str(path), cell.runtime, cell.dialect), (str(anchor), *cell.against)
    comparison, latency = None, None
    if key in problems:
        status, reason = problems[key]
    else:
        latency = traces[key].latency_ms
        against = f"{cell.against[0]} ({cell.against[1]})"
        if reference_key in traces:
            comparison = compare(traces[key], traces[reference_key])
            status, reason = judge(comparison, budget[cell.runtime], against)
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
        differing_integers=comparison.differing if comparison else None,
        max_disparity_px=comparison.max_px if comparison else None,
        status=status,
        reason=reason,
    )
    return row, comparison


def judge(comparison: Comparison, limit: Limit, against: str) -> tuple[str, str]:
    """("ok" or "over", a sentence with the figures)."""
    if comparison.differing is not None:
        found = f"{comparison.differing} of {comparison.total} integers differ from {against}"
        per_million = comparison.differing / comparison.total * 1e6
    else:
        found, per_million = f"compared with {against} in real values", 0.0
    inside = per_million <= limit.differing_per_million and comparison.max_px <= limit.max_disparity_px
    if inside:
        return "ok", found
    return "over", (
        f"{found}, at most {limit.differing_per_million:g} per million allowed; largest deviation "
        f"{comparison.max_px:.4f} px, at most {limit.max_disparity_px:g} px allowed"
    )


def precision_of(path: Path) -> str:
    """What the artifact's grid is: "int8" when its contract has scales, "float" otherwise."""
    contract: Contract = contract_of(path)
    return "int8" if contract.outputs[0].scale is not None else "float"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder (an .mlpackage)."""
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
