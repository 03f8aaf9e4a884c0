"""`Format`: how one kind of capture file is recognised and read, and the walk that looks for such files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime_py.captures.capture import DPCapture
from runtime_py.errors import CaptureError


@dataclass(frozen=True)
class Format:
    """One capture format.

    `left_of` names the left view of the capture that a file belongs to (whether or not that view exists), or None
    when the file is not of this format. `read` takes that left view and raises CaptureError when it cannot read it.
    """

    name: str
    files: str
    """What the files are called, for messages."""
    left_of: Callable[[Path], Path | None]
    read: Callable[[Path], DPCapture]


def require_both(left: Path, right: Path) -> None:
    """Raises CaptureError naming the view that is missing."""
    for wanted, other, side in ((left, right, "left"), (right, left, "right")):
        if not wanted.is_file():
            raise CaptureError(
                f"the {side} view {wanted.name} is missing in {wanted.parent}: {other.name} is one half of a "
                "dual-pixel pair, so put both files of the capture into that folder"
            )


def folders(root: Path, depth: int = 6) -> Iterator[Path]:
    """`root` and its folders down to `depth` levels, nearest first, hidden ones left out."""
    level = [Path(root)]
    for _ in range(depth + 1):
        yield from level
        try:
            level = [p for f in level for p in sorted(f.iterdir()) if p.is_dir() and not p.name.startswith(".")]
        except OSError as e:
            raise CaptureError(f"could not look into {root}: {e.strerror or e}") from e
