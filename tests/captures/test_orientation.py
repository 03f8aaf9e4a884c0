"""Turning a portrait capture must neither swap the views nor the sign."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.correspond import correspond
from runtime_py.captures.orientation import as_stored, views


def _vertical(disparity: float) -> DPCapture:
    """Views of a fronto-parallel plane, y_left - y_right = `disparity`."""
    texture = gaussian_filter(np.random.default_rng(3).random((768, 576)), 2)
    texture = ((texture - texture.min()) / np.ptp(texture)).astype(np.float32)
    left, right = (shift(texture, (s * disparity / 2, 0), order=1, mode="nearest") for s in (1, -1))
    return DPCapture("plane", "plain", left, right, dp_axis="vertical")


def test_turning_counter_clockwise_keeps_left_right_and_sign() -> None:
    for disparity in (3.0, -2.0):
        matches = correspond(*views(_vertical(disparity)))
        assert len(matches) > 100
        np.testing.assert_allclose(np.median(matches.shifts, axis=0), [0, disparity], atol=0.1)


def test_turning_clockwise_would_negate_disparity() -> None:
    capture = _vertical(3.0)
    clockwise = [np.ascontiguousarray(np.rot90(v, -1)) for v in (capture.left, capture.right)]
    np.testing.assert_allclose(np.median(correspond(*clockwise).shifts, axis=0), [0, -3], atol=0.1)


def test_a_map_comes_back_to_the_pixels_it_belongs_to() -> None:
    capture = _vertical(1.0)
    np.testing.assert_array_equal(as_stored(capture, views(capture)[0]), capture.left)


def test_real_portrait_capture_is_nearer_where_disparity_is_larger(captures_root) -> None:  # type: ignore[no-untyped-def]
    from runtime_py.captures.datasets import scenes
    from runtime_py.captures.lint import CHECKS, Evidence

    capture = next(scenes("google", captures_root))
    swapped = CHECKS["swapped"]
    assert swapped(Evidence(capture)) is None
    exchanged = DPCapture("x", "x", capture.right, capture.left, dp_axis="vertical", truth=capture.truth)
    finding = swapped(Evidence(exchanged))
    assert finding is not None
    assert finding.value < -0.5
