"""What a folder holds, remembered until it changes: formats that pair by order or grid ask for it at every file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


def files_of(folder: Path) -> tuple[str, ...]:
    """Names of the files of a folder in sorted order, hidden ones left out; none where there is no such folder."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return ()
    return _listed(folder, changed)


@lru_cache(maxsize=64)
def _listed(folder: Path, changed: int) -> tuple[str, ...]:
    return tuple(sorted(p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")))
