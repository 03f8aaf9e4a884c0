"""Four metrics that the first paper's released code got wrong: each law rejects the wrong version and holds for ours.

The wrong versions are written here from their description; `holds` is the law, a fact that needs neither version.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from runtime_py.metrics import affine_invariant_1, affine_invariant_2, flow_warped_error, sobel, ssim

Plane = NDArray[np.float64]


def _texture(*shape: int, seed: int = 0) -> Plane:
    noise = np.random.default_rng(seed).random(shape)
    return np.asarray(ndimage.gaussian_filter(noise, [1.0 if n > 4 else 0.0 for n in shape]))


# 1. "Affine-invariant" errors without the affine fit.


def ignores_scale_and_offset(metric: Callable[[Plane, Plane], float]) -> bool:
    truth = _texture(40, 50)
    prediction = truth + 0.1 * _texture(40, 50, seed=1)
    wanted = metric(prediction, truth)
    return all(abs(metric(a * prediction + b, truth) - wanted) < 1e-6 for a, b in ((3, 0), (1, 5), (-2, 1)))


def mean_absolute_error(prediction: Plane, truth: Plane) -> float:
    return float(np.mean(np.abs(prediction - truth)))


def root_mean_squared_error(prediction: Plane, truth: Plane) -> float:
    return float(np.sqrt(np.mean((prediction - truth) ** 2)))


def test_an_affine_invariant_error_fits_before_it_measures() -> None:
    assert ignores_scale_and_offset(affine_invariant_1)
    assert ignores_scale_and_offset(affine_invariant_2)
    assert not ignores_scale_and_offset(mean_absolute_error)
    assert not ignores_scale_and_offset(root_mean_squared_error)


# 2. An "SSIM" that is (1 + SSIM)/2.


def is_the_published_ssim(similarity: Callable[[Plane, Plane], float]) -> bool:
    """Values that follow from equation 13 by hand: flat images leave only luminance, a negative only structure."""
    low, high = np.full((16, 16), 0.2), np.full((16, 16), 0.6)
    flat = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    checkers = np.indices((32, 32)).sum(axis=0) % 2.0
    return abs(similarity(low, high) - flat) < 1e-12 and similarity(checkers, 1 - checkers) < -0.95


def test_ssim_is_not_half_of_one_plus_ssim() -> None:
    def right(a: Plane, b: Plane) -> float:
        return ssim(a, b, data_range=1)

    assert is_the_published_ssim(right)
    assert not is_the_published_ssim(lambda a, b: (1 + right(a, b)) / 2)


# 3. A temporal metric that reshapes channel-first frames where it should move their axes.


def a_pan_with_its_true_flow_does_not_flicker(error_of: Callable[[Plane, Plane], float]) -> bool:
    """`error_of` takes frames (T, V, C, H, W); the camera pans by (2, 1) px per frame over a still texture."""
    still = _texture(3, 40, 60)
    frames_TVCHW = np.stack([still[None, :, t : t + 30, 2 * t : 2 * t + 44] for t in range(4)])
    flow_TVHWF = np.broadcast_to([-2.0, -1.0], (3, 1, 30, 44, 2))
    return error_of(frames_TVCHW, flow_TVHWF) < 1e-9


def test_frames_are_transposed_never_reshaped() -> None:
    def right(frames: Plane, flow: Plane) -> float:
        return flow_warped_error(frames, flow, layout="TVCHW").mean

    def reshaped(frames_TVCHW: Plane, flow: Plane) -> float:
        T, V, C, H, W = frames_TVCHW.shape
        return flow_warped_error(frames_TVCHW.reshape(T, V, H, W, C), flow).mean

    assert a_pan_with_its_true_flow_does_not_flicker(right)
    assert not a_pan_with_its_true_flow_does_not_flicker(reshaped)


# 4. A "Sobel-y" that is not Sobel.

NOT_SOBEL_Y = {
    "the kernel of x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "Prewitt": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "one sign wrong": [[-1, -2, -1], [0, 0, 0], [1, 2, -1]],
    "a column of x left": [[-1, -2, 1], [0, 0, 0], [1, 2, -1]],
}


def is_sobel_y(derivative: Callable[[Plane], Plane]) -> bool:
    plane = _texture(30, 40)
    down = np.tile(np.arange(20.0)[:, None], (1, 20))
    on_ramps = derivative(down)[5, 5], derivative(down.T)[5, 5]
    return on_ramps == (8, 0) and bool(np.allclose(derivative(plane), ndimage.sobel(plane, axis=0, mode="nearest")))


@pytest.mark.parametrize("name", NOT_SOBEL_Y)
def test_sobel_y_is_the_transpose_of_sobel_x(name: str) -> None:
    assert is_sobel_y(lambda plane: sobel(plane)[1])
    assert is_sobel_y(lambda plane: sobel(plane.T)[0].T)
    assert not is_sobel_y(lambda plane: ndimage.correlate(plane, np.array(NOT_SOBEL_Y[name], float), mode="nearest"))
