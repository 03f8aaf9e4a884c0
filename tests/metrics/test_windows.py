"""Windows and grids of the protocols against their counting rules, MATLAB's written from 1, and scipy's filters."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from runtime_py.errors import ContractError
from runtime_py.metrics.windows import (
    centre,
    eight_bit,
    garg_crop,
    halved_bicubic,
    halved_linear,
    patches,
    resized_linear,
)


def _ends(window: tuple[slice, slice]) -> tuple[int, int, int, int]:
    rows, columns = window
    return rows.start, rows.stop, columns.start, columns.stop


def test_googles_crop_leaves_the_same_margin_on_both_sides() -> None:
    assert _ends(centre(512, 384)(1008, 756)) == (248, 760, 186, 570)
    with pytest.raises(ContractError, match=r"756×300 .* does not fit the central 512×384"):
        centre(512, 384)(756, 300)


@settings(max_examples=60, deadline=None)
@given(st.integers(330, 1600), st.sampled_from([0, 20]))
def test_the_patch_window_follows_its_counting_rule(size: int, border: int) -> None:
    """In MATLAB, from 1: centres m+1, m+1+s, … ≤ size − m, and half a stride around the first and the last."""
    m, s, half = 55, 33, 16
    centres = list(range(m + 1, size - m + 1, s))
    kept = np.arange(centres[0] - half, centres[-1] + half + 1)  # numbers from 1
    kept = kept[border : len(kept) - border] - 1
    assert _ends(patches(55, border=border)(size, size))[:2] == (kept[0], kept[-1] + 1)
    # KAIST keeps m + 1 although numpy counts from 0, so its centres are m+1, … < size − m, from 0.
    ported = list(range(m + 1, size - m, s))
    assert _ends(patches(56)(size, size))[:2] == (ported[0] - half, ported[-1] + half + 1)


def test_the_patch_window_of_dp_disp_is_known() -> None:
    assert _ends(patches(55, border=100)(1470, 2590)) == (139, 1325, 139, 2447)
    assert _ends(patches(56)(1296, 2386)) == (40, 1228, 40, 2317)
    with pytest.raises(ContractError, match="does not fit patches of 111 px"):
        patches(55, border=100)(200, 400)


def test_gargs_crop_of_a_kitti_frame() -> None:
    """Meant are rows 151–367 and columns 44–1180; two of the four printed fractions fall short and are rounded down."""
    assert [round(x, 4) for x in (0.40810811 * 370, 0.99189189 * 370, 0.03594771 * 1224)] == [151, 367, 44]
    assert _ends(garg_crop(370, 1224)) == (151, 366, 43, 1180)
    assert _ends(garg_crop(375, 1242)) == (153, 371, 44, 1197)


def test_halving_is_matlabs_bicubic() -> None:
    """Keys' kernel at half frequency, evaluated here as a function and applied by scipy."""

    def keys(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        return np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))

    taps = keys(np.arange(-3.5, 4) / 2)
    taps /= taps.sum()
    plane = np.random.default_rng(0).random((20, 34))
    expected = plane
    for axis in (0, 1):
        # An even kernel: scipy centres it on tap 4, which lies on pixel 2i + 1.
        filtered = ndimage.correlate1d(expected, taps, axis=axis, mode="reflect")
        expected = np.take(filtered, np.arange(1, plane.shape[axis], 2), axis)
    np.testing.assert_allclose(halved_bicubic(plane), expected, atol=1e-12)
    ramp = np.tile(np.arange(40.0), (40, 1))
    np.testing.assert_allclose(halved_bicubic(ramp)[:, 2:-2], (ramp[::2, ::2] + 0.5)[:20, 2:-2], atol=1e-12)


def test_linear_grids_are_opencvs() -> None:
    plane = np.random.default_rng(1).random((24, 36))
    np.testing.assert_allclose(halved_linear(plane), cv2.resize(plane, (18, 12)), atol=1e-12)
    np.testing.assert_allclose(resized_linear(11, 19)(plane), cv2.resize(plane, (19, 11)), atol=1e-12)
    with pytest.raises(ContractError, match="even sizes"):
        halved_linear(plane[:-1])
    stored = np.random.default_rng(2).integers(0, 256, (24, 36)).astype(np.uint8)
    np.testing.assert_array_equal(eight_bit(halved_linear(stored / 255)) * 255, cv2.resize(stored, (18, 12)))
