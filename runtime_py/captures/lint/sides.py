"""Which view is the left one.

Without truth this cannot be told. With point-spread functions that are mirror images, exchanging the views is *exactly*
the scene with its depth mirrored about the focus plane. Two cues by which a real capture might differ were measured on
sixteen real ones of six cameras, and neither keeps its sign:

* The ramp of log(left/right) along the axis (`gain.gain_ramp`). Two Pixels: +0.41 ± 0.02 (capture app) and +0.78 ± 0.04
  (dual_pixels); Pixel 4 without its white sheets: 0.00 to +0.12 ± 0.07 in three scenes, a field that bends instead of
  ramping; Canon R6 II: -0.01 to -0.08 in nine scenes; Canon 5D IV: +0.01 ± 0.01; Lytro: -0.01. The sign follows from
  whether the exit pupil lies nearer or further than the micro-lenses were set for, not from which view is the left one.
* Depth edges move with the nearer surface, so that the disparity on an edge should lie above the middle of its two
  sides. Matching windows of 9×9 px at 768 wide put it above by 2 to 6 standard errors in the three Pixel 4 scenes,
  below by 2 to 4 in three R6 II scenes, and undecided in the rest.
"""

from __future__ import annotations

import numpy as np

from runtime_py.captures.correspond import WIDTH
from runtime_py.captures.lint.evidence import ENOUGH, Evidence, Finding, nearness_at


def swapped(evidence: Evidence) -> Finding | None:
    """Shifts that run against the truth (correlation below −0.5); silent without truth, see above."""
    if not evidence.geometry or evidence.crossed:
        return None
    nearness = nearness_at(evidence.capture, evidence.matches.centres, WIDTH)
    known = np.isfinite(nearness)
    disparity = evidence.matches.shifts[known, 1]
    if int(known.sum()) < ENOUGH or nearness[known].std() == 0 or disparity.std() == 0:
        return None
    correlation = float(np.corrcoef(disparity, nearness[known])[0, 1])
    if correlation >= -0.5:
        return None
    text = "left minus right falls where the truth is nearer: the views seem to be swapped; exchange the two files"
    return Finding("swapped", correlation, "correlation", text)
