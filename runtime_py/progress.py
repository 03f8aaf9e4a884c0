"""Progress on the terminal's error stream, so that a command's output can be piped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class Bar:
    """Turns reports of (key, text, done, of) into bars, one per key."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._tasks: dict[str, TaskID] = {}

    @property
    def console(self) -> Console:
        """Prints above the bars while they last."""
        return self._shown.console

    def report(self, key: str, text: str, done: int, of: int) -> None:
        """Show `text` beside the bar of `key`, filled to `done` of `of`."""
        if key not in self._tasks:
            self._tasks[key] = self._shown.add_task(text, total=of)
        self._shown.update(self._tasks[key], description=text, completed=done, total=of)

    def figures(self, what: str, done: int, of: int, figures: Mapping[str, float]) -> None:
        """As `report`, the figures beside the name of what is done."""
        told = "  ".join(f"{name} {value:.3g}" for name, value in figures.items())
        self.report(what, f"{what}  {told}".strip(), done, of)


@contextmanager
def progress_bar(shown: bool = True) -> Iterator[Bar]:
    """A bar for as long as the block lasts; one that nobody sees unless `shown`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        yield Bar(progress)
