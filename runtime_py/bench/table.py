"""A `Bench` as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime_py.bench.job import THREADS, Bench
from runtime_py.bench.nodes import TOLD

if TYPE_CHECKING:
    from rich.table import Table


def table(found: Bench) -> Table:
    """A row per artifact; below it what needs words: threads, float islands, and what could not be counted."""
    from rich.table import Table

    kind = "processor time" if found.basis == "processor" else "time"
    drawn = Table(
        title=f"{found.rounds} rounds in turns, one thread: ms of {kind}, median (quartiles)",
        caption="\n".join(notes(found)),
        caption_justify="left",
    )
    drawn.add_column("artifact", overflow="fold", min_width=12)
    for head in ("KiB", "ms", "× the first", "nodes", "delegated", "islands"):
        drawn.add_column(head, justify="right")
    for entry in found.entries:
        times = getattr(entry, found.basis)
        figures = (f"{entry.bytes / 1024:.0f}", str(times), str(entry.ratio))
        drawn.add_row(entry.path.name, *figures, *(told(entry.nodes) for told in TOLD.values()))
    return drawn


def notes(found: Bench) -> list[str]:
    """Sentences about the entries that a number alone would not explain."""
    said = []
    for entry in found.entries:
        name, nodes = entry.path.name, entry.nodes
        if nodes.islands:
            said.append(
                f"{name}: in float between integers: {'; '.join(nodes.islands)}; {nodes.floats} nodes with floats"
            )
        if nodes.outside:
            said.append(f"{name}: outside of a delegate: {', '.join(sorted(set(nodes.outside)))}")
        if nodes.unread:
            said.append(f"{name}: nodes not read: {nodes.unread}")
        if entry.threads > THREADS:
            said.append(f"{name}: computed on {entry.threads:.1f} threads")
    return said
