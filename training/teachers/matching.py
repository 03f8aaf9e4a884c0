"""What every classical matcher needs around it: agreement of both views, holes filled, a working width."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.preprocess import resize_to_width
from runtime_py.errors import CaptureError
from training.teachers.teacher import Label

Plane = NDArray[np.float32]

Matcher = Callable[[Plane, Plane], Plane]
"""Two linear views (H, W) to x_left - x_right in their pixels, NaN where nothing was found."""

MEDIAN = 5
"""Side of the median that takes away lone wrong pixels, and steps along the borders of filled holes."""


def matched(matcher: Matcher, left: Plane, right: Plane, width: int, tolerance: float) -> Label:
    """The label of a horizontal pair, matched at `width` px or at its own width where that is less.

    Pixels at which the disparities of both views differ by more than `tolerance` px (of the matched width) count as
    holes. Raises CaptureError where the views agree nowhere.
    """
    import cv2

    height, full = left.shape
    scale = min(1.0, width / full)
    if scale < 1:
        left, right = (resize_to_width(view, width) for view in (left, right))
    disparity = matcher(left, right)
    agreement = left_right_agreement(disparity, _from_right(matcher, left, right), tolerance)
    filled = fill_from_farther(disparity, agreement > 0)
    smooth = np.asarray(cv2.medianBlur(filled, MEDIAN), np.float32)
    if scale < 1:
        smooth, agreement = (_enlarged(plane, (height, full)) for plane in (smooth, agreement))
    return Label(smooth * np.float32(full / left.shape[1]), agreement)


def left_right_agreement(disparity: Plane, from_right: Plane, tolerance: float) -> Plane:
    """1 - |d_left(x) - d_right(x - d_left(x))| / tolerance, clipped to 0..1; float32 (H, W).

    `from_right` is x_left - x_right on the pixels of the right view. 0 where either is NaN or the match lies outside.
    """
    width = disparity.shape[1]
    target = np.rint(np.arange(width) - np.nan_to_num(disparity)).astype(np.intp)
    other = np.take_along_axis(from_right, target.clip(0, width - 1), axis=1)
    agreement = np.clip(1 - np.abs(disparity - other) / tolerance, 0, 1)
    inside = (target >= 0) & (target < width)
    return np.where(inside & np.isfinite(agreement), agreement, 0).astype(np.float32)


def fill_from_farther(disparity: Plane, known: NDArray[np.bool_]) -> Plane:
    """Holes take the smaller disparity of the nearest known pixels to the left and right: what is hidden is behind.

    Rows without any known pixel are copied from the nearest row that has one. Raises CaptureError when nothing is
    known anywhere.
    """
    rows = np.flatnonzero(known.any(axis=1))
    if not len(rows):
        raise CaptureError("the disparities of the left and the right view agree nowhere; is it a pair at all?")
    columns = np.arange(disparity.shape[1])
    last = columns[-1] + 1
    before = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, columns, last)[:, ::-1], axis=1)[:, ::-1]
    found = np.where(known, disparity, 0)
    from_left = np.where(before >= 0, np.take_along_axis(found, before.clip(0), axis=1), np.inf)
    from_right = np.where(after < last, np.take_along_axis(found, after.clip(max=last - 1), axis=1), np.inf)
    filled = np.where(known, disparity, np.minimum(from_left, from_right)).astype(np.float32)
    middle = (rows[:-1] + rows[1:]) / 2
    return np.ascontiguousarray(filled[rows[np.searchsorted(middle, np.arange(len(filled)))]])


def _from_right(matcher: Matcher, left: Plane, right: Plane) -> Plane:
    """x_left - x_right on the right view's pixels: in a mirror the right view is a left one."""
    mirrored = matcher(np.ascontiguousarray(right[:, ::-1]), np.ascontiguousarray(left[:, ::-1]))
    return mirrored[:, ::-1]


def _enlarged(plane: Plane, size: tuple[int, int]) -> Plane:
    import cv2

    return np.asarray(cv2.resize(plane, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.float32)
