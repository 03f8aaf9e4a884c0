"""`LabelFolder`: labels on disk, `<name>.pfm` per frame, with `labels.json` that says what they are and how far it is.

Nothing but files is shared by the processes that fill a folder, on one machine or several. A frame is done when its
file is there; every file appears whole. What a process could not label stands in a record of its own, and whoever ends
sums up the records and the files that are there.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runtime_py.captures.pfm import write_pfm
from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic
from training.teachers import Label

SIDECAR = "labels.json"
RECORDS = ".labels"
VERSION = 1

MEANING = {
    "files": "<frame>.pfm, float32, one plane on the pixels of the frame's left view, in its stored orientation",
    "sign": "x_left - x_right (on a vertical axis y_left - y_right): positive is nearer",
    "unit": "px of the frame's own size",
    "unknown": "infinity",
    "confidence": "<frame>.confidence.pfm, 0..1: agreement of the disparities of the left and the right view",
}

STALE_SECONDS = 3600.0
"""A temporary file of this age was left by a process that was killed."""


@dataclass(frozen=True)
class Summary:
    """How far a folder is: all frames of the dataset, those with a label, and those skipped with the reason."""

    frames: int
    labelled: int
    skipped: Mapping[str, str]

    @property
    def pending(self) -> int:
        """Frames that no process has come to yet."""
        return self.frames - self.labelled - len(self.skipped)

    @property
    def complete(self) -> bool:
        return self.pending == 0


@dataclass
class Record:
    """What one process met: frames that it could not label, and the kinds of pair that it labelled."""

    skipped: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)


class LabelFolder:
    """The folder `out` for frames called `names`, labelled as `settings` (JSON) say."""

    def __init__(self, out: Path, names: Sequence[str], settings: Mapping[str, Any]) -> None:
        self._out = out
        self._names = tuple(names)
        self._settings = json.loads(json.dumps(settings))
        self._confidence = bool(settings["confidence"])

    def claim(self) -> None:
        """Begin, or continue what was begun alike.

        Raises DpocketError when the folder holds labels made otherwise (it says in what they differ), or other files.
        """
        sidecar = self._out / SIDECAR
        if not sidecar.exists():
            if self._out.exists() and (not self._out.is_dir() or any(map(_visible, self._out.iterdir()))):
                # Another process may have begun in between.
                if not sidecar.exists():
                    raise DpocketError(f"{self._out} holds files and no {SIDECAR}: give a new or empty folder as --out")
            else:
                _create(sidecar, self._sidecar(Summary(len(self._names), 0, {}), set()))
        found = _settings_of(sidecar)
        if found != self._settings:
            raise DpocketError(
                f"{self._out} was begun with other settings ({_differences(found, self._settings)}): continue with the "
                "same ones, or give another folder as --out"
            )
        self._remove_stale()

    def is_done(self, name: str) -> bool:
        return self._file(name).is_file()

    def write(self, name: str, label: Label) -> None:
        """Write a frame's files, the disparity last. Raises DpocketError when the disk is full."""
        if self._confidence and label.confidence is not None:
            write_pfm(self._out / f"{name}.confidence.pfm", label.confidence)
        write_pfm(self._file(name), label.disparity)

    def note(self, process: str, record: Record) -> None:
        """Store what `process` (any file name of its own) has met so far."""
        data = {"skipped": record.skipped, "kinds": sorted(record.kinds)}
        write_atomic(self._out / RECORDS / f"{process}.json", _json(data))

    def noted(self, process: str) -> Record:
        """What `process` stored last; nothing where it never did."""
        file = self._out / RECORDS / f"{process}.json"
        return _record(file) if file.is_file() else Record()

    def publish(self) -> Summary:
        """Sum up into `labels.json` what all processes have done until now."""
        while True:
            summary, kinds = self._sum_up()
            text = self._sidecar(summary, kinds)
            write_atomic(self._out / SIDECAR, text)
            # A process that ended meanwhile may have written a newer sum before this one.
            if self._sidecar(*self._sum_up()) == text:
                return summary

    def _sum_up(self) -> tuple[Summary, set[str]]:
        undone = {name for name in self._names if not self.is_done(name)}
        skipped: dict[str, str] = {}
        kinds: set[str] = set()
        for file in sorted((self._out / RECORDS).glob("*.json")):
            record = _record(file)
            kinds.update(record.kinds)
            skipped.update({name: reason for name, reason in record.skipped.items() if name in undone})
        return Summary(len(self._names), len(self._names) - len(undone), skipped), kinds

    def _sidecar(self, summary: Summary, kinds: set[str]) -> bytes:
        data = {
            "version": VERSION,
            "settings": self._settings,
            "meaning": MEANING,
            "kinds": sorted(kinds),
            "frames": summary.frames,
            "labelled": summary.labelled,
            "pending": summary.pending,
            "complete": summary.complete,
            "skipped": [{"name": name, "reason": reason} for name, reason in sorted(summary.skipped.items())],
            "versions": _versions(),
        }
        return _json(data)

    def _file(self, name: str) -> Path:
        return self._out / f"{name}.pfm"

    def _remove_stale(self) -> None:
        for temporary in self._out.rglob(".*.pfm.*"):
            with contextlib.suppress(OSError):
                if time.time() - temporary.stat().st_mtime > STALE_SECONDS:
                    temporary.unlink()


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _record(file: Path) -> Record:
    try:
        data = json.loads(file.read_text())
        return Record(dict(data["skipped"]), set(data["kinds"]))
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise DpocketError(f"{file} is damaged ({type(e).__name__} {e}); remove it, and run the command again") from e


def _create(path: Path, data: bytes) -> None:
    """Write `path` whole unless it is there: of several processes that begin at once, one decides what it says."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    write_atomic(draft, data)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    except OSError:
        # File systems without hard links: processes with different settings that begin at once are not told apart.
        write_atomic(path, data)
    finally:
        draft.unlink(missing_ok=True)


def _settings_of(sidecar: Path) -> dict[str, Any]:
    try:
        data = json.loads(sidecar.read_text())
        if data["version"] != VERSION:
            raise DpocketError(f"{sidecar} has version {data['version']}, this dpocket writes version {VERSION}")
        settings: dict[str, Any] = dict(data["settings"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise DpocketError(f"{sidecar} is damaged ({type(e).__name__} {e}); remove it to begin anew elsewhere") from e
    return settings


def _differences(found: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    flat_found, flat_asked = _flat(found), _flat(asked)
    names = [n for n in {**flat_found, **flat_asked} if flat_found.get(n) != flat_asked.get(n)]
    return ", ".join(f"{n}: {flat_found.get(n, 'none')} there, {flat_asked.get(n, 'none')} now" for n in names[:6])


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat.update({f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value})
    return flat


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("dpocket", "numpy", "opencv-python-headless", "torch"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
