"""Whole files or none: atomic writes and content hashes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from runtime_py.errors import DpocketError


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old content or all of the new one, never a part.

    Raises DpocketError when the disk is full or the folder cannot be written; nothing is left behind.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as e:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise DpocketError(f"could not write {path}: {e.strerror or e}; nothing was left there") from e


def write_durably(path: Path, data: bytes) -> int:
    """Write `data` to a new file, through to the disk; returns its bytes. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return len(data)


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same folder waiting while the block runs; the lock dies with its process.

    Where the system has no such lock (Windows), the block runs without one. Raises OSError for a missing folder.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """A fresh folder to fill that takes the name `path` only when the block ends without an error.

    An existing folder of that name is replaced as a whole. Raises DpocketError on a full disk.
    """
    path = Path(path)
    staging: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield staging
        os.chmod(staging, 0o755)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(staging, path)
    except OSError as e:
        raise DpocketError(f"could not write {path}: {e.strerror or e}; nothing was left there") from e
    finally:
        if staging is not None and staging.exists():
            shutil.rmtree(staging, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files in order of their relative names (an .mlpackage is a folder)."""
    digest = hashlib.sha256()
    path = Path(path)
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
            digest.update(file.read_bytes())
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()
