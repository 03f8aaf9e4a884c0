"""Reading picture files whole or not at all: a decoder that fills a torn file with grey would poison a measurement."""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import CaptureError
from runtime_py.quiet import quiet

SIGNATURES: dict[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"P5": "PGM",
    b"P2": "ASCII PGM",
    b"P6": "PPM",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"v/1\x01": "OpenEXR",
    b"PK\x03\x04": "ZIP",
}


def kind_of(data: bytes) -> str | None:
    """The picture format that the first bytes announce, or None."""
    for signature, kind in SIGNATURES.items():
        if data.startswith(signature):
            return kind
    return "HEIC" if data[4:8] == b"ftyp" else None


def read_bytes(path: Path) -> bytes:
    """The file's bytes; CaptureError when it is missing, a folder, unreadable or empty."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as e:
        raise CaptureError(f"there is no file {path}") from e
    except OSError as e:
        raise CaptureError(f"could not read {path}: {e.strerror or e}") from e
    if not data:
        raise CaptureError(f"{path} is empty (0 bytes); copy it again from where it was made")
    return data


def read_image(path: Path) -> NDArray[Any]:
    """A PNG, TIFF or JPEG as stored: uint8 or uint16, H×W or H×W×C in B, G, R(, alpha) order, no EXIF rotation.

    Raises CaptureError when the file is missing, empty, truncated, damaged or another kind of file.
    """
    import cv2

    data = read_bytes(path)
    kind = kind_of(data)
    if kind == "PNG":
        data = _whole_png(path, data)
    elif kind == "JPEG":
        _check_jpeg(path, data)
    elif kind != "TIFF":
        raise CaptureError(f"{path} is not a PNG, TIFF or JPEG picture but {_described(data, kind)}")
    try:
        # libtiff reports on the terminal what the error below says.
        with quiet(native=True) if kind == "TIFF" else contextlib.nullcontext():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as e:
        raise CaptureError(f"{path} is a damaged {kind} ({len(data)} bytes): {e.err}") from e
    if image is None:
        raise CaptureError(f"{path} is a damaged or unsupported {kind} ({len(data)} bytes); copy or export it again")
    if image.dtype not in (np.uint8, np.uint16):
        raise CaptureError(f"{path} holds {image.dtype} samples; a view is 8 or 16 bit unsigned")
    return np.asarray(image)


def read_samples(path: Path, bits: int, what: str) -> NDArray[Any]:
    """`read_image` of a picture that must have `bits` (8 or 16) a sample; `what` begins with an article, for messages.

    Raises CaptureError as `read_image` does, and for the other depth.
    """
    stored = read_image(path)
    if stored.dtype.itemsize * 8 != bits:
        raise CaptureError(f"{path} holds {stored.dtype} samples; {what} is {bits} bit")
    return stored


def _described(data: bytes, kind: str | None) -> str:
    return f"a {kind} file" if kind else f"a file that begins with the bytes {data[:8].hex(' ')}"


def _whole_png(path: Path, data: bytes) -> bytes:
    """The PNG without its eXIf chunks, every chunk checked.

    Some cameras' exporters write eXIf twice, which libpng reports on the terminal for every file; nothing here uses it.
    """
    kept, at = [data[:8]], 8
    while at < len(data):
        if at + 12 > len(data):
            raise CaptureError(f"{path} is a truncated PNG: it ends after {len(data)} bytes inside a chunk header")
        (length,) = struct.unpack_from(">I", data, at)
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise CaptureError(
                f"{path} is a truncated PNG: chunk {name.decode('latin1')} promises bytes up to {end}, "
                f"the file has {len(data)}; copy it again"
            )
        if zlib.crc32(data[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise CaptureError(
                f"{path} is a damaged PNG: chunk {name.decode('latin1')} at byte {at} fails its checksum"
            )
        if name != b"eXIf":
            kept.append(data[at:end])
        if name == b"IEND":
            return b"".join(kept)
        at = end
    raise CaptureError(f"{path} is a truncated PNG: its {len(data)} bytes end without the closing chunk; copy it again")


def _check_jpeg(path: Path, data: bytes) -> None:
    # An end marker that belongs to an embedded preview lies before the main picture's start-of-scan marker.
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda") or b"\xff\xda" not in data:
        raise CaptureError(
            f"{path} is a truncated JPEG: its {len(data)} bytes end without an end marker; copy it again"
        )
