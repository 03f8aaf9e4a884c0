"""The Sobel operator is scipy's; the gradient error is in units of the map per pixel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from runtime_py.errors import ContractError
from runtime_py.metrics import gradient_error, sobel

PLANE = np.random.default_rng(1).normal(size=(17, 23))


def test_sobel_is_scipys_in_both_directions() -> None:
    x, y = sobel(PLANE)
    np.testing.assert_allclose(x, ndimage.sobel(PLANE, axis=1, mode="nearest"), atol=1e-12)
    np.testing.assert_allclose(y, ndimage.sobel(PLANE, axis=0, mode="nearest"), atol=1e-12)


def test_the_gradient_error_of_a_slope_is_the_slope() -> None:
    rows, columns = np.indices((12, 14), np.float64)
    valid = np.zeros((12, 14), np.bool_)
    valid[2:9, 3:12] = True
    slanted = 0.3 * columns + 0.4 * rows
    assert gradient_error(slanted, np.zeros((12, 14)), valid=valid) == pytest.approx(0.5)
    assert gradient_error(PLANE + 7, PLANE) == pytest.approx(0, abs=1e-12), "an offset has no gradient"


def test_pixels_without_truth_do_not_reach_their_neighbours() -> None:
    truth, valid = PLANE.copy(), np.ones(PLANE.shape, np.bool_)
    truth[5, 5], valid[5, 5] = np.nan, False
    assert gradient_error(PLANE, truth, valid=valid) == pytest.approx(0, abs=1e-12)
    bumped = PLANE.copy()
    bumped[0, 0] += 8
    weight = np.zeros(PLANE.shape)
    weight[1, 1] = 2
    # The corner enters both kernels at (1, 1) with weight 1: a change of (8, 8)/8.
    assert gradient_error(bumped, truth, weight, valid=valid) == pytest.approx(np.sqrt(2))


def test_planes_of_other_shapes_are_refused() -> None:
    with pytest.raises(ContractError, match=r"shape \(3,\)"):
        sobel(np.zeros(3))
    with pytest.raises(ContractError, match="give one shape"):
        gradient_error(PLANE, PLANE[:-1])
    with pytest.raises(ContractError, match="no pixel carries weight"):
        gradient_error(PLANE, PLANE, valid=np.indices(PLANE.shape)[1] % 2 == 0)
