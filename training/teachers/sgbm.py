"""`sgbm`: OpenCV's semi-global matching with all eight paths, for stereo and for dual-pixel pairs.

Hirschmüller, "Stereo processing by semi-global matching and mutual information", TPAMI 2008, with OpenCV's cost
(Birchfield-Tomasi on a Sobel-filtered picture) and `MODE_HH`, which keeps the whole cost volume. Both views are matched
and must agree; holes are filled by row from the farther neighbour. The settings for stereo were chosen on Middlebury's
Teddy and Piano, those for dual pixels on scenes of CMU and DP119: figures on these are not those of unseen data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import CaptureError, DpocketError
from training.data.sample import Sample
from training.teachers.matching import Plane, matched
from training.teachers.teacher import Kind, Label, turned_back, views_of, with_settings

SUBPIXELS = 16
"""Steps per pixel in OpenCV's integers; also the number of which its ranges must be a multiple."""

PREFILTER_CAP = 63
BRIGHT = 99.5
"""Percentile of a view that becomes white in the 8 bits that OpenCV matches."""

GAMMA = 2.2


@dataclass(frozen=True)
class SgbmSettings:
    """Widths and disparities are in px; penalties are multiples of block².

    stereo_disparities 0 means a quarter of the matched width; stereo pairs are searched from 0 up. dual_reach is the
    search to either side at dual_width. Wider views are matched at stereo_width and dual_width.
    """

    stereo_width: int = 1280
    stereo_disparities: int = 0
    stereo_block: int = 1
    stereo_p1: int = 4
    stereo_p2: int = 24
    stereo_uniqueness: int = 10
    dual_width: int = 768
    dual_reach: int = 8
    dual_block: int = 11
    dual_p1: int = 8
    dual_p2: int = 32
    dual_uniqueness: int = 3
    tolerance: float = 1.0


@dataclass(frozen=True)
class Search:
    """One call of OpenCV's matcher: the range starts at `first` and has `count` whole disparities."""

    first: int
    count: int
    block: int
    p1: int
    p2: int
    uniqueness: int


class SgbmTeacher:
    """Labels both kinds of pair; see `SgbmSettings`."""

    pairs = ("stereo", "dual-pixel")

    def __init__(self, settings: SgbmSettings) -> None:
        self._settings = settings

    def identity(self) -> dict[str, Any]:
        fixed = {"mode": "MODE_HH", "prefilter_cap": PREFILTER_CAP, "views": "luminance", "gamma": GAMMA}
        return {"teacher": "sgbm", **dataclasses.asdict(self._settings), **fixed}

    def prepare(self, names: Sequence[str]) -> None:
        pass

    def label(self, sample: Sample) -> Label:
        left, right = views_of(sample)
        s = self._settings
        stereo = sample.pair == "stereo"
        width = s.stereo_width if stereo else s.dual_width
        search = _stereo_search(s, min(width, left.shape[1])) if stereo else _dual_search(s)
        label = matched(partial(semi_global, search=search), left, right, width, s.tolerance)
        return turned_back(label, sample)


def semi_global(left: Plane, right: Plane, search: Search) -> Plane:
    """x_left - x_right of linear views (H, W), float32 px in steps of 1/16, NaN where the match is not unique."""
    import cv2

    matcher = cv2.StereoSGBM.create(
        minDisparity=search.first,
        numDisparities=search.count,
        blockSize=search.block,
        P1=search.p1 * search.block**2,
        P2=search.p2 * search.block**2,
        disp12MaxDiff=1,
        preFilterCap=PREFILTER_CAP,
        uniquenessRatio=search.uniqueness,
        mode=cv2.STEREO_SGBM_MODE_HH,
    )
    # OpenCV leaves out columns whose search reaches beyond the picture: continued pictures give them their disparity.
    before, after = max(0, search.first + search.count), max(0, -search.first)
    continued = [
        cv2.copyMakeBorder(eight_bit(view), 0, 0, before, after, cv2.BORDER_REPLICATE) for view in (left, right)
    ]
    fixed_point = np.asarray(matcher.compute(*continued))[:, before : before + left.shape[1]]
    disparity = fixed_point.astype(np.float32) / np.float32(SUBPIXELS)
    return np.where(fixed_point < search.first * SUBPIXELS, np.float32(np.nan), disparity)


def eight_bit(view: NDArray[Any]) -> NDArray[np.uint8]:
    """A linear view as uint8 with gamma 2.2. Raises CaptureError for one that is black nearly everywhere."""
    bright = float(np.percentile(view, BRIGHT))
    if bright <= 0:
        raise CaptureError("a view is black; there is nothing to match in it")
    return np.asarray((255 * np.clip(view / bright, 0, 1) ** (1 / GAMMA)).astype(np.uint8))


def _stereo_search(s: SgbmSettings, width: int) -> Search:
    count = _multiple(s.stereo_disparities or width / 4)
    return Search(0, count, s.stereo_block, s.stereo_p1, s.stereo_p2, s.stereo_uniqueness)


def _dual_search(s: SgbmSettings) -> Search:
    count = _multiple(2 * s.dual_reach)
    return Search(-count // 2, count, s.dual_block, s.dual_p1, s.dual_p2, s.dual_uniqueness)


def _multiple(count: float) -> int:
    return int(np.ceil(count / SUBPIXELS)) * SUBPIXELS


def _make(text: str, settings: Sequence[str]) -> SgbmTeacher:
    s = with_settings(SgbmSettings(), settings)
    for kind, block, p1, p2 in (
        ("stereo", s.stereo_block, s.stereo_p1, s.stereo_p2),
        ("dual", s.dual_block, s.dual_p1, s.dual_p2),
    ):
        if block < 1 or block % 2 == 0 or not 0 < p1 < p2:
            raise DpocketError(
                f"{kind}_block is {block} and {kind}_p1, {kind}_p2 are {p1}, {p2}: a block is odd and positive, and p2 "
                "is larger than p1, which is larger than 0"
            )
    if min(s.stereo_width, s.dual_width) < 64 or s.stereo_disparities < 0 or s.dual_reach < 1 or s.tolerance <= 0:
        raise DpocketError("widths are 64 px at least, dual_reach is 1 px at least, tolerance is above 0 px")
    return SgbmTeacher(s)


KIND = Kind("sgbm", "sgbm (semi-global matching, for stereo and dual pixels)", "sgbm".__eq__, _make)
