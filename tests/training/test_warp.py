"""Sampling one view on the pixels of the other: sign, edges, gradients, and scipy's interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flat_scenes import flat, smooth_texture
from scipy.ndimage import map_coordinates

from training.camera import Camera
from training.optics import aperture
from training.stereo import stereo_pair
from training.warp import left_from_right, pyramid, right_from_left


def test_a_near_point_lies_farther_right_in_the_left_view_and_is_sampled_at_x_minus_d() -> None:
    """A point at x_left = 40, x_right = 34: d = 6 px."""
    left, right = torch.zeros(2, 1, 1, 4, 64)
    left[..., 40], right[..., 34] = 1.0, 1.0
    d = torch.full((1, 1, 4, 64), 6 / 64)
    torch.testing.assert_close(left_from_right(right, d), left, rtol=0, atol=1e-4)
    torch.testing.assert_close(right_from_left(left, d), right, rtol=0, atol=1e-4)
    assert float(left_from_right(right, -d)[..., 40].max()) < 1e-4


def test_the_left_view_of_a_rendered_wall_is_made_from_the_right_one_by_the_rendered_disparity() -> None:
    camera = Camera(aperture("ramp_disc"), torch.tensor([6.0]), torch.tensor([0.5]), torch.tensor([400.0]))
    pair = stereo_pair(flat(smooth_texture((64, 200), 3.0), 0.9), camera, torch.tensor([0.01]))
    fraction = pair.disparity / pair.left.shape[-1]
    seen = pair.occluded == 0
    made = left_from_right(pair.right, fraction)
    wrong = left_from_right(pair.right, -fraction)
    assert float((made - pair.left).abs()[seen.expand_as(made)].max()) < 0.01
    assert float((wrong - pair.left).abs()[seen.expand_as(made)].mean()) > 0.05


def test_warping_equals_scipys_linear_interpolation_with_the_edge_repeated() -> None:
    generator = np.random.default_rng(0)
    picture, d = generator.random((2, 3, 9, 31)), generator.uniform(-0.4, 0.4, (2, 1, 9, 31))
    found = left_from_right(torch.from_numpy(picture).float(), torch.from_numpy(d).float()).numpy()
    y, x = np.mgrid[:9, :31].astype(float)
    for b in range(2):
        for c in range(3):
            expected = map_coordinates(picture[b, c], [y, x - d[b, 0] * 31], order=1, mode="nearest")
            np.testing.assert_allclose(found[b, c], expected, atol=2e-5)


def test_gradient_to_the_disparity_is_minus_the_slope_of_the_right_view() -> None:
    ramp = (torch.arange(32.0) * 0.01).expand(1, 1, 3, 32)
    d = torch.full((1, 1, 3, 32), 2.5 / 32, requires_grad=True)
    left_from_right(ramp, d).sum().backward()
    assert d.grad is not None
    torch.testing.assert_close(d.grad[..., 4:], torch.full((1, 1, 3, 28), -0.01 * 32), rtol=1e-3, atol=0)
    assert float(d.grad[..., :2].abs().max()) == 0.0, "beyond the edge nothing changes"


def test_warping_in_bfloat16_autocast_still_finds_the_column() -> None:
    ramp = (torch.arange(512.0)).expand(1, 1, 1, 512)
    with torch.autocast("cpu", torch.bfloat16):
        found = left_from_right(ramp, torch.full((1, 1, 1, 512), 100.25 / 512))
    assert float(found[0, 0, 0, 400]) == pytest.approx(299.75, abs=0.01)


def test_pyramid_averages_blocks() -> None:
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    _, half, quarter = pyramid(picture, 3)
    assert half[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert quarter.item() == 7.5
