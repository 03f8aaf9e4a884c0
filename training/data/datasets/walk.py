"""Finding the folders of a layout below a root, without listing what lies inside of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runtime_py.errors import CaptureError

DEPTH = 5


def nearest(root: Path, fits: Callable[[Path], bool], depth: int = DEPTH) -> list[Path]:
    """The folders at or below `root` that fit, in order of their names; folders inside of one are not looked at.

    Hidden folders are left out. Raises CaptureError for a folder that cannot be listed.
    """
    if fits(root):
        return [root]
    if depth == 0:
        return []
    try:
        below = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as e:
        raise CaptureError(f"could not look into {root}: {e.strerror or e}") from e
    return [found for folder in below for found in nearest(folder, fits, depth - 1)]
