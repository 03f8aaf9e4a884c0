"""The body of `dpocket lint` for checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from convert.commands import parse_size
from convert.lint.checkpoint import lint_checkpoint
from convert.lint.rules import offered
from convert.precision import PRECISIONS
from convert.student import require_size
from convert.targets import ALL_TARGETS, TARGETS, require_possible
from runtime_py.errors import DpocketError
from runtime_py.lint import Report
from training.checkpoint import load_checkpoint

STAGES = 3


def checkpoint_report(
    path: Path, target: str, precision: str, size: str, report: Callable[[str, str, int, int], None]
) -> Report:
    """Lint of the checkpoint at `path`, for the comma-separated targets and precisions; "" stands for all.

    `report(key, what, done, of)` shows progress. Raises DpocketError for an unknown name, a pair of them that does not
    exist, and a size that the network cannot take.
    """
    targets, precisions = _names(target) or list(TARGETS), _names(precision) or list(PRECISIONS)
    for name in targets:
        if name not in ALL_TARGETS:
            raise DpocketError(f"there is no target '{name}'; there are: {', '.join(ALL_TARGETS)}")
    for name in precisions:
        if name not in PRECISIONS:
            raise DpocketError(f"there is no precision '{name}'; there are: {', '.join(PRECISIONS)}")
    if not offered(targets, precisions):
        require_possible(targets, precisions[0])
    checkpoint, wanted = load_checkpoint(path), parse_size(size)
    require_size(checkpoint, wanted)
    stages = iter(range(STAGES))
    found = lint_checkpoint(
        checkpoint, wanted, targets, precisions, lambda what: report("lint", what, next(stages), STAGES)
    )
    report("lint", "done", STAGES, STAGES)
    return found


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
