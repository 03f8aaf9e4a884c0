"""A lint's report for a terminal: the findings, what to write instead, and the figures per layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime_py.files import write_atomic
from runtime_py.lint.finding import Finding, LayerAudit, Report, Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDE = 110
"""Columns of a terminal from which what and instead stand side by side."""

STYLES: Mapping[Status, str] = {"refused": "red", "warning": "yellow", "ok": "green"}

LONGEST = 22
"""Characters of a name; foreign files have some of hundreds."""


def show(report: Report, console: Console) -> None:
    """Print the whole report."""
    from rich.markup import escape
    from rich.padding import Padding

    console.print(f"[bold]{escape(report.subject)}[/]", highlight=False)
    for name, value in report.facts.items():
        console.print(Padding(f"{escape(name)}: [dim]{escape(value)}[/]", (0, 0, 0, 2), expand=False), highlight=False)
    if report.layers:
        console.print(audit_table(report.layers))
        console.print(f"[dim]{legend(report.layers)}[/]", highlight=False)
    show_findings(report, console)


def answer(report: Report, console: Console, json: Path | None) -> bool:
    """Print the whole report, and write it to `json` if that is asked for; False where something is refused."""
    show(report, console)
    if json is not None:
        write_atomic(json, (report.to_json() + "\n").encode())
    return not report.refused


def show_findings(report: Report, console: Console) -> None:
    """Print the findings, and how many there are of each status."""
    if report.findings:
        console.print(findings_table(report.findings, console.width))
    console.print(f"lint of {report.subject}: {summary_line(report)}", highlight=False, markup=False)


def summary_line(report: Report) -> str:
    """How many findings of each status, in words."""
    refused, warnings = len(report.refused), len(report.warnings)
    if not refused and not warnings:
        return "nothing is refused, nothing looks wrong"
    return f"{refused or 'nothing'} refused, {warnings or 'no'} warning{'' if warnings == 1 else 's'}"


def findings_table(findings: Sequence[Finding], width: int) -> Table:
    """One row per finding, for a terminal of `width` columns."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title="Lint", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    drawn.add_column("status", no_wrap=True)
    drawn.add_column("where", overflow="fold", max_width=LONGEST + 4)
    is_wide = width >= WIDE
    if is_wide:
        drawn.add_column("target", no_wrap=True)
        drawn.add_column("precision", no_wrap=True)
        drawn.add_column("what", overflow="fold", ratio=3)
        drawn.add_column("instead", overflow="fold", ratio=2)
    else:
        drawn.add_column("target", overflow="fold")
        drawn.add_column("what, and what to write instead", overflow="fold", ratio=1)
    for f in findings:
        where = "\n".join(dict.fromkeys(t for t in (_short(f.layer), line_of(f.place)) if t))
        head = [f"[{STYLES[f.status]}]{f.status}[/]", escape(where)]
        what, instead = escape(f.what), escape(f.instead)
        if is_wide:
            drawn.add_row(*head, f.target or "all", f.precision or "all", what, instead)
        else:
            target = "\n".join(t for t in (f.target, f.precision) if t) or "all"
            drawn.add_row(*head, target, f"{what}\n[dim]→ {instead}[/]")
    return drawn


def line_of(place: str) -> str:
    """A place as short as it is still found: the file's own name and the line; of an operation, as it is."""
    found = re.match(r'File "(?:.*[/\\])?([^"/\\]+)", line (\d+)', place)
    return f"{found[1]}:{found[2]}" if found else place


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"


def _bits(value: float) -> str:
    return f"{np.log2(value):.1f}" if value >= 1 else "0"


def _share(value: float) -> str:
    return "0" if value == 0 else "<.01" if value < 1e-4 else f"{100 * value:.2g}"


@dataclass(frozen=True)
class Column:
    """A figure of an audit as the table shows it; `legend` explains it below."""

    heading: str
    form: Callable[[float], str]
    legend: str


COLUMNS: Mapping[str, Column] = {
    "activation": Column("|x|", lambda v: f"{v:.3g}", "|x|: largest activation"),
    "partial": Column("Σ|wx|", lambda v: f"{v:.3g}", "Σ|wx|: largest partial sum (float16 holds 65504)"),
    "below": Column("low%", _share, "low%, high%: values clipped at the ends of the int8 grid"),
    "above": Column("high%", _share, ""),
    "used": Column("codes", lambda v: f"{v:.0%}", "codes: of 256, in use"),
    "sum": Column("sum", _bits, "sum: bits of the largest possible one (int32 has 31, float32 24)"),
    "bias": Column("bias", _bits, "bias: bits of the largest (21 survive in float32)"),
    "spread": Column("w×", lambda v: f"{v:.3g}", "w×: largest weight scale over smallest"),
    "weight": Column("wmin", lambda v: f"{v:.0f}", "wmin: largest weight of the weakest channel, of 127"),
    "ratio": Column("ratio", lambda v: f"{np.log2(v):.1f}", "ratio: log2 of input steps over output steps (below 8)"),
}
"""In this order; one that no layer has is left out."""


def _shown(layers: Sequence[LayerAudit]) -> dict[str, Column]:
    return {key: column for key, column in COLUMNS.items() if any(key in layer.figures for layer in layers)}


def legend(layers: Sequence[LayerAudit]) -> str:
    """What the columns of `audit_table` are."""
    return "; ".join(column.legend for column in _shown(layers).values() if column.legend)


def audit_table(layers: Sequence[LayerAudit]) -> Table:
    """One row per layer; yellow and red are layers with a finding."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    columns = _shown(layers)
    drawn = Table(title="Headroom", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    drawn.add_column("layer", no_wrap=True)
    for column in columns.values():
        drawn.add_column(column.heading, justify="right", no_wrap=True)
    for layer in layers:
        figures = [column.form(layer.figures[k]) if k in layer.figures else "–" for k, column in columns.items()]
        style = STYLES[layer.status] if layer.status != "ok" else None
        drawn.add_row(escape(_short(layer.layer)), *figures, style=style)
    return drawn
