"""PFM (portable float map): one or three planes of 32-bit floats behind three lines of text, bottom row first.

Samples are little-endian where the header's scale is negative. The size of the scale is not applied: Middlebury writes
1/256 there beside disparities that are pixels already, and OpenCV's reader, which divides by it, returns them 256 times
too large.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.images import kind_of, read_bytes
from runtime_py.errors import CaptureError
from runtime_py.files import write_atomic

LONGEST_SIDE = 65535
LONGEST_HEADER = 256

_HEADER = re.compile(rb"P([fF])\s+(\d{1,7})\s+(\d{1,7})\s+(\S{1,40})(?:\r\n|\s)")
_CHANNELS = {b"f": 1, b"F": 3}


def read_pfm(path: Path, channels: int = 1) -> NDArray[np.float32]:
    """Samples as stored, first row on top: float32 (H, W), or (H, W, 3) in R, G, B order when `channels` is 3.

    Infinities and NaN come back as they are (Middlebury's infinity means "unknown"). Raises CaptureError for a missing,
    empty, truncated, overlong, malformed or foreign file, and for another number of channels.
    """
    data = read_bytes(path)
    match = _HEADER.match(data[:LONGEST_HEADER])
    if match is None:
        raise CaptureError(f"{path} is no PFM: 'Pf width height scale' was expected, {_beginning(data)} was found")
    found, width, height = _CHANNELS[match[1]], int(match[2]), int(match[3])
    if found != channels:
        wanted = "one plane (Pf), such as a disparity" if channels == 1 else "three channels (PF)"
        raise CaptureError(f"{path} is a PFM of {found} channel{'s' * (found > 1)}, and {wanted} was expected")
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise CaptureError(f"{path} has a bad PFM header: {width}×{height} pixels; sides are 1 to {LONGEST_SIDE}")
    order = "<" if _scale(match[4], path) < 0 else ">"
    promised, there = 4 * channels * width * height, len(data) - match.end()
    if there != promised:
        raise CaptureError(
            f"{path} is {'truncated' if there < promised else 'longer than its header says'}: {width}×{height} pixels "
            f"of {4 * channels} bytes are {promised} bytes, {there} are there; copy it again"
        )
    shape = (height, width) if channels == 1 else (height, width, channels)
    upwards = np.frombuffer(data, f"{order}f4", offset=match.end()).reshape(shape)
    return np.ascontiguousarray(upwards[::-1], np.float32)


def write_pfm(path: Path, samples: NDArray[Any]) -> None:
    """Write an (H, W) or (H, W, 3) array as little-endian float32 with scale −1, whole or not at all.

    Raises CaptureError for another shape, and DpocketError when the file cannot be written.
    """
    write_atomic(Path(path), pfm_bytes(samples))


def pfm_bytes(samples: NDArray[Any]) -> bytes:
    """The PFM file of an (H, W) or (H, W, 3) array, first row on top. Raises CaptureError for another shape."""
    if samples.size == 0 or not (samples.ndim == 2 or (samples.ndim == 3 and samples.shape[2] == 3)):
        raise CaptureError(f"a PFM holds (H, W) or (H, W, 3) samples, not an array of shape {samples.shape}")
    height, width = samples.shape[:2]
    kind = b"f" if samples.ndim == 2 else b"F"
    return b"P%s\n%d %d\n-1.0\n" % (kind, width, height) + samples[::-1].astype("<f4").tobytes()


def _scale(text: bytes, path: Path) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not math.isfinite(scale) or scale == 0:
        raise CaptureError(
            f"{path} has a bad PFM header: its scale is '{text.decode('latin1')}', a number other than 0 was expected"
        )
    return scale


def _beginning(data: bytes) -> str:
    kind = kind_of(data)
    return f"a {kind} file" if kind else repr(data[:16].decode("latin1"))
