"""dpMV (Garg et al., ICCP 2024): `unrectified/{A,B,C}/dp_data/<video>/image_NNN_left.jpg` and `…_right.jpg`.

8-bit JPEG of three equal channels, of which the first counts. The stored value is the square root of the 16-bit one,
so light is `v² / 65535`, as the authors' student undoes it; 255 comes out as 0.992.

Files are landscape, as the sensor reads out, with the dual-pixel axis along their rows. The reader turns them by 270°
counter-clockwise, a quarter turn clockwise, to the portrait of the rectified colour pictures. That turn takes column x
to row x: the axis becomes vertical and y_left - y_right equals the stored x_left - x_right, so the views keep their
names and the disparity its sign. Turning the other way would have negated it.

The release's disparities (`disp_pixel4_BA`) lie on the *rectified* pixels of phone B, which are not those of these
views: a capture of this layout carries no truth.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.format import Format, require_both
from runtime_py.captures.images import read_samples
from runtime_py.errors import CaptureError

FULL_SCALE = 2**16 - 1
_VIEW = re.compile(r"(image_\d+)_(left|right)\.jpg")


def left_of(path: Path) -> Path | None:
    match = _VIEW.fullmatch(path.name)
    if match is None or path.parent.parent.name != "dp_data":
        return None
    return path.with_name(f"{match[1]}_left.jpg")


def read(left: Path) -> DPCapture:
    """One frame of one phone, portrait. Raises CaptureError for missing, damaged or portrait files and other depths."""
    frame = left.name[: -len("_left.jpg")]
    right = left.with_name(f"{frame}_right.jpg")
    require_both(left, right)
    phone = left.parents[2].name
    return DPCapture(
        name=f"{phone}/{left.parent.name}/{frame}",
        format=FORMAT.name,
        left=_light(left),
        right=_light(right),
        dp_axis="vertical",
    )


def _light(path: Path) -> NDArray[np.float32]:
    stored = read_samples(path, 8, "a dpMV view")
    plane = stored if stored.ndim == 2 else stored[..., 0]
    if plane.shape[0] > plane.shape[1]:
        raise CaptureError(
            f"{path} is {plane.shape[1]}×{plane.shape[0]}, portrait; unrectified dpMV views are stored landscape, "
            "so give the original files"
        )
    light = plane.astype(np.float32) ** 2 / np.float32(FULL_SCALE)
    return np.ascontiguousarray(np.rot90(light, -1))


FORMAT = Format("dpmv", "dp_data/<video>/image_NNN_left.jpg + image_NNN_right.jpg", left_of, read)
