"""Dual-pixel captures: one module per format, and `open_capture`, which finds out which one a file is."""

from __future__ import annotations

from pathlib import Path

from runtime_py.captures import (
    cmu_pixel4,
    dp119,
    dp_disp,
    dpdd,
    dpmv,
    dpz,
    google_app,
    google_dual_pixels,
    google_raw,
    light_field,
    plain,
)
from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.format import Format, folders
from runtime_py.errors import CaptureError

__all__ = ["FORMATS", "DPCapture", "Truth", "captures_in", "find_captures", "formats_help", "open_capture"]

FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        dpz.FORMAT,
        google_app.FORMAT,
        cmu_pixel4.FORMAT,
        dp119.FORMAT,
        google_dual_pixels.FORMAT,
        google_raw.FORMAT,
        dp_disp.FORMAT,
        dpmv.FORMAT,
        dpdd.FORMAT,
        light_field.FORMAT,
        plain.FORMAT,
    )
}
"""Formats in the order in which they are tried: `plain` takes what no other one claims."""

SHOWN = 8


def formats_help() -> str:
    """The known formats and their files, one line each."""
    return "\n".join(f"  {f.name}: {f.files}" for f in FORMATS.values())


def open_capture(path: Path | str) -> DPCapture:
    """The capture that a view belongs to (either view will do), or the only capture in a folder.

    Raises CaptureError when nothing is there, when a folder holds several captures (it names them), when no format
    fits (it lists the formats), or when the capture itself is damaged.
    """
    path = Path(path)
    if path.is_dir():
        return _only_one_in(path)
    if not path.exists():
        raise CaptureError(f"there is no file or folder {path}")
    found = _claimed(path)
    if found is None:
        raise CaptureError(f"{path} is no view of a dual-pixel capture that this project knows:\n{formats_help()}")
    chosen, left = found
    return chosen.read(left)


def _claimed(path: Path) -> tuple[Format, Path] | None:
    for chosen in FORMATS.values():
        left = chosen.left_of(path)
        if left is not None:
            return chosen, left
    return None


def captures_in(folder: Path | str) -> list[DPCapture]:
    """Every capture of a folder, or, when it has none of its own, of the folders below it.

    Raises CaptureError when there is none, or naming the first that is damaged.
    """
    return [chosen.read(left) for left, chosen in find_captures(folder).items()]


def find_captures(folder: Path | str, deep: bool = False) -> dict[Path, Format]:
    """The left view of every capture of a folder with its format, unread, so that damaged ones are among them.

    Captures of the folders below count where the folder has none of its own, or when `deep`. Raises CaptureError for a
    folder that is not there and, with the formats that are known, when it holds no capture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CaptureError(f"there is no folder {folder} to look for captures in")
    found: dict[Path, Format] = {}
    for candidate in folders(folder):
        # Calibration pictures look like a pair of their own; the captures beside them are what is meant.
        if candidate.name == "calibration":
            continue
        claims = (_claimed(file) for file in sorted(candidate.iterdir()) if file.is_file())
        found.update({left: chosen for chosen, left in filter(None, claims)})
        if found and candidate == folder and not deep:
            break
    if not found:
        raise CaptureError(f"no dual-pixel capture was found in {folder}; these are known:\n{formats_help()}")
    return found


def _only_one_in(folder: Path) -> DPCapture:
    found = find_captures(folder)
    if len(found) > 1:
        names = [p.relative_to(folder).as_posix() for p in sorted(found)]
        shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        raise CaptureError(f"{folder} holds {len(names)} captures: {shown}; give the path of one view")
    left, chosen = next(iter(found.items()))
    return chosen.read(left)
