"""What a parity run found of one artifact, as the values that its manifest keeps: no times, so that they repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtime_py.parity.matrix import Parity, ParityRow

WITHIN, OUTSIDE, UNCOMPARED = "within budget", "outside budget", "not measured"


def status_of(rows: list[ParityRow]) -> str:
    """WITHIN or OUTSIDE its budget by the rows of one artifact; UNCOMPARED where no runtime of it is here."""
    found = {row.status for row in rows}
    if found & {"over", "failed"}:
        return OUTSIDE
    return WITHIN if "ok" in found else UNCOMPARED


def rows_of(parity: Parity, artifact: Path) -> list[ParityRow]:
    """The rows of the artifact of that name."""
    return [row for row in parity.rows if row.artifact == artifact.name]


def parity_record(parity: Parity, artifact: Path, captures: list[str]) -> dict[str, Any]:
    """JSON values: `status`, the samples and their hash, and every run with its deviation per output.

    `captures` are the names of the captures among the samples. Without the latencies, which differ from run to run.
    """
    traces = [trace for (path, _, _), trace in parity.traces.items() if Path(path).name == artifact.name]
    runs = []
    for row, comparisons in zip(parity.rows, parity.comparisons, strict=True):
        if row.artifact != artifact.name:
            continue
        outputs = {
            c.output: {
                "differing_integers": c.differing,
                "beyond_one_step": c.beyond_one,
                "integers": c.total,
                "unit": c.unit,
                "largest": c.largest,
                "mean": c.mean,
                "worst_sample": c.worst_sample,
            }
            for c in comparisons
        }
        version = next((t.version for t in traces if (t.runtime, t.dialect) == (row.runtime, row.dialect)), "")
        run = {"runtime": row.runtime, "dialect": row.dialect, "version": version}
        runs.append({**run, "status": row.status, "reason": row.reason, "outputs": outputs})
    return {
        "status": status_of(rows_of(parity, artifact)),
        "captures": captures,
        "samples": len(traces[0].samples) if traces else 0,
        "samples_sha256": traces[0].inputs_sha256 if traces else "",
        "runs": runs,
    }
