"""Artifact files into `Program`s: the table of formats and `read`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from runtime_py.errors import ArtifactError
from runtime_py.program import Program


def _onnx(data: bytes, source: str) -> Program:
    from runtime_py.readers.onnx import read_onnx

    return read_onnx(data, source)


def _tflite(data: bytes, source: str) -> Program:
    from runtime_py.readers.tflite import read_tflite

    return read_tflite(data, source)


def _pte(data: bytes, source: str) -> Program:
    from runtime_py.readers.pte import read_pte

    return read_pte(data, source)


def _mlpackage(path: Path) -> Program:
    from runtime_py.readers.mlpackage import read_mlpackage

    return read_mlpackage(path)


READERS: Mapping[str, Callable[[bytes, str], Program]] = {
    ".onnx": _onnx,
    ".tflite": _tflite,
    ".pte": _pte,
}
"""Every format that is read, by suffix; a reader is imported when it is first used."""

FOLDERS: Mapping[str, Callable[[Path], Program]] = {
    ".mlpackage": _mlpackage,
}
"""Every format that is a folder."""

FOREIGN: Mapping[bytes, str] = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (a PyTorch checkpoint, perhaps)",
    b"\x1f\x8b": "gzip-compressed: unpack it first",
    b"\x93NUMPY": "a NumPy array",
    b"\x7fELF": "a program or library",
    b"version https://git-lfs": "a Git LFS pointer: fetch the file itself",
    b"<": "a web page or XML text, perhaps a failed download",
}
"""How files begin that get mistaken for artifacts."""


def read(path: str | Path) -> Program:
    """Reads an artifact. Raises ArtifactError when it is missing, foreign, damaged, or uses what is not supported."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in FOLDERS:
        return FOLDERS[suffix](path)
    reader = READERS.get(suffix)
    if reader is None:
        known = ", ".join((*READERS, *FOLDERS))
        raise ArtifactError(f"{path} ends in '{path.suffix}'; the reference runtime reads {known}")
    return reader(file_bytes(path), str(path))


def file_bytes(path: Path) -> bytes:
    """The content of an artifact; raises ArtifactError when there is no such file or it is plainly something else."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise ArtifactError(f"{path} cannot be read: {e.strerror or e}") from e
    if not data:
        raise ArtifactError(f"{path} is empty")
    # A flatbuffer starts with an offset that may look like anything; its identifier follows.
    if data[4:8] == b"TFL3" or data[4:6] == b"ET":
        return data
    for beginning, meaning in FOREIGN.items():
        if data.startswith(beginning):
            raise ArtifactError(f"{path} is not a {path.suffix} file but {meaning}")
    return data
