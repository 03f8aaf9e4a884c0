"""Flow-warped error: zero where motion explains everything, and exactly the change where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from runtime_py.errors import ContractError
from runtime_py.metrics import flow_warped_error
from runtime_py.metrics.temporal import warp_back

RNG = np.random.default_rng(2)


def test_the_warp_is_scipys_linear_interpolation() -> None:
    image, flow = RNG.random((20, 30, 2)), RNG.normal(0, 4, (20, 30, 2))
    rows, columns = np.indices((20, 30))
    got, inside = warp_back(image, flow)
    places = np.stack([rows + flow[..., 1], columns + flow[..., 0]])
    for c in range(2):
        expected = ndimage.map_coordinates(image[..., c], places, order=1)
        np.testing.assert_allclose(got[inside, c], expected[inside], atol=1e-12)
    within = (places[0] >= 0) & (places[0] <= 19) & (places[1] >= 0) & (places[1] <= 29)
    np.testing.assert_array_equal(inside, within)


@settings(max_examples=30, deadline=None)
@given(st.integers(-4, 4), st.integers(-3, 3))
def test_a_pan_with_its_flow_has_no_error_and_without_it_some(right: int, down: int) -> None:
    still = np.random.default_rng(0).random((60, 60))
    views = [still[20 - t * down : 50 - t * down, 20 - t * right : 50 - t * right] for t in range(3)]
    frames_THW = np.stack(views)
    flow_THWF = np.broadcast_to(np.array([right, down], float), (2, 30, 30, 2))
    got = flow_warped_error(frames_THW, flow_THWF, layout="THW", flow_layout="THWF")
    assert got.mean == pytest.approx(0, abs=1e-12)
    if right or down:
        assert flow_warped_error(frames_THW, 0 * flow_THWF, layout="THW", flow_layout="THWF").mean > 0.1


def test_a_flash_in_one_view_is_that_views_error() -> None:
    frames_TVHW = np.full((3, 2, 8, 9), 0.5)
    frames_TVHW[1, 1] += 0.25
    got = flow_warped_error(frames_TVHW, np.zeros((2, 2, 8, 9, 2)), layout="TVHW")
    assert got.per_view == pytest.approx([0, 0.25])
    assert got.worst == (1, pytest.approx(0.25))
    assert got.mean == pytest.approx(0.125)


def test_masked_pixels_and_points_that_leave_the_frame_do_not_count() -> None:
    frames_THW = np.zeros((2, 1, 4))
    frames_THW[1] = [1, 2, 4, 8]
    flow = np.array([[0, 1, 1, 1.5]])[None, ..., None] * np.array([1.0, 0.0])
    # Places 0, 2, 3 and 4.5: samples 1, 4, 8, and one outside.
    options = {"layout": "THW", "flow_layout": "THWF"}
    assert flow_warped_error(frames_THW, flow, **options).mean == pytest.approx((1 + 4 + 8) / 3)
    valid = np.array([1, 0, 3, 1.0]).reshape(1, 1, 1, 4)
    assert flow_warped_error(frames_THW, flow, valid, **options).mean == pytest.approx((1 + 3 * 8) / 4)


def test_shapes_that_do_not_fit_are_refused() -> None:
    frames_TVHWC = np.zeros((3, 1, 6, 8, 3))
    with pytest.raises(ContractError, match=r"needs a flow of \(2, 1, 6, 8, 2\); this one is \(3, 1, 6, 8, 2\)"):
        flow_warped_error(frames_TVHWC, np.zeros((3, 1, 6, 8, 2)))
    with pytest.raises(ContractError, match=r"this one is \(2, 1, 2, 6, 8\)"):
        flow_warped_error(frames_TVHWC, np.zeros((2, 1, 2, 6, 8)))
    assert flow_warped_error(frames_TVHWC, np.zeros((2, 1, 2, 6, 8)), flow_layout="TVFHW").mean == 0
    with pytest.raises(ContractError, match=r"valid is \(2, 6, 8\)"):
        flow_warped_error(frames_TVHWC, np.zeros((2, 1, 6, 8, 2)), np.ones((2, 6, 8)))
    with pytest.raises(ContractError, match="view 0 has no pixel"):
        flow_warped_error(frames_TVHWC, np.full((2, 1, 6, 8, 2), 99.0))
