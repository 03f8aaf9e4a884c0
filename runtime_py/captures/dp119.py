"""DP119 (the real sample set of Sdirt): a folder with `l.png`, `r.png` and, except for flat targets, `d.png`.

8-bit colour views of a Canon R6 II, 768×512, taken as gamma 2.2. Depth is 8 bit with 255 = 10 m, or 16 bit in
millimetres; depths of 0.2 m to 9.9 m count. The depth picture may be larger than the views.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.format import Format, folders, require_both
from runtime_py.captures.images import read_image, read_samples
from runtime_py.captures.radiometry import linear_from_gamma

NEAREST_M, FARTHEST_M = 0.2, 9.9
FAMILIES = ("box", "casual", "flat")


def left_of(path: Path) -> Path | None:
    return path.with_name("l.png") if path.name in ("l.png", "r.png", "d.png") else None


def read(left: Path) -> DPCapture:
    """One scene. Raises CaptureError for missing or damaged files and for views that are not 8 bit."""
    right, depth = left.with_name("r.png"), left.with_name("d.png")
    require_both(left, right)
    views = [linear_from_gamma(read_samples(path, 8, "a DP119 view"), 255) for path in (left, right)]
    truth = _truth(depth, views[0].shape) if depth.is_file() else None
    return DPCapture(_name(left), FORMAT.name, views[0], views[1], truth=truth)


def scenes(root: Path) -> list[Path]:
    """Left views of all scenes with truth of the first folder at or below `root` that has the layout."""
    for folder in folders(root):
        found = {
            left for family in ("box", "casual") for file in (folder / family).rglob("*.png") if (left := left_of(file))
        }
        if found:
            return sorted(found)
    return []


def _name(left: Path) -> str:
    parts = left.parent.parts
    family = next((i for i, part in enumerate(parts) if part in FAMILIES), len(parts) - 1)
    return "/".join(parts[family:])


def _truth(path: Path, size: tuple[int, ...]) -> Truth:
    import cv2

    stored = read_image(path)
    grey = stored if stored.ndim == 2 else stored[..., 0]
    metres = grey / 1000.0 if grey.dtype == np.uint16 else grey / 255.0 * 10
    metres = np.asarray(cv2.resize(metres, (size[1], size[0]), interpolation=cv2.INTER_NEAREST))
    valid = (metres > NEAREST_M) & (metres < FARTHEST_M)
    return Truth(1 / np.where(valid, metres, 1.0), valid, "inverse-depth")


FORMAT = Format("dp119", "l.png + r.png (+ d.png) in a folder of their own", left_of, read)
