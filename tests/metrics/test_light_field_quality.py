"""PSNR and SSIM against OpenCV, the formula of the paper by Gaussian filtering, and hand-computed values; per view."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from runtime_py.errors import ContractError
from runtime_py.metrics import psnr, score_views, ssim

RNG = np.random.default_rng(4)
TRUTH = ndimage.gaussian_filter(RNG.random((40, 50)), 1.5)
NOISY = TRUTH + RNG.normal(0, 0.05, TRUTH.shape)


def wang(p: NDArray[np.float64], d: NDArray[np.float64], data_range: float) -> float:
    """Equation 13 with scipy's Gaussian, whose radius of 5 makes the 11×11 window; borders cut off."""

    def blur(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndimage.gaussian_filter(x, 1.5, radius=5))[5:-5, 5:-5]

    mp, md = blur(p), blur(d)
    vp, vd, cov = blur(p * p) - mp**2, blur(d * d) - md**2, blur(p * d) - mp * md
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return float(np.mean((2 * mp * md + c1) * (2 * cov + c2) / ((mp**2 + md**2 + c1) * (vp + vd + c2))))


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_ssim_is_the_papers(data_range: float) -> None:
    p, d = NOISY * data_range, TRUTH * data_range
    assert ssim(p, d, data_range=data_range) == pytest.approx(wang(p, d, data_range), abs=1e-12)


def test_one_window_of_ssim_by_its_sums() -> None:
    p, d = NOISY[:11, :11], TRUTH[:11, :11]
    y, x = np.indices((11, 11)) - 5
    w = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    w /= w.sum()
    mp, md = (w * p).sum(), (w * d).sum()
    vp, vd, cov = (w * (p - mp) ** 2).sum(), (w * (d - md) ** 2).sum(), (w * (p - mp) * (d - md)).sum()
    expected = (2 * mp * md + 1e-4) * (2 * cov + 9e-4) / ((mp**2 + md**2 + 1e-4) * (vp + vd + 9e-4))
    assert ssim(p, d, data_range=1) == pytest.approx(expected, rel=1e-12)


def test_ssim_of_colours_is_the_mean_over_channels() -> None:
    p, d = (np.stack([a, a**2, 1 - a], axis=-1) for a in (NOISY, TRUTH))
    expected = np.mean([wang(p[..., c], d[..., c], 1) for c in range(3)])
    assert ssim(p, d, data_range=1) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_ssim_is_symmetric_at_most_one_and_one_for_equal_images(seed: int) -> None:
    a, b = np.random.default_rng(seed).random((2, 14, 17))
    assert ssim(a, b, data_range=1) == pytest.approx(ssim(b, a, data_range=1), abs=1e-12)
    assert -1 <= ssim(a, b, data_range=1) < 1
    assert ssim(a, a, data_range=1) == pytest.approx(1, abs=1e-12)
    assert ssim(200 * a, 200 * b, data_range=200) == pytest.approx(ssim(a, b, data_range=1), abs=1e-9)


def test_psnr_is_opencvs_and_does_not_wrap_around() -> None:
    p, d = (np.clip(a * 255, 0, 255).astype(np.uint8) for a in (NOISY, TRUTH))
    assert psnr(p, d, data_range=255) == pytest.approx(cv2.PSNR(p, d), abs=1e-9)
    assert psnr(np.uint8([[0]]), np.uint8([[255]]), data_range=255) == 0
    assert psnr(d, d, data_range=255) == float("inf")
    assert psnr(TRUTH + 0.1, TRUTH, data_range=1) == pytest.approx(20), "an error of a tenth is 20 dB"


def test_every_view_has_its_figure_and_the_worst_is_named() -> None:
    truth = np.stack([np.roll(TRUTH, k, 1) for k in range(6)]).reshape(2, 3, *TRUTH.shape)
    noise = RNG.normal(0, 1, truth.shape) * np.array([[0.01, 0.02, 0.03], [0.04, 0.2, 0.05]])[..., None, None]
    got = score_views(truth + noise, truth, data_range=1, layout="UVHW")
    assert got["psnr"].views == ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))
    assert got["psnr"].worst == ((1, 1), pytest.approx(psnr(truth[1, 1] + noise[1, 1], truth[1, 1], data_range=1)))
    assert got["ssim"].worst[0] == (1, 1)
    each = [ssim(truth[u, v] + noise[u, v], truth[u, v], data_range=1) for u in range(2) for v in range(3)]
    assert got["ssim"].values == pytest.approx(each)
    assert got["ssim"].mean == pytest.approx(np.mean(each))


def test_views_in_another_layout_have_the_same_figures() -> None:
    truth_UVHWC = RNG.random((2, 2, 13, 15, 3))
    other_UVHWC = truth_UVHWC + RNG.normal(0, 0.1, truth_UVHWC.shape)
    expected = score_views(other_UVHWC, truth_UVHWC, data_range=1)
    moved = [np.transpose(a, (4, 0, 3, 1, 2)) for a in (other_UVHWC, truth_UVHWC)]
    got = score_views(moved[0], moved[1], data_range=1, layout="CUWVH")
    assert got["psnr"].values == pytest.approx(expected["psnr"].values)
    assert got["ssim"].values == pytest.approx(expected["ssim"].values)


def test_images_that_cannot_be_compared_are_refused() -> None:
    image = np.zeros((12, 12))
    with pytest.raises(ContractError, match=r"at least 11×11; these are \(10, 12\)"):
        ssim(image[:10], image[:10], data_range=1)
    with pytest.raises(ContractError, match=r"the prediction is \(12, 12\) and the truth \(12, 11\)"):
        psnr(image, image[:, :11], data_range=1)
    with pytest.raises(ContractError, match="data range is 0"):
        psnr(image, image, data_range=0)
    with pytest.raises(ContractError, match="NaN"):
        ssim(image * np.nan, image, data_range=1)
    with pytest.raises(ContractError, match="2 axes, and its layout 'UVHW' names 4"):
        score_views(image, image, data_range=1, layout="UVHW")
    with pytest.raises(ContractError, match="layout 'UUHW' of the prediction is not made of letters of 'UVHWC'"):
        score_views(image, image, data_range=1, layout="UUHW")
