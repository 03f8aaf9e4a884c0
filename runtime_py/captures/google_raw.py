"""The raw views of Google's dual_pixels data: `<split>/raw_left_pd/<capture>/result_pd_left_<position>.npy` and kin.

uint16, linear, 16368 (the 10-bit 1023, times 16) at full scale; .npy, or the same samples as .png. The release states
no black level, so none is taken away: the lint says where one is left in. The dual-pixel axis is the long side
(vertical in portrait); where that is more than 2.2 times the short one, the sensor was read out in half across it, and
every sample is doubled in that direction.

Truth and its geometry are those of `google_dual_pixels`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.format import Format, require_both
from runtime_py.captures.google_dual_pixels import beside, truth_beside
from runtime_py.captures.images import read_bytes, read_image
from runtime_py.captures.radiometry import count_levels, linear_from_counts, square_pixels
from runtime_py.errors import CaptureError

WHITE, BITS = 16368, 10
LONGEST = 2.2
_VIEW = re.compile(r"result_pd_(left|right)_(\w+)\.(npy|png)")


def left_of(path: Path) -> Path | None:
    match = _VIEW.fullmatch(path.name)
    if match is None or len(path.parents) < 3:
        return None
    return beside(path, "raw_left_pd", f"result_pd_left_{match[2]}.{match[3]}")


def read(left: Path) -> DPCapture:
    """One position of one capture, with truth where it is there. Raises CaptureError for missing or damaged files."""
    match = _VIEW.fullmatch(left.name)
    if match is None:
        raise CaptureError(f"{left} is not called result_pd_left_<position>.npy")
    right = beside(left, "raw_right_pd", f"result_pd_right_{match[2]}.{match[3]}")
    require_both(left, right)
    stored = [_stored(path) for path in (left, right)]
    height, width = stored[0].shape
    # Height of a stored pixel over its width: the side across the axis is the one that was read out in half.
    aspect = 1.0 if max(height, width) <= LONGEST * min(height, width) else (0.5 if height > width else 2.0)
    views = [_square(linear_from_counts(counts, 0, WHITE).astype(np.float32), aspect) for counts in stored]
    return DPCapture(
        name=f"{left.parent.name}/{match[2]}",
        format=FORMAT.name,
        left=views[0],
        right=views[1],
        dp_axis="vertical" if height > width else "horizontal",
        bit_depth=BITS,
        white=WHITE,
        stored_aspect=aspect,
        truth=truth_beside(left, match[2], views[0].shape),
        levels=count_levels(stored[0]),
    )


def _square(view: NDArray[np.float32], aspect: float) -> NDArray[np.float32]:
    return np.repeat(view, 2, axis=1) if aspect == 0.5 else square_pixels(view, aspect)


def _stored(path: Path) -> NDArray[Any]:
    counts = _array(path) if path.suffix == ".npy" else read_image(path)
    if counts.dtype != np.uint16 or counts.ndim != 2 or counts.size == 0:
        raise CaptureError(f"{path} holds {counts.dtype} of shape {counts.shape}; a raw view is one plane of 16 bit")
    return counts


def _array(path: Path) -> NDArray[Any]:
    read_magic = read_bytes(path)[:6]
    if read_magic != b"\x93NUMPY":
        raise CaptureError(f"{path} is not a .npy file, whatever its name says: it begins with {read_magic.hex(' ')}")
    try:
        # Mapped, so that a header that promises more than the file holds is refused before memory is asked for.
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError, SyntaxError) as e:
        raise CaptureError(f"{path} is a damaged or truncated .npy file: {e}; copy it again") from e


FORMAT = Format("google-raw", "raw_left_pd/<capture>/result_pd_left_<position>.npy + raw_right_pd/…", left_of, read)
