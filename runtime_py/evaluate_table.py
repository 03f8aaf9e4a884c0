"""An `EvalResult` as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime_py.evaluate import METRICS, EvalResult

if TYPE_CHECKING:
    from rich.table import Table


HEADS = ("AI(1)", "AI(2)", "1−|ρ|")


def table(result: EvalResult, title: str = "") -> Table:
    """Scenes, mean and worst value per metric; below it the worst scenes, the conventions and what was skipped."""
    from rich.table import Table

    worst = "; ".join(f"{head} {result.worst(m).name}" for m, head in zip(METRICS, HEADS, strict=True))
    notes = [f"worst: {worst}", f"rank convention: {result.rank}"]
    if result.protocol is not None:
        notes.append(f"protocol: {result.protocol}")
    if any(s.agreement < 0 for s in result.scenes):
        notes.append("reversed: the map grows with distance, a disparity grows towards the camera")
    drawn = Table(title=title or result.dataset, caption="\n".join(notes + [f"skipped: {r}" for r in result.skipped]))
    drawn.add_column("scene", overflow="fold")
    for head in (*HEADS, "ms"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for s in result.scenes:
        name = f"{s.name} (reversed)" if s.agreement < 0 else s.name
        drawn.add_row(name, *(f"{getattr(s, m):.4f}" for m in METRICS), f"{s.seconds * 1e3:.0f}")
    drawn.add_section()
    means = (f"{result.mean(m):.4f}" for m in METRICS)
    drawn.add_row(f"mean of {len(result.scenes)}", *means, f"{result.mean('seconds') * 1e3:.0f}", style="bold")
    drawn.add_row("worst", *(f"{getattr(result.worst(m), m):.4f}" for m in METRICS), "")
    return drawn
