"""Published protocols by name: what is scored, on which grid, with which weights, fit and ranks.

"known" was read in the released code or printed by the authors; "assumed" is this project's reading where neither says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from runtime_py.metrics.vectors import Vector
from runtime_py.metrics.windows import (
    Regrid,
    Window,
    WindowOf,
    centre,
    eight_bit,
    garg_crop,
    halved_bicubic,
    halved_linear,
    patches,
    resized_linear,
    whole,
)

AFFINE = ("ai1", "ai2", "rank_loss")
DEPTH = ("abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3")
DP_DISP = (2940, 5180)
Unknown = Literal["left out", "weight 0", "as stored", "zero"]


@dataclass(frozen=True)
class Protocol:
    """One way of scoring a map. Planes go through the fields in the order in which they stand here.

    dataset: the name in `captures.datasets.DATASETS` whose truth this protocol is made for, if there is one.
    truth_size: the rows and columns that the truth must have (None: any). truth_at: the part of the predicted map
    that the truth covers (None: all). unknown: what becomes of pixels without truth: "left out"; "weight 0" (they
    still take a rank); "as stored" (scored with the value in the file); "zero" (scored as 0). regrid_truth and
    regrid_map: resampling before the window. window: what counts. truth_range: truth counts strictly inside it.
    median_scaled: the map is multiplied by the ratio of the medians of truth and map. clamped: the map is clipped to
    truth_range. weighted: whether a confidence may weigh the pixels. metrics: names in `metrics.METRICS`.
    steps, ridge: AI(1)'s number of fits, both fits' ridge. squared_fit: AI(2) is fitted with C² (see
    `affine_invariant_2`). rank: the convention of rank_loss.
    """

    title: str
    known: str
    assumed: str
    metrics: tuple[str, ...] = AFFINE
    dataset: str | None = None
    truth_size: tuple[int, int] | None = None
    truth_at: Window | None = None
    unknown: Unknown = "left out"
    regrid_truth: Regrid | None = None
    regrid_map: Regrid | None = None
    window: WindowOf = whole
    truth_range: tuple[float, float] | None = None
    median_scaled: bool = False
    clamped: bool = False
    weighted: bool = False
    steps: int = 5
    ridge: float = 0.0
    squared_fit: bool = False
    rank: str = "average"


def _halved_bicubic_8bit(plane: Vector) -> Vector:
    return eight_bit(halved_bicubic(plane))


def _sony_frame(plane: Vector) -> Vector:
    return halved_linear(plane)[63 : 63 + 1296, 72 : 72 + 2368]


def _sony_frame_8bit(plane: Vector) -> Vector:
    return eight_bit(_sony_frame(plane))


def _kaist_frame(plane: Vector) -> Vector:
    return resized_linear(1296, 2386)(plane[125 : 125 + 2592, 143 : 143 + 4736])


GOOGLE = Protocol(
    title="Google dual_pixels (Garg et al., ICCV 2019)",
    known="Central 512×384 of the 1008×756 truth, the code u = png/255 itself (not depth), confidence-weighted, ranks "
    "of all pixels by argsort of argsort, the larger ρ of the map and its negative. The code asks for a ridge of 1e-5 "
    "from a solver that, as it is called, ignores it; on 200,000 pixels no printed digit depends on it.",
    assumed="A map for the views of 2016×1512 is brought to the truth's pixels as means of 2×2.",
    dataset="google",
    truth_size=(1008, 756),
    unknown="weight 0",
    window=centre(512, 384),
    weighted=True,
    ridge=1e-5,
    rank="google",
)

PUNNAPPURATH = Protocol(
    title="DP-disp (Punnappurath et al., ICCP 2020)",
    known="Truth halved by MATLAB's bicubic, the window of patches of 111 px every 33 px, 100 px off every side, no "
    "weights, no mask (unknown pixels count as stored), one unweighted fit and five reweighted ones, dense ranks.",
    assumed="The halved truth is rounded to 8 bit once. The map is halved the same way, unrounded; theirs is an 8-bit "
    "file, and dense ranks depend on that rounding.",
    dataset="dp-disp",
    truth_size=DP_DISP,
    unknown="as stored",
    regrid_truth=_halved_bicubic_8bit,
    regrid_map=halved_bicubic,
    window=patches(55, border=100),
    steps=6,
    rank="dense",
)

KAIST = Protocol(
    title="DP-disp as KAIST scores it (SFBD)",
    known="Rows 125–2716 and columns 143–4878 brought bilinearly to 1296×2386, the window of patches counted from 1 in "
    "an array counted from 0, no border, every pixel weighs one, AI(2) fitted with C in place of √C, dense ranks.",
    assumed="2386 columns look like a slip for 2368; the released code has them. Its AI(2) also takes "
    "the residual to C·D, which differs from this one only for weights other than 0 and 1.",
    dataset="dp-disp",
    truth_size=DP_DISP,
    unknown="as stored",
    regrid_truth=_kaist_frame,
    regrid_map=_kaist_frame,
    window=patches(56),
    weighted=True,
    squared_fit=True,
    rank="dense",
)

KAIST_CMU = Protocol(
    title="CMU Pixel 4 as KAIST scores it (SFBD)",
    known="Truth on rows 252–1259 and columns 336–1679 of the capture, unknown pixels weigh 0 and still take a rank, "
    "AI(2) fitted with C in place of √C, dense ranks.",
    assumed="Nothing.",
    dataset="cmu",
    truth_size=(1008, 1344),
    truth_at=(slice(252, 1260), slice(336, 1680)),
    unknown="weight 0",
    weighted=True,
    squared_fit=True,
    rank="dense",
)

SONY = Protocol(
    title="DP-disp as Sony scores it (Kurita et al., WACV 2025)",
    known="Halved bilinearly to 1470×2590 in 8 bit, 1296×2368 from row 63 and column 72, the window of patches as in "
    "KAIST's code, every pixel weighs one and unknown truth is 0, AI(2) fitted with C in place of √C, dense ranks.",
    assumed="Frames are scored one at a time. The truth given is 1 − D/255.",
    dataset="dp-disp",
    truth_size=DP_DISP,
    unknown="zero",
    regrid_truth=_sony_frame_8bit,
    regrid_map=_sony_frame,
    window=patches(56),
    weighted=True,
    squared_fit=True,
    rank="dense",
)

CMU = Protocol(
    title="CMU Pixel 4 (Xin et al., ICCV 2021)",
    known="Truth on rows 252–1259 and columns 336–1679 of the capture, a defocus code over 255, 0 unknown.",
    assumed="Average ranks, unweighted: the convention of this project's own tables.",
    dataset="cmu",
    truth_size=(1008, 1344),
    truth_at=(slice(252, 1260), slice(336, 1680)),
)

DP119 = Protocol(
    title="DP119 (Sdirt), truth 1/Z",
    known="Depths of 0 and of 10 m and more are unknown.",
    assumed="Scored as inverse depth with the affine-invariant metrics and average ranks; the authors print abs-rel.",
    dataset="dp119",
)

KITTI = Protocol(
    title="KITTI depth, Eigen split (stereo-trained, metric)",
    known="Garg's crop, truth between 1 mm and 80 m, the map clipped to that range.",
    assumed="The map is in metres, on the pixels of the truth.",
    metrics=DEPTH,
    window=garg_crop,
    truth_range=(1e-3, 80.0),
    clamped=True,
)

KITTI_MEDIAN = Protocol(
    title="KITTI depth, Eigen split (monocular, median-scaled)",
    known="As kitti, after the map's median was brought to the truth's.",
    assumed="The map is a depth up to scale, on the pixels of the truth.",
    metrics=DEPTH,
    window=garg_crop,
    truth_range=(1e-3, 80.0),
    median_scaled=True,
    clamped=True,
)

KITTI_2015 = Protocol(
    title="KITTI 2015 stereo",
    known="D1: errors above 3 px and above 5 %; a true disparity of 0 is unknown.",
    assumed="The map is dense. The mean error (epe) stands beside D1 for reading, not for ranking.",
    metrics=("d1", "epe"),
    truth_range=(0.0, math.inf),
)

MIDDLEBURY = Protocol(
    title="Middlebury stereo, non-occluded",
    known="Truth that is infinite is unknown.",
    assumed="bad-2 and the mean error (epe) over the non-occluded pixels, given as `valid`; τ is in pixels of the "
    "truth that is given, so figures at quarter and at full resolution do not compare.",
    metrics=("bad2", "epe"),
)

PROTOCOLS: dict[str, Protocol] = {
    "google": GOOGLE,
    "dp-disp": PUNNAPPURATH,
    "kaist": KAIST,
    "kaist-cmu": KAIST_CMU,
    "sony": SONY,
    "cmu": CMU,
    "dp119": DP119,
    "kitti": KITTI,
    "kitti-median": KITTI_MEDIAN,
    "kitti-2015": KITTI_2015,
    "middlebury": MIDDLEBURY,
}
