"""The parity report: one self-contained HTML page, and the same table for a terminal."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runtime_py.files import write_atomic
from runtime_py.parity.compare import Comparison
from runtime_py.parity.matrix import Parity, ParityRow

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A picture of the page: PNG bytes under a caption."""

    caption: str
    png: bytes

    @property
    def source(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Page:
    """What the report shows, in order: facts (name -> value), figures, the table, the worst-sample maps."""

    title: str
    parity: Parity
    facts: Mapping[str, str]
    figures: Sequence[Figure] = field(default_factory=tuple)


def write_html(page: Page, path: Path) -> None:
    """Write `page`; it refers to nothing outside itself."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    rows = [(row, others(found)) for row, found in zip(page.parity.rows, page.parity.comparisons, strict=True)]
    html = templates.get_template("report.html.j2").render(page=page, rows=rows, maps=worst_maps(page.parity))
    write_atomic(path, html.encode())


def worst_maps(parity: Parity) -> list[Figure]:
    """For every row and output that deviates at all, the signed deviation of its worst sample."""
    from runtime_py.pictures import deviation_png

    figures = []
    for row, comparisons in zip(parity.rows, parity.comparisons, strict=True):
        for found in (c for c in comparisons if c.largest > 0):
            unit = "" if found.unit == "1" else f" {found.unit}"
            caption = (
                f"{row.artifact} in {row.runtime} ({row.dialect}), {found.output}: worst sample “{found.worst_sample}”,"
                f" up to {found.largest:.4f}{unit}, {found.mean:.6f}{unit} on average over all samples"
            )
            title = f"{row.artifact}, {row.runtime} ({row.dialect}), {found.output}"
            figures.append(Figure(caption, deviation_png(found.worst_map, title, found.unit)))
    return figures


def others(comparisons: Sequence[Comparison]) -> str:
    """The largest deviations of the outputs that have no column, such as "confidence 0.0039"."""
    return ", ".join(f"{c.output} {c.largest:.4f}" for c in comparisons if c.output != "disparity")


SHOWN = {"unavailable": "n/a"}
"""Shorter words for a narrow terminal."""


def table(parity: Parity) -> Table:
    """The parity table for a terminal of 80 columns; below it, what did not run and why, and what has no column."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title="Parity", caption_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    drawn.add_column("artifact", overflow="fold", min_width=12)
    for heading in ("runtime", "dialect"):
        drawn.add_column(heading, no_wrap=True)
    for heading in ("KiB", "ms", "differ", "max px"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    drawn.add_column("status", no_wrap=True)
    for row in parity.rows:
        style = {"over": "red", "failed": "red", "unavailable": "dim"}.get(row.status)
        drawn.add_row(
            row.artifact, row.runtime, row.dialect, *_figures(row), SHOWN.get(row.status, row.status), style=style
        )
    notes = [f"{r.artifact} in {r.runtime}: {r.reason}" for r in parity.rows if r.status != "ok"]
    for row, comparisons in zip(parity.rows, parity.comparisons, strict=True):
        deviating = [c for c in comparisons if c.largest > 0]
        if row.status == "ok" and others(deviating):
            notes.append(f"{row.artifact} in {row.runtime}: largest deviation of {others(deviating)}")
    drawn.caption = escape("\n".join(notes)) or None
    return drawn


def _figures(row: ParityRow) -> tuple[str, ...]:
    return (
        f"{row.bytes / 1024:.0f}",
        "–" if row.latency_ms is None else f"{row.latency_ms:.1f}",
        "–" if row.differing_integers is None else f"{row.differing_integers}",
        "–" if row.max_disparity_px is None else f"{row.max_disparity_px:.4f}",
    )
