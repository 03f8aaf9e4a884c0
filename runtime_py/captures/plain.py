"""Any pair of PNG, TIFF, JPEG or PGM pictures called `*_left.*` and `*_right.*`, or `left.*` and `right.*`.

8 bit is taken as gamma 2.2, 16 bit as linear with black 0 and white 65535, unless `capture.json` beside the pair (see
`descriptor.py`) says otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.descriptor import Descriptor, beside
from runtime_py.captures.format import Format, require_both
from runtime_py.captures.images import read_image
from runtime_py.captures.pgm import read_pgm
from runtime_py.captures.radiometry import (
    GAMMA,
    count_levels,
    linear_from_counts,
    linear_from_gamma,
    luminance,
    square_pixels,
)
from runtime_py.errors import CaptureError

_VIEW = re.compile(r"((?:.+_)?)(left|right)(\.(?:png|tiff?|jpe?g|pgm))", re.IGNORECASE)


def left_of(path: Path) -> Path | None:
    match = _VIEW.fullmatch(path.name)
    return path.with_name(f"{match[1]}left{match[3]}") if match else None


def read(left: Path, descriptor: Descriptor | None = None) -> DPCapture:
    """One pair; `descriptor` (or the one beside it) tells black, white, curve, pixel aspect and axis.

    Raises CaptureError for missing or damaged files, and for views of different depth or size.
    """
    prefix = left.name[: -len("left" + left.suffix)]
    right = left.with_name(f"{prefix}right{left.suffix}")
    require_both(left, right)
    told = descriptor if descriptor is not None else beside(left)
    stored = [_stored(path) for path in (left, right)]
    if stored[0].dtype != stored[1].dtype:
        raise CaptureError(f"{left.name} holds {stored[0].dtype} and {right.name} {stored[1].dtype}; export both alike")
    bits = stored[0].dtype.itemsize * 8
    black = 0.0 if told.black is None else float(told.black)
    white = float(2**bits - 1) if told.white is None else float(told.white)
    if white <= black:
        raise CaptureError(
            f"white level {white} is not above black level {black}; correct {left.parent / 'capture.json'}"
        )
    gamma = (GAMMA if bits == 8 else 1.0) if told.gamma is None else float(told.gamma)
    views = [square_pixels(_linear(view, black, white, gamma), told.pixel_aspect) for view in stored]
    return DPCapture(
        name=prefix.rstrip("_") or left.parent.name,
        format=FORMAT.name,
        left=views[0],
        right=views[1],
        dp_axis=told.dp_axis,
        bit_depth=bits,
        black=black,
        white=white,
        stored_aspect=told.pixel_aspect,
        levels=count_levels(stored[0]),
    )


def _stored(path: Path) -> NDArray[Any]:
    return read_pgm(path)[0] if path.suffix.lower() == ".pgm" else read_image(path)


def _linear(stored: NDArray[Any], black: float, white: float, gamma: float) -> NDArray[np.float32]:
    if gamma == 1.0 or black != 0.0:
        return luminance((linear_from_counts(stored, black, white) ** gamma).astype(np.float32))
    return linear_from_gamma(stored, white, gamma)


FORMAT = Format("plain", "<name>_left.* + <name>_right.* or left.* + right.* (PNG, TIFF, JPEG, PGM)", left_of, read)
