"""The front end against its formula, and the invariances it exists for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from runtime_py.captures.preprocess import preprocess, resize_to_width
from runtime_py.contract import Preprocess
from runtime_py.errors import ContractError

VIEW = np.random.default_rng(4).gamma(2.0, 0.1, (90, 120)).astype(np.float32)


def test_matches_the_formula_computed_with_another_box_filter() -> None:
    x = VIEW.astype(np.float64)
    g = np.log(x / x.mean() + 0.05)
    expected = np.clip(4 * (g - uniform_filter(g, 31, mode="mirror")), -3, 3)
    np.testing.assert_allclose(preprocess(VIEW, Preprocess()), expected, atol=2e-5)


def test_exposure_does_not_matter() -> None:
    np.testing.assert_allclose(preprocess(VIEW * 0.125, Preprocess()), preprocess(VIEW, Preprocess()), atol=1e-5)


def test_slow_vignetting_hardly_matters() -> None:
    ramp = np.linspace(1.0, 1.26, VIEW.shape[1], dtype=np.float32)
    inner = (slice(20, -20), slice(20, -20))
    difference = (preprocess(VIEW * ramp, Preprocess()) - preprocess(VIEW, Preprocess()))[inner]
    assert np.abs(difference).mean() < 0.05


def test_output_is_clipped_float32_and_noise_below_black_counts_as_black() -> None:
    dark = VIEW - 0.05
    out = preprocess(dark, Preprocess())
    assert out.dtype == np.float32
    assert np.abs(out).max() <= 3
    np.testing.assert_array_equal(out, preprocess(np.maximum(dark, 0), Preprocess()))


def test_a_black_view_is_refused() -> None:
    with pytest.raises(ContractError, match="black everywhere"):
        preprocess(np.zeros((20, 20), np.float32), Preprocess())


def test_shrinking_averages_areas_and_enlarging_interpolates() -> None:
    small = resize_to_width(VIEW, 40)
    np.testing.assert_allclose(small, VIEW.reshape(30, 3, 40, 3).mean((1, 3)), rtol=1e-5)
    ramp = np.tile(np.arange(8, dtype=np.float32), (4, 1))
    np.testing.assert_allclose(resize_to_width(ramp, 16)[0, 1:-1], np.arange(14) * 0.5 + 0.25, atol=1e-6)
    assert resize_to_width(np.zeros((1512, 2016)), 768).shape == (576, 768)
