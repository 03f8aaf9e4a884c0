"""`Artifact`: one exported file or folder and its manifest, written together or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime_py.contract import Contract
from runtime_py.errors import DpocketError
from runtime_py.files import atomic_directory, sha256_of, write_atomic
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
    """Where an artifact comes from: hashes of the weights and of the grid, versions of the tools."""

    student: str
    grid: str
    tools: Mapping[str, str]


def write_artifact(
    path: Path, content: Content, target: str, precision: str, contract: Contract, origin: Origin
) -> Artifact:
    """Write `content` at `path` and its manifest beside it.

    Both are complete under other names before either takes its place, so a full disk leaves what was there before.
    Raises DpocketError with the reason.
    """
    path = Path(path)
    staged = path.with_name(f".{path.name}.new")
    staged_manifest = path.with_name(f".{path.name}.json.new")
    try:
        if isinstance(content, bytes):
            write_atomic(staged, content)
            size = len(content)
        else:
            _write_folder(staged, content)
            size = sum(len(data) for data in content.values())
        manifest = Manifest(
            path.name,
            target,
            precision,
            sha256_of(staged),
            size,
            contract,
            origin.student,
            origin.grid,
            origin.tools,
        )
        write_atomic(staged_manifest, manifest.to_json().encode())
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(staged, path)
        os.replace(staged_manifest, manifest_path(path))
    except DpocketError as e:
        raise DpocketError(str(e).replace(staged.name, path.name).replace(staged_manifest.name, path.name)) from e
    except OSError as e:
        raise DpocketError(f"could not write {path}: {e.strerror or e}; nothing was left there") from e
    finally:
        _remove(staged)
        _remove(staged_manifest)
    return Artifact(path, target, precision, contract, manifest)


def _write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    with atomic_directory(path) as folder:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with open(folder / name, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
