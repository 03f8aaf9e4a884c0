"""Google's dual_pixels data (Garg et al., ICCV 2019): `<split>/left_pd/<capture>/result_leftPd_<position>.png` and kin.

Portrait, 1512×2016, 8 bit, taken as gamma 2.2 (the release states no curve). The dual-pixel axis is vertical. Truth
is `merged_depth`, 756×1008: code u = v/255 with `Z = 20 / (100 - 99.8 u)` metres, so u is affine in inverse depth and
grows with distance. The protocol scores the central 512×384 (h×w) of it; each of those pixels covers 2×2 of the view.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.format import Format, folders, require_both
from runtime_py.captures.images import read_image, read_samples
from runtime_py.captures.radiometry import linear_from_gamma
from runtime_py.errors import CaptureError
from runtime_py.quiet import quiet

CROP = (512, 384)
POSITION = "center"
Scalar = TypeVar("Scalar", bound=np.generic)
_VIEW = re.compile(r"result_(leftPd|rightPd)_(\w+)\.png")


def left_of(path: Path) -> Path | None:
    match = _VIEW.fullmatch(path.name)
    if match is None or len(path.parents) < 3:
        return None
    return beside(path, "left_pd", f"result_leftPd_{match[2]}.png")


def read(left: Path) -> DPCapture:
    """One position of one capture, with truth where the layout has it.

    The confidence is an OpenEXR picture: where the `OpenEXR` package is absent, the truth carries none.
    """
    match = _VIEW.fullmatch(left.name)
    position = match[2] if match else POSITION
    right = beside(left, "right_pd", f"result_rightPd_{position}.png")
    require_both(left, right)
    what = "a view of Google's dual_pixels data"
    views = [linear_from_gamma(read_samples(path, 8, what), 255) for path in (left, right)]
    return DPCapture(
        name=f"{left.parent.name}/{position}",
        format=FORMAT.name,
        left=views[0],
        right=views[1],
        dp_axis="vertical",
        truth=truth_beside(left, position, views[0].shape),
    )


def scenes(root: Path) -> list[Path]:
    """Left views of the centre position of every capture of the first folder at or below `root` with the layout."""
    for folder in folders(root):
        if (folder / "left_pd").is_dir() and (folder / "merged_depth").is_dir():
            files = (folder / "left_pd").glob(f"*/result_leftPd_{POSITION}.png")
            return sorted(files)
    return []


def beside(view: Path, kind: str, name: str) -> Path:
    """The file `name` of the same capture in another folder of the split, such as "right_pd"."""
    return view.parents[2] / kind / view.parent.name / name


def truth_beside(view: Path, position: str, size: tuple[int, ...]) -> Truth | None:
    """The truth for a view (of `size`) of a capture, None where there is no depth; CaptureError where it is damaged."""
    depth = beside(view, "merged_depth", f"result_merged_depth_{position}.png")
    if not depth.is_file():
        return None
    confidence = beside(view, "merged_conf", f"result_merged_conf_{position}.exr")
    stored = read_image(depth)
    code = (stored if stored.ndim == 2 else stored[..., 0]) / 255.0
    height, width = code.shape
    if size != (2 * height, 2 * width) or height < CROP[0] or width < CROP[1]:
        raise CaptureError(f"{depth} is {code.shape} (rows, columns); it should be half of the views' {size}")
    top, side = (height - CROP[0]) // 2, (width - CROP[1]) // 2
    crop = (slice(top, top + CROP[0]), slice(side, side + CROP[1]))
    weight = read_confidence(confidence, code.shape) if confidence.is_file() else None
    valid = np.ones(CROP, np.bool_) if weight is None else weight[crop] > 0
    return Truth(
        values=_doubled(code[crop]),
        valid=_doubled(valid),
        kind="defocus-code",
        rows=slice(2 * top, 2 * (top + CROP[0])),
        columns=slice(2 * side, 2 * (side + CROP[1])),
        confidence=None if weight is None else _doubled(weight[crop]),
    )


def _doubled(plane: NDArray[Scalar]) -> NDArray[Scalar]:
    return plane.repeat(2, axis=0).repeat(2, axis=1)


def read_confidence(path: Path, size: tuple[int, ...]) -> NDArray[np.float64] | None:
    """The single channel of an EXR, float64 H×W, or None where the `OpenEXR` package is not installed.

    OpenCV's wheels are built without a working EXR reader.
    """
    try:
        exr = importlib.import_module("OpenEXR")
    except ImportError:
        return None
    try:
        # The package prints to both streams what the error below says.
        with quiet(native=True), contextlib.redirect_stdout(io.StringIO()):
            channels = exr.File(str(path)).channels()
        plane = np.asarray(next(iter(channels.values())).pixels, np.float64)
    except Exception as e:  # the package raises bare exceptions of several kinds
        raise CaptureError(f"{path} is a damaged or unsupported EXR: {e}") from e
    if plane.shape != size:
        raise CaptureError(f"{path} is {plane.shape} (rows, columns) and its depth is {size}")
    return plane


FORMAT = Format("google-dual-pixels", "left_pd/<capture>/result_leftPd_<position>.png + right_pd/…", left_of, read)
