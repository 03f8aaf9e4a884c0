"""Captures of Google's dual-pixel capture app for Pixel phones: `<stamp>_left.pgm` and `<stamp>_right.pgm`.

Each is 2016×756, 16-bit: the sensor's 10-bit green samples times 65535/1023, black at 64 counts (about 4100). A stored
pixel is twice as high as wide, so rows are doubled to 2016×1512. The dual-pixel axis is horizontal.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.format import Format, require_both
from runtime_py.captures.pgm import parse_header, read_pgm
from runtime_py.captures.radiometry import count_levels, linear_from_counts, square_pixels
from runtime_py.errors import CaptureError

WIDTH, HEIGHT, WHITE = 2016, 756, 65535
BLACK = 64 * WHITE / 1023
ASPECT = 2


def left_of(path: Path) -> Path | None:
    """The left view of the capture that `path` names; PGM pairs of another size are left to the plain format."""
    for side in ("left", "right"):
        if path.name.lower().endswith(f"_{side}.pgm"):
            if path.is_file() and _is_another_pgm(path):
                return None
            return path.with_name(path.name[: -len(f"{side}.pgm")] + "left" + path.suffix)
    return None


def _is_another_pgm(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = parse_header(file.read(4096), path)
    except (OSError, CaptureError):
        return False  # a damaged file keeps its format, so that its own reader names the damage
    return (header.width, header.height) != (WIDTH, HEIGHT)


def read(left: Path) -> DPCapture:
    """One capture, 2016×1512. Raises CaptureError for a missing view, a damaged file or another size or depth."""
    stamp = left.name[: -len("_left.pgm")]
    right = left.with_name(f"{stamp}_right{left.suffix}")
    require_both(left, right)
    views, levels = [], 0
    for path in (left, right):
        pixels, maxval = read_pgm(path)
        if pixels.shape != (HEIGHT, WIDTH) or maxval != WHITE:
            raise CaptureError(
                f"{path} is {pixels.shape[1]}×{pixels.shape[0]} with values up to {maxval}; "
                f"the capture app writes {WIDTH}×{HEIGHT} with values up to {WHITE}"
            )
        levels = levels or count_levels(pixels)
        views.append(square_pixels(linear_from_counts(pixels, BLACK, WHITE).astype(np.float32), ASPECT))
    return DPCapture(
        name=stamp,
        format=FORMAT.name,
        left=views[0],
        right=views[1],
        bit_depth=10,
        black=BLACK,
        white=WHITE,
        stored_aspect=ASPECT,
        levels=levels,
    )


FORMAT = Format("google-app", "<stamp>_left.pgm + <stamp>_right.pgm (2016×756, 16 bit)", left_of, read)
