"""CMU's Pixel 4 scenes (Xin et al., ICCV 2021): `NNN_left.png` and `NNN_right.png` beside `calibration/`.

14-bit green samples in 16-bit PNG, 2016×1512, black 1024. The right view is multiplied by the ratio of the two white
sheets (box mean of 101 pixels), which takes out the vignetting that differs between the views. Truth is
`gt_defocus_map/NNN_gt.png`, 8 bit, 0 unknown, larger farther beyond the focus plane, on the central 1344×1008 pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.format import Format, folders, require_both
from runtime_py.captures.images import read_image
from runtime_py.captures.radiometry import count_levels, linear_from_counts
from runtime_py.errors import CaptureError

BLACK, BITS = 1024, 14
WHITE = BLACK + 2**BITS - 1
SHEET_BOX = 101
ROWS, COLUMNS = slice(252, 1260), slice(336, 1680)


def left_of(path: Path) -> Path | None:
    """The left view of the scene that a view belongs to; the white sheets beside it tell this layout from others."""
    if not (path.parent / "calibration" / "white_sheet_left.png").is_file():
        return None
    for side in ("left", "right"):
        if path.name.endswith(f"_{side}.png"):
            return path.with_name(path.name[: -len(f"{side}.png")] + "left.png")
    return None


def read(left: Path) -> DPCapture:
    """One scene, with truth where the layout has it. Raises CaptureError for missing, damaged or odd-sized files."""
    scene = left.name[: -len("_left.png")]
    right = left.with_name(f"{scene}_right.png")
    require_both(left, right)
    sheet_left, sheet_right = (_counts(left.parent / "calibration" / f"white_sheet_{s}.png") for s in ("left", "right"))
    stored = _stored(left)
    left_linear, right_linear = linear_from_counts(stored, BLACK, WHITE), _counts(right)
    gain = _gain(sheet_left, sheet_right)
    if right_linear.shape != gain.shape:
        raise CaptureError(f"{right} is {right_linear.shape} and its white sheets are {gain.shape} (rows, columns)")
    return DPCapture(
        name=scene,
        format=FORMAT.name,
        left=left_linear.astype(np.float32),
        right=(right_linear * gain).astype(np.float32),
        bit_depth=BITS,
        black=BLACK,
        white=WHITE,
        levels=count_levels(stored),
        truth=_truth(left.parent / "gt_defocus_map" / f"{scene}_gt.png", left_linear.shape),
    )


def scenes(root: Path) -> list[Path]:
    """Left views of all scenes of the first folder at or below `root` that has the layout."""
    for folder in folders(root):
        if (folder / "gt_defocus_map").is_dir() and (folder / "calibration").is_dir():
            return sorted({left for file in folder.glob("*.png") if (left := left_of(file)) is not None})
    return []


def _counts(path: Path) -> NDArray[np.float64]:
    return linear_from_counts(_stored(path), BLACK, WHITE)


def _stored(path: Path) -> NDArray[Any]:
    stored = read_image(path)
    if stored.ndim != 2 or stored.dtype != np.uint16:
        raise CaptureError(f"{path} holds {stored.dtype} of shape {stored.shape}; a CMU view is one plane of 16 bit")
    return stored


def _gain(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    import cv2

    if left.shape != right.shape:
        raise CaptureError(f"the white sheets differ in size: left {left.shape}, right {right.shape} (rows, columns)")
    return np.asarray(cv2.blur(left / np.maximum(right, 1e-6), (SHEET_BOX, SHEET_BOX)))


def _truth(path: Path, size: tuple[Any, ...]) -> Truth | None:
    if not path.is_file():
        return None
    code = read_image(path)
    expected = (ROWS.stop - ROWS.start, COLUMNS.stop - COLUMNS.start)
    if code.shape != expected or size[0] < ROWS.stop or size[1] < COLUMNS.stop:
        raise CaptureError(f"{path} is {code.shape} (rows, columns) on views of {size}; it should be {expected}")
    return Truth(code / 255.0, code > 0, "defocus-code", ROWS, COLUMNS)


FORMAT = Format("cmu-pixel4", "NNN_left.png + NNN_right.png beside calibration/white_sheet_*.png", left_of, read)
