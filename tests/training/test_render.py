"""The renderer against matching by other means, closed forms of a defocused disc, and what an opaque object does."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from aperture_formulas import grid_weights
from flat_scenes import flat, layered, seen_through, smooth_texture

from benchmarks.block_matching import matched_disparity, phase_disparity
from benchmarks.psf_matching import modelled_disparity
from training.camera import random_camera
from training.optics import PSF_FAMILIES, aperture
from training.render import front_most, render_pair
from training.scenes import Scene

FAMILIES = list(PSF_FAMILIES)
SIZE = (48, 64)


def point_at_centre(coc: float, family: str = "half_disc") -> tuple[np.ndarray, np.ndarray]:
    """Both views (H, W) of one bright pixel at index (24, 32)."""
    point = torch.zeros(SIZE)
    point[24, 32] = 1.0
    lens = aperture(family, shape=0.0)
    rendered = render_pair(flat(point, coc * float(lens.alpha)), seen_through(lens), margin=0)
    return rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy()


@pytest.mark.parametrize("disparity", [-4.0, -0.3, 0.05, 1.2, 4.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_wall_is_displaced_by_the_stated_disparity(family: str, disparity: float) -> None:
    rendered = render_pair(
        flat(smooth_texture(), disparity), seen_through(aperture(family, 0.3, right_shape=0.6)), margin=0
    )
    assert phase_disparity(rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy()) == pytest.approx(
        disparity, abs=0.01
    )


@pytest.mark.parametrize("disparity", [-1.7, -0.4, 0.9, 1.7])
@pytest.mark.parametrize("family", FAMILIES)
def test_block_matching_finds_the_stated_disparity(family: str, disparity: float) -> None:
    rendered = render_pair(flat(smooth_texture(), disparity), seen_through(aperture(family)), margin=8)
    assert matched_disparity(rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy()) == pytest.approx(
        disparity, abs=0.05
    )


@pytest.mark.parametrize("grain", [1.0, 2.0, 8.0])
@pytest.mark.parametrize("disparity", [-4.0, -0.8, 1.7, 3.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_matching_that_models_the_kernels_finds_the_stated_disparity_on_every_texture(
    family: str, disparity: float, grain: float
) -> None:
    texture = smooth_texture(grain=grain)
    rendered = render_pair(flat(texture, disparity), seen_through(aperture(family, 0.3, right_shape=0.7)), margin=0)
    views = (rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy())
    assert modelled_disparity(*views, *grid_weights(family, 0.3, 0.7)) == pytest.approx(disparity, abs=0.05)


@pytest.mark.parametrize(("family", "least", "most"), [("half_disc", 0.0, 0.1), ("ramp_disc", 0.4, 0.9)])
def test_fine_texture_shows_more_than_the_centroids_through_skewed_kernels(
    family: str, least: float, most: float
) -> None:
    """Why a matcher must know the kernels: their bright edges are farther apart than their centroids."""
    for disparity in (-3.0, 3.0):
        rendered = render_pair(flat(smooth_texture(grain=2.0), disparity), seen_through(aperture(family)), margin=0)
        found = matched_disparity(rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy())
        assert least < (found - disparity) * math.copysign(1, disparity) < most


def test_disparity_is_affine_in_inverse_depth() -> None:
    camera = random_camera(torch.Generator().manual_seed(3), 4, reach=6.0)
    depth = torch.linspace(0.2, 8.0, 64)[None, None, None].expand(4, 1, 16, 64)
    ones = torch.ones(4, 1, 16, 64)
    rendered = render_pair(Scene(ones, ones, 1 / depth), camera, margin=0)
    for disparity in rendered.disparity[:, 0, 0].double().numpy():
        inverse = 1 / depth[0, 0, 0].double().numpy()
        fit = np.polyval(np.polyfit(inverse, disparity, 1), inverse)
        assert np.abs(disparity - fit).max() < 1e-4 * max(1.0, np.ptp(disparity))


@pytest.mark.parametrize("rows", [-1.0, -0.35, 0.6, 1.0])
def test_misregistration_moves_one_view_down_by_that_many_rows_and_keeps_the_disparity(rows: float) -> None:
    shift = torch.tensor([[0.0, 0.0], [rows, 0.0]])
    texture = smooth_texture((64, 64), 4.0)
    rendered = render_pair(flat(texture, 1.2), seen_through(aperture("swept_disc")), shift, margin=0)
    left, right = (view[0, 0].numpy() for view in (rendered.left, rendered.right))
    assert phase_disparity(right.T, left.T) == pytest.approx(rows, abs=0.01)
    assert phase_disparity(left, right) == pytest.approx(1.2, abs=0.01)


def test_slanted_wall_is_displaced_by_its_disparity_at_every_row() -> None:
    rows = torch.linspace(-3, 3, 96)
    texture = smooth_texture()[:1].expand(96, -1)
    scene = Scene(
        texture[None, None], torch.ones(1, 1, 96, 256), rows[:, None].expand(96, 256)[None, None].contiguous()
    )
    rendered = render_pair(scene, seen_through(aperture("butterworth")), margin=0)
    for row in range(16, 80, 4):
        views = (view[0, 0, row : row + 1].numpy() for view in (rendered.left, rendered.right))
        assert phase_disparity(*views) == pytest.approx(float(rows[row]), abs=0.05)


def test_uniform_slanted_wall_is_uniform_in_both_views() -> None:
    columns = torch.linspace(-3, 3, 128).expand(96, 128)
    grey = torch.full((1, 1, 96, 128), 0.4)
    scene = Scene(grey, torch.ones_like(grey), columns[None, None].contiguous())
    rendered = render_pair(scene, seen_through(aperture("half_disc")), margin=12)
    for view in (rendered.left, rendered.right):
        torch.testing.assert_close(view, torch.full_like(view, 0.4), rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("disparity", [-3.0, 2.0])
def test_defocus_spreads_light_and_loses_none(family: str, disparity: float) -> None:
    scene = flat(smooth_texture(grain=0.7), disparity)
    whole = render_pair(scene, seen_through(aperture(family, offset=0.03)), margin=0)
    for view in (whole.left, whole.right):
        assert float(view.mean()) == pytest.approx(float(whole.sharp.mean()), rel=1e-5)
        assert float(view.std()) < 0.8 * float(whole.sharp.std())
    inner = render_pair(scene, seen_through(aperture(family, offset=0.03)), margin=12)
    assert inner.left.shape == (1, 1, 24, 232)
    assert float(inner.left.mean()) == pytest.approx(float(inner.sharp.mean()), rel=0.02)


@pytest.mark.parametrize("family", FAMILIES)
def test_wall_in_focus_gives_identical_sharp_views(family: str) -> None:
    rendered = render_pair(
        flat(smooth_texture(grain=0.7), 0.0), seen_through(aperture(family, 0.2, 0.9, offset=0.05)), margin=4
    )
    torch.testing.assert_close(rendered.left, rendered.right, rtol=0, atol=1e-5)
    torch.testing.assert_close(rendered.left, rendered.sharp, rtol=0, atol=1e-5)


def test_left_view_of_a_point_lies_to_the_right_when_near_and_to_the_left_when_far() -> None:
    for coc, side in ((12.0, slice(32, None)), (-12.0, slice(None, 33))):
        left, right = point_at_centre(coc)
        assert left[:, side].sum() > 0.99
        np.testing.assert_allclose(right, np.roll(left[:, ::-1], 1, axis=1), atol=1e-5)


def test_both_views_together_are_the_disc_of_an_ordinary_camera() -> None:
    left, right = point_at_centre(10.0, "ramp_disc")
    disc = (left + right) / 2
    y, x = np.arange(48) - 24, np.arange(64) - 32
    # A uniform disc of diameter c has a variance of c²/16 along each axis; a linear splat adds 1/6 px² on average.
    for variance in ((disc * y[:, None] ** 2).sum(), (disc * x**2).sum()):
        assert variance == pytest.approx(100 / 16 + 1 / 6, rel=0.02)
    outside = y[:, None] ** 2 + x**2 > (5 + math.sqrt(2)) ** 2
    assert np.abs(disc[outside]).max() < 1e-6


def test_walls_of_a_batch_do_not_touch_each_other() -> None:
    walls = [flat(smooth_texture(SIZE, seed=s), d) for s, d in ((1, -2.0), (2, 1.5))]
    batch = Scene(*(torch.cat([getattr(s, part) for s in walls]) for part in ("texture", "coverage", "inverse_depth")))
    together = render_pair(batch, seen_through(aperture("swept_disc"), 2), margin=2)
    for index, wall in enumerate(walls):
        alone = render_pair(wall, seen_through(aperture("swept_disc")), margin=2)
        torch.testing.assert_close(together.left[index], alone.left[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(together.disparity[index], alone.disparity[0], rtol=0, atol=0)


def test_opaque_object_in_focus_hides_what_is_behind_it() -> None:
    cover = torch.zeros(SIZE)
    cover[8:40, 12:52] = 1.0
    front = smooth_texture(SIZE, 1.0, seed=3)
    back = smooth_texture(SIZE, 1.0, seed=4)
    lamp = back.clone()
    lamp[24, 32] = 50.0
    lens = aperture("half_disc")
    views = [
        render_pair(layered((b, torch.ones(SIZE), -3.0), (front, cover, 0.0)), seen_through(lens), margin=0)
        for b in (back, lamp)
    ]
    inside = (0, 0, slice(8, 40), slice(12, 52))
    for rendered in views:
        torch.testing.assert_close(rendered.left[inside], front[8:40, 12:52], rtol=0, atol=1e-4)
        torch.testing.assert_close(rendered.right[inside], front[8:40, 12:52], rtol=0, atol=1e-4)
    torch.testing.assert_close(views[0].left, views[1].left, rtol=0, atol=1e-4)


def test_object_over_the_whole_view_hides_the_rest_however_defocused() -> None:
    front = smooth_texture(SIZE, 1.0, seed=5)
    lens = aperture("butterworth")
    alone = render_pair(flat(front, 2.5), seen_through(lens), margin=0)
    over = render_pair(
        layered((torch.full(SIZE, 9.0), torch.ones(SIZE), -1.0), (front, torch.ones(SIZE), 2.5)),
        seen_through(lens),
        margin=0,
    )
    torch.testing.assert_close(over.left, alone.left, rtol=0, atol=1e-4)


def test_edge_of_a_near_dark_object_has_the_profile_of_a_defocused_disc() -> None:
    """Seen by both halves together; the edge-spread function of a uniform disc of radius r in closed form."""
    cover = torch.zeros(SIZE)
    cover[:, :32] = 1.0
    scene = layered((torch.ones(SIZE), torch.ones(SIZE), 0.0), (torch.zeros(SIZE), cover, 3.0))
    lens = aperture("ramp_disc")
    rendered = render_pair(scene, seen_through(lens), margin=0)
    profile = ((rendered.left + rendered.right) / 2)[0, 0, 24].numpy()
    radius = 3.0 / float(lens.alpha) / 2
    t = np.clip(np.arange(20, 44) - 31.5, -radius, radius)
    expected = 0.5 + (t * np.sqrt(radius**2 - t**2) + radius**2 * np.arcsin(t / radius)) / (math.pi * radius**2)
    np.testing.assert_allclose(profile[20:44], expected, atol=0.01)


@pytest.mark.parametrize("disparity", [-2.5, 2.5])
def test_edge_of_a_defocused_object_is_displaced_by_its_own_disparity(disparity: float) -> None:
    cover = torch.zeros(SIZE)
    cover[:, :32] = 1.0
    scene = layered((torch.ones(SIZE), torch.ones(SIZE), 0.0), (torch.zeros(SIZE), cover, disparity))
    rendered = render_pair(scene, seen_through(aperture("half_disc")), margin=0)
    light_left, light_right = (view[0, 0, 24, 16:48].sum() for view in (rendered.left, rendered.right))
    # The dark object ends d px farther to the right in the left view, which takes d px of light from that row.
    assert float(light_right - light_left) == pytest.approx(disparity, abs=0.01)


def test_truth_is_that_of_the_front_most_layer_at_each_pixel() -> None:
    soft = torch.zeros(SIZE)
    soft[:, 10:20], soft[:, 20] = 1.0, 0.4
    nearest = torch.zeros(SIZE)
    nearest[:, 15:30] = 0.6
    scene = layered(
        (torch.full(SIZE, 0.1), torch.ones(SIZE), -2.0),
        (torch.full(SIZE, 0.5), soft, 3.0),
        (torch.full(SIZE, 0.9), nearest, 1.0),
    )
    sharp, disparity = (t[0, 0, 0].numpy() for t in front_most(scene))
    expected = np.where(np.arange(64) < 10, -2.0, np.where(np.arange(64) < 15, 3.0, 1.0))
    expected[30:] = -2.0
    np.testing.assert_array_equal(disparity, expected.astype(np.float32))
    np.testing.assert_allclose(sharp[[5, 12, 17, 20, 25]], [0.1, 0.5, 0.74, 0.6 * 0.9 + 0.4 * 0.26, 0.58], atol=1e-6)
    rendered = render_pair(scene, seen_through(aperture("half_disc")), margin=8)
    np.testing.assert_array_equal(rendered.disparity[0, 0, 0].numpy(), disparity[8:-8])


def object_at(rows: slice, columns: slice, disparity: float, size: tuple[int, int] = (96, 112)) -> Scene:
    cover = torch.zeros(size)
    cover[rows, columns] = 1.0
    return layered(
        (smooth_texture(size, 1.0, seed=7), torch.ones(size), -2.0),
        (smooth_texture(size, 1.0, seed=8), cover, disparity),
    )


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(40, 50), slice(60, 64)),
        (slice(0, 20), slice(30, 60)),
        (slice(70, 96), slice(90, 112)),
        (slice(5, 90), slice(50, 58)),
    ],
)
def test_small_objects_render_alike_in_a_window_and_on_the_whole_canvas(rows: slice, columns: slice) -> None:
    """A batch is rendered on the whole canvas; light that leaves it comes back at its far side, in the margin."""
    scene = object_at(rows, columns, 3.0)
    twice = Scene(*(torch.cat([t, t]) for t in (scene.texture, scene.coverage, scene.inverse_depth)))
    lens = aperture("butterworth", offset=0.04)
    shift = torch.tensor([[0.0, 0.0], [0.8, 0.0]])
    alone = render_pair(scene, seen_through(lens), shift, margin=12)
    together = render_pair(twice, seen_through(lens, 2), shift, margin=12)
    for part in ("left", "right", "visible"):
        torch.testing.assert_close(getattr(together, part)[:1], getattr(alone, part), rtol=0, atol=2e-5)
