"""Checks of the light in a capture: exposure, black level, saturation, bit depth, and that there are two views."""

from __future__ import annotations

import numpy as np

from runtime_py.captures.lint.evidence import Evidence, Finding


def exposure(evidence: Evidence) -> Finding | None:
    """Views more than 35 % apart in mean: vignetting alone was seen to give up to 26 %."""
    left, right = (max(float(v.mean()), 1e-9) for v in (evidence.capture.left, evidence.capture.right))
    ratio = left / right
    if 1 / 1.35 <= ratio <= 1.35:
        return None
    text = "the views differ in exposure or gain beyond what vignetting does; check that both come from one exposure"
    return Finding("exposure", ratio, "left/right", text)


def black_level(evidence: Evidence) -> Finding | None:
    """A floor under the light: the darkest 0.1 % above 4 % of the brightest, with hardly anything just above it.

    Of the logarithmic range from the 0.1 % to the 99 % point, the part below the 1 % point is under 10 %; the range
    itself is over a factor of 3, since a wall in even light has no blacks either. Sound captures of the public
    datasets have floors up to 2.4 %; a level of 64 in 1023 left in makes 6 to 18 %, and tails of 0.5 to 8 %
    in all but one of them. A scene without a single dark corner cannot be judged, and is not.
    """
    dark, low, bright, top = (float(v) for v in np.percentile(evidence.capture.left, (0.1, 1, 99, 99.9)))
    if dark < 0.04 * top or dark <= 0 or bright < 3 * dark or np.log(low / dark) > 0.1 * np.log(bright / dark):
        return None
    text = "no pixel comes near black although the scene has contrast: the sensor's black level seems to be left in"
    return Finding("black-level", dark, "of white", f"{text}; give it as 'black' in capture.json")


def saturation(evidence: Evidence) -> Finding | None:
    """More than 1 % of a view piled up at its brightest value."""
    shares = []
    for view in (evidence.capture.left, evidence.capture.right):
        top = float(view.max())
        shares.append(float((view >= 0.995 * top).mean()) if top > 0.5 else 0.0)
    share = max(shares)
    if share <= 0.01:
        return None
    return Finding("saturation", share, "of pixels", "highlights are clipped: expect no disparity there; expose less")


def levels(evidence: Evidence) -> Finding | None:
    """At most 256 distinct values in a file of more than 8 bit that spans over three times as many.

    A tone curve moves values and makes none, so 8-bit data are found under any curve; once resized or filtered they
    are not.
    """
    capture = evidence.capture
    if capture.bit_depth <= 8:
        return None
    distinct = int(np.unique(capture.left).size) if capture.levels is None else capture.levels
    span = float(capture.left.max() - capture.left.min()) * (2**capture.bit_depth - 1)
    if distinct > 256 or span < 3 * distinct:
        return None
    text = f"the {capture.bit_depth}-bit file holds {distinct} distinct values: 8-bit data, perhaps with a tone curve"
    return Finding("levels", distinct, "values", f"{text}; give the 8-bit original, or 'gamma' in capture.json")


def identical(evidence: Evidence) -> Finding | None:
    """Views equal to the last bit."""
    if not np.array_equal(evidence.capture.left, evidence.capture.right):
        return None
    return Finding("identical", 0.0, "difference", "both views are the same picture: the capture holds no disparity")
