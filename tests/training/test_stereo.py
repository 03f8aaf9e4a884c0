"""The stereo pair against matching by other means, against the dual pixels of one camera, and against itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_scenes import flat, layered, smooth_texture
from scipy.ndimage import map_coordinates

from benchmarks.block_matching import matched_disparity
from training.camera import Camera
from training.data.sample import check
from training.optics import aperture
from training.render import render_pair
from training.scenes import Scene
from training.stereo import StereoPair, stereo_pair, stereo_sample

FOCAL, SLOPE, FOCUS = 400.0, 6.0, 0.5


def camera() -> Camera:
    return Camera(aperture("ramp_disc"), torch.tensor([SLOPE]), torch.tensor([FOCUS]), torch.tensor([FOCAL]))


def baseline(px_per_inverse_metre: float) -> torch.Tensor:
    return torch.tensor([px_per_inverse_metre / FOCAL])


def green(pair: StereoPair) -> tuple[np.ndarray, np.ndarray]:
    return pair.left[0, 1].numpy(), pair.right[0, 1].numpy()


@pytest.mark.parametrize("inverse_depth", [0.0, 0.31, 0.9, 2.05])
@pytest.mark.parametrize("in_focus", [True, False])
def test_matching_finds_the_stereo_disparity(inverse_depth: float, in_focus: bool) -> None:
    pair = stereo_pair(flat(smooth_texture((64, 200), 3.0), inverse_depth), camera(), baseline(4.0), in_focus)
    assert matched_disparity(*green(pair)) == pytest.approx(4.0 * inverse_depth, abs=0.02)
    torch.testing.assert_close(
        pair.disparity, torch.full_like(pair.disparity, 4.0 * inverse_depth), rtol=1e-5, atol=1e-6
    )


def test_matching_finds_the_disparity_of_every_row_of_a_slanted_wall() -> None:
    rows = torch.linspace(0.2, 1.8, 120)[:, None].expand(120, 200)
    wall = Scene(smooth_texture((120, 200), 2.0)[None, None], torch.ones(1, 1, 120, 200), rows[None, None].contiguous())
    pair = stereo_pair(wall, camera(), baseline(4.0))
    for row in range(2, 68, 5):
        left, right = (view[row : row + 3] for view in green(pair))
        assert matched_disparity(left, right) == pytest.approx(float(pair.disparity[0, 0, row + 1, 50]), abs=0.05)


def test_dual_pixel_disparity_is_the_stated_affine_map_of_stereo_disparity() -> None:
    """d = a·D + b with a = α·slope/(focal·baseline) and b = -α·slope·focus, both disparities measured."""
    alpha, stereo = float(camera().alpha), 4.0
    for inverse_depth in (0.05, 0.35, 0.8, 1.4):
        wall = flat(smooth_texture((64, 240), 6.0), inverse_depth)
        rendered = render_pair(wall, camera())
        found = matched_disparity(rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy())
        apart = matched_disparity(*green(stereo_pair(wall, camera(), baseline(stereo))))
        assert found == pytest.approx(alpha * SLOPE / stereo * apart - alpha * SLOPE * FOCUS, abs=0.05)


def room() -> Scene:
    """Two boxes, one before the other, before a wall that is slanted along the baseline."""
    size = (80, 200)
    near, nearer = torch.zeros(size), torch.zeros(size)
    near[20:60, 60:110], nearer[36:70, 90:140] = 1.0, 1.0
    scene = layered(
        (smooth_texture(size, 2.0), torch.ones(size), 0.0),
        (smooth_texture(size, 2.0, seed=1), near, 1.1),
        (smooth_texture(size, 2.0, seed=2), nearer, 1.93),
    )
    wall = (0.3 + 0.002 * torch.arange(200.0)).expand(size)
    return replace(scene, inverse_depth=torch.cat([wall[None, None], scene.inverse_depth[:, 1:]], 1))


def test_right_picture_shows_at_the_disparity_what_the_left_one_does_where_it_is_not_occluded() -> None:
    pair = stereo_pair(room(), camera(), baseline(7.0))
    left, right = green(pair)
    y, x = np.mgrid[: left.shape[0], : left.shape[1]]
    disparity = pair.disparity[0, 0].numpy()
    seen = map_coordinates(right, [y, x - disparity], order=3, mode="nearest")
    sees = map_coordinates(pair.right_disparity[0, 0].numpy(), [y, x - disparity], order=0, mode="nearest")
    occluded = pair.occluded[0, 0].numpy() > 0
    # Beside an edge the neighbours, of which a pixel is interpolated, belong to another surface.
    safe = ~np.pad(np.abs(np.diff(disparity, axis=1)) > 0.5, ((0, 0), (0, 1)))
    for step in (-3, -2, -1, 1, 2, 3):
        safe &= ~np.roll(np.abs(sees - disparity) > 0.5, step, axis=1) | occluded
    clear, hidden = ~occluded & safe, pair.hidden[0, 0].numpy() > 0
    assert clear.mean() > 0.8
    assert hidden.sum() > 200
    np.testing.assert_allclose(seen[clear], left[clear], atol=0.02)
    np.testing.assert_allclose(sees[clear], disparity[clear], atol=0.02)
    assert (
        np.median(sees[hidden & (pair.inside[0, 0].numpy() > 0)] - disparity[hidden & (pair.inside[0, 0].numpy() > 0)])
        > 1.0
    )


def test_points_beyond_the_edge_of_the_right_picture_are_not_inside() -> None:
    pair = stereo_pair(flat(smooth_texture((64, 100), 2.0), 1.5), camera(), baseline(5.0))
    expected = torch.ones_like(pair.inside)
    expected[..., :8] = 0.0  # 7.5 px from the edge and less
    torch.testing.assert_close(pair.inside, expected, rtol=0, atol=0)
    assert float(pair.hidden.max()) == 0.0


def test_sample_of_a_pair_keeps_the_contract() -> None:
    colour = torch.rand(1, 3, 3, 80, 200)
    scene = replace(room(), texture=colour[:, :, 1], colour=colour)
    sample = check(stereo_sample(scene, camera(), baseline(7.0)))
    assert sample.pair == "stereo"
    assert sample.rgb is not None
    torch.testing.assert_close(sample.left[:, 0], sample.rgb[:, 1], rtol=0, atol=0)
    assert sample.depth is not None
    torch.testing.assert_close(sample.disparity * sample.depth, torch.full_like(sample.depth, 7.0), rtol=1e-5, atol=0)
