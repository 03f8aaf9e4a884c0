"""`Artifact`: one exported file or folder and its manifest, written together or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime_py.contract import Contract
from runtime_py.errors import DpocketError
from runtime_py.files import locked_folder, sha256_of, write_durably
from runtime_py.manifest import Manifest, manifest_path

Content = bytes | Mapping[str, bytes]
"""A file, or a folder's files by relative path."""


@dataclass(frozen=True)
class Artifact:
    """An export on disk. `path` is a file, or a folder for Core ML."""

    path: Path
    target: str
    precision: str
    contract: Contract
    manifest: Manifest


@dataclass(frozen=True)
class Origin:
    """Where an artifact comes from: hashes of the weights and of the grid, versions of the tools.

    `recipe` is how the weights were trained, `calibration` how the grid was found (see `runtime_py.manifest.Manifest`).
    """

    student: str
    grid: str
    tools: Mapping[str, str]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, str] = field(default_factory=dict)


def write_artifact(
    path: Path, content: Content, target: str, precision: str, contract: Contract, origin: Origin
) -> Artifact:
    """Write `content` at `path` and its manifest beside it.

    Both are complete in a folder of this process's own before either takes its place, so that a full disk, or another
    export into the same folder, leaves a pair that belongs together. A process killed between the two moves leaves a
    manifest of another hash, which `runtime_py.manifest.contract_of` names. Raises DpocketError with the reason.
    """
    path = Path(path)
    try:
        with _staging(path) as folder:
            staged, manifest_file = folder / path.name, folder / manifest_path(path).name
            size = _write(staged, content)
            manifest = Manifest(
                artifact=path.name,
                target=target,
                precision=precision,
                sha256=sha256_of(staged),
                bytes=size,
                contract=contract,
                student=origin.student,
                recipe={**origin.recipe},
                grid=origin.grid,
                calibration={**origin.calibration},
                tools={**origin.tools},
            )
            write_durably(manifest_file, manifest.to_json().encode())
            with locked_folder(path.parent):
                _take_places({staged: path, manifest_file: manifest_path(path)}, folder)
    except OSError as e:
        raise DpocketError(f"could not write {path}: {e.strerror or e}; what was there before is unchanged") from e
    return Artifact(path, target, precision, contract, manifest)


@contextlib.contextmanager
def _staging(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, content: Content) -> int:
    """Write a file or a folder; returns its bytes."""
    if isinstance(content, bytes):
        return write_durably(path, content)
    path.mkdir()
    return sum(write_durably(path / name, data) for name, data in content.items())


def _take_places(moves: Mapping[Path, Path], folder: Path) -> None:
    """Move every staged path to its place; where one cannot go, what was there before comes back to all of them."""
    kept: dict[Path, Path] = {}
    try:
        for staged, place in moves.items():
            before = folder / f"{place.name}.before"
            if place.is_dir():
                # A folder cannot be replaced in one step.
                os.replace(place, before)
                kept[place] = before
            elif place.exists():
                shutil.copy2(place, before)
                kept[place] = before
            os.replace(staged, place)
    except BaseException:
        for staged, place in moves.items():
            if not staged.exists():
                _remove(place)
        for place, before in kept.items():
            os.replace(before, place)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
