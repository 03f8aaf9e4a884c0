"""Binary PGM (netpbm's P5): one grey plane, 8 bit, or 16 bit with the high byte first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.images import kind_of, read_bytes
from runtime_py.errors import CaptureError
from runtime_py.files import write_atomic

LONGEST_SIDE = 65535

_HEADER = re.compile(rb"P5(?:\s|#[^\n\r]*[\n\r])+(\d+)(?:\s|#[^\n\r]*[\n\r])+(\d+)(?:\s|#[^\n\r]*[\n\r])+(\d+)\s")


@dataclass(frozen=True)
class PgmHeader:
    """Width and height in stored pixels, the largest value, and where the samples begin."""

    width: int
    height: int
    maxval: int
    samples_at: int

    @property
    def sample_bytes(self) -> int:
        return 1 if self.maxval < 256 else 2

    @property
    def promised(self) -> int:
        """Bytes of samples that the header announces."""
        return self.width * self.height * self.sample_bytes


def parse_header(data: bytes, path: Path) -> PgmHeader:
    """Raises CaptureError that says what the file is instead, or what is wrong in its header."""
    if not data.startswith(b"P5"):
        kind = kind_of(data)
        what = f"a {kind} file" if kind else f"not a picture this project knows (first bytes {data[:4].hex(' ')})"
        raise CaptureError(f"{path} is {what}, not a binary PGM (P5), whatever its name says; give the original file")
    match = _HEADER.match(data[:4096])
    if match is None:
        start = data[:32].decode("latin1").splitlines()[0]
        raise CaptureError(f"{path} has a bad PGM header: 'P5 width height maxval' was expected, '{start}' was found")
    width, height, maxval = (int(n) for n in match.groups())
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE and 0 < maxval <= 65535):
        raise CaptureError(
            f"{path} has a bad PGM header: {width}×{height} pixels with values up to {maxval}; "
            f"sides are 1 to {LONGEST_SIDE} and the largest value is 1 to 65535"
        )
    return PgmHeader(width, height, maxval, match.end())


def read_pgm(path: Path) -> tuple[NDArray[Any], int]:
    """Samples (uint8 or uint16, H×W, native byte order) and the header's largest value.

    Raises CaptureError for an empty, truncated, overlong, foreign or malformed file.
    """
    return decode_pgm(read_bytes(path), path)


def decode_pgm(data: bytes, path: Path) -> tuple[NDArray[Any], int]:
    """As `read_pgm`, of the bytes of a file that messages call `path`."""
    header = parse_header(data, path)
    found = len(data) - header.samples_at
    size = f"{header.width}×{header.height} pixels of {header.sample_bytes} byte{'s' * (header.sample_bytes > 1)}"
    if found < header.promised:
        raise CaptureError(
            f"{path} is truncated: its header promises {size} = {header.promised} bytes, {found} are there; "
            "copy it again"
        )
    if found > header.promised:
        raise CaptureError(
            f"{path} has {found - header.promised} bytes more than the {size} = {header.promised} bytes of its header; "
            "the header or the file is wrong"
        )
    stored = np.frombuffer(data, np.uint8 if header.sample_bytes == 1 else ">u2", offset=header.samples_at)
    pixels = stored.reshape(header.height, header.width).astype(np.uint8 if header.sample_bytes == 1 else np.uint16)
    if int(pixels.max()) > header.maxval:
        raise CaptureError(f"{path} has values up to {int(pixels.max())}, above the {header.maxval} of its header")
    return pixels, header.maxval


def write_pgm(path: Path, pixels: NDArray[Any], maxval: int | None = None) -> None:
    """Write a uint8 or uint16 plane (H×W) as P5, whole or not at all; `maxval` defaults to the dtype's largest value.

    Raises CaptureError for another dtype or shape and for values above `maxval`.
    """
    write_atomic(Path(path), pgm_bytes(pixels, maxval))


def pgm_bytes(pixels: NDArray[Any], maxval: int | None = None) -> bytes:
    """The file that `write_pgm` writes."""
    if pixels.ndim != 2 or pixels.size == 0 or pixels.dtype not in (np.uint8, np.uint16):
        raise CaptureError(f"a PGM holds one plane of uint8 or uint16, not {pixels.dtype} of shape {pixels.shape}")
    largest = int(np.iinfo(pixels.dtype).max) if maxval is None else maxval
    if not 0 < largest <= 65535 or int(pixels.max()) > largest:
        raise CaptureError(f"values up to {int(pixels.max())} do not fit a PGM whose largest value is {largest}")
    samples = pixels.astype(np.uint8 if largest < 256 else ">u2")
    height, width = pixels.shape
    return b"P5 %d %d %d\n" % (width, height, largest) + samples.tobytes()
