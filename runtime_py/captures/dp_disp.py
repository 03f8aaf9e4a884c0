"""DP-disp (Punnappurath et al., ICCP 2020): `NNN_L.jpg`, `NNN_R.jpg` and, with truth, `NNN_D.TIF`.

8-bit colour views of a Canon 5D IV, 5180×2940, taken as gamma 2.2. D is bright where near, 0 where unknown; the truth
here is (255 - D)/255, which grows with distance as every defocus code of this project does.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.format import Format, folders, require_both
from runtime_py.captures.images import read_image
from runtime_py.captures.radiometry import linear_from_gamma
from runtime_py.errors import CaptureError

_VIEW = re.compile(r"(\w+)_[LR]\.jpg", re.IGNORECASE)


def left_of(path: Path) -> Path | None:
    match = _VIEW.fullmatch(path.name)
    return path.with_name(f"{match[1]}_L{path.suffix}") if match else None


def read(left: Path) -> DPCapture:
    """One scene, with truth where it is there. Raises CaptureError for missing or damaged files."""
    scene = left.stem[: -len("_L")]
    right, depth = left.with_name(f"{scene}_R{left.suffix}"), _depth_of(left)
    require_both(left, right)
    left_view, right_view = (linear_from_gamma(read_image(path), 255) for path in (left, right))
    truth = _truth(depth, left_view.shape) if depth.is_file() else None
    return DPCapture(scene, FORMAT.name, left_view, right_view, truth=truth)


def scenes(root: Path) -> list[Path]:
    """Left views of all scenes with truth of the first folder at or below `root` that has such scenes."""
    for folder in folders(root):
        lefts = {left for file in folder.glob("*.*") if (left := left_of(file)) is not None}
        found = sorted(left for left in lefts if _depth_of(left).is_file())
        if found:
            return found
    return []


def _depth_of(left: Path) -> Path:
    return left.with_name(left.stem[: -len("_L")] + "_D.TIF")


def _truth(path: Path, size: tuple[int, ...]) -> Truth:
    near = read_image(path)
    if near.ndim != 2 or near.dtype != np.uint8 or near.shape != size:
        raise CaptureError(f"{path} holds {near.dtype} of shape {near.shape}; it should be 8 bit on the views' {size}")
    return Truth((255 - near) / 255.0, near > 0, "defocus-code")


FORMAT = Format("dp-disp", "NNN_L.jpg + NNN_R.jpg (+ NNN_D.TIF)", left_of, read)
