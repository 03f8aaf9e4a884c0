"""`Survey`: what a folder tree of captures holds, what the lint says of all of them, and which are damaged."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtime_py.captures import find_captures
from runtime_py.captures.lint import CHECKS, Finding, findings
from runtime_py.errors import CaptureError

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 3
"""Captures named beside a finding; damaged ones are all named."""


@dataclass(frozen=True)
class Survey:
    """All captures at and below `root`.

    `sizes` counts captures by (format, width, height) and `with_truth` by format; `found` lists (capture, finding) by
    check; `damaged` lists the left view of a capture that could not be read and the reason.
    """

    root: Path
    sizes: dict[tuple[str, int, int], int]
    with_truth: dict[str, int]
    found: dict[str, list[tuple[str, Finding]]]
    clean: int
    damaged: list[tuple[Path, str]]

    @property
    def read(self) -> int:
        """How many captures could be read."""
        return sum(self.sizes.values())


def survey(root: Path, report: Callable[[int, int, str], None] = lambda done, of, name: None) -> Survey:
    """Read and judge every capture at and below `root`; `report` is told how far it is and what comes next.

    Raises CaptureError when there is no capture, and when not one of them can be read.
    """
    every = find_captures(root, deep=True)
    sizes: Counter[tuple[str, int, int]] = Counter()
    with_truth: Counter[str] = Counter()
    found: dict[str, list[tuple[str, Finding]]] = {}
    damaged: list[tuple[Path, str]] = []
    clean = 0
    for done, (left, chosen) in enumerate(every.items()):
        report(done, len(every), left.name)
        try:
            capture = chosen.read(left)
        except CaptureError as e:
            damaged.append((left, str(e)))
            continue
        height, width = capture.size
        sizes[chosen.name, width, height] += 1
        with_truth[chosen.name] += capture.truth is not None
        told = findings(capture)
        clean += not told
        for finding in told:
            found.setdefault(finding.check, []).append((left.relative_to(root).as_posix(), finding))
    report(len(every), len(every), "done")
    if len(damaged) == len(every):
        raise CaptureError(f"none of the {len(every)} captures in {root} can be read; the first: {damaged[0][1]}")
    return Survey(root, dict(sizes), dict(with_truth), found, clean, damaged)


def table(told: Survey) -> Table:
    """Formats, findings counted with some of their captures, and every damaged capture with the reason."""
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title=escape(str(told.root)), show_header=False)
    drawn.add_column("what", style="bold")
    drawn.add_column("value", overflow="fold")
    drawn.add_row("captures", f"{told.read} read, {len(told.damaged)} damaged")
    for name, truths in told.with_truth.items():
        here = {(w, h): n for (chosen, w, h), n in told.sizes.items() if chosen == name}
        sizes = ", ".join(f"{w}×{h}" for w, h in sorted(here))
        drawn.add_row(name, f"{sum(here.values())} of {sizes}, {truths} with truth")
    drawn.add_section()
    for check in (name for name in CHECKS if name in told.found):
        drawn.add_row(f"[yellow]{check}[/]", escape(_counted(told.found[check])))
    drawn.add_row("lint", f"nothing looks wrong in {told.clean} of {told.read}")
    if told.damaged:
        drawn.add_section()
        for left, reason in told.damaged:
            name = left.relative_to(told.root).as_posix()
            drawn.add_row("[red]damaged[/]", escape(f"{name}: {reason.replace(f'{told.root}{os.sep}', '')}"))
    return drawn


def _counted(found: list[tuple[str, Finding]]) -> str:
    names = ", ".join(f"{name} ({finding.value:.3g} {finding.unit})" for name, finding in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{len(found)}: {names}{more}. {found[0][1].sentence}"
