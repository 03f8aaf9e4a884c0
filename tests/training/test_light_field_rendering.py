"""The light field against matching by other means and against the dual-pixel renderer, which knows nothing of views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_scenes import flat, layered, smooth_texture

from benchmarks.block_matching import matched_disparity, matched_displacement
from runtime_py.errors import DpocketError
from training.camera import Camera
from training.data.sample import check
from training.light_field import LightField, dual_pixels, lens_step, light_field, light_field_sample
from training.optics import PSF_FAMILIES, aperture
from training.render import front_most, render_pair
from training.scenes import Scene

SIZE = (96, 144)
FOCAL = 400.0


def camera(family: str = "half_disc", focus: float = 0.6, slope: float = 10.0) -> Camera:
    return Camera(aperture(family), torch.tensor([slope]), torch.tensor([focus]), torch.tensor([FOCAL]))


def step(px_per_inverse_metre: float) -> torch.Tensor:
    return torch.tensor([px_per_inverse_metre / FOCAL])


def view(field: LightField, right: float, down: float) -> np.ndarray:
    return field.views[0, field.offsets.index((right, down)), 1].numpy()


@pytest.mark.parametrize("focused", [True, False])
@pytest.mark.parametrize("inverse_depth", [0.1, 0.6, 1.4])
def test_neighbouring_views_are_displaced_by_the_stated_disparity(focused: bool, inverse_depth: float) -> None:
    field = light_field(flat(smooth_texture(SIZE, 2.0), inverse_depth), camera(), step(1.3), focused=focused)
    stated = 1.3 * (inverse_depth - (0.6 if focused else 0.0))
    torch.testing.assert_close(field.disparity, torch.full_like(field.disparity, stated), rtol=1e-4, atol=1e-6)
    for u in (-3.0, 0.0, 2.0):
        right = matched_displacement(view(field, u, 1.0), view(field, u + 1, 1.0))
        below = matched_displacement(view(field, 1.0, u), view(field, 1.0, u + 1))
        assert right == pytest.approx((stated, 0.0), abs=0.02)
        assert below == pytest.approx((0.0, stated), abs=0.02)


def test_rows_of_a_slanted_wall_are_displaced_by_their_own_disparity() -> None:
    rows = torch.linspace(0.0, 2.0, 96)[:, None].expand(SIZE)
    wall = Scene(smooth_texture(SIZE, 2.0)[None, None], torch.ones(1, 1, *SIZE), rows[None, None].contiguous())
    field = light_field(wall, camera(), step(1.3), views=3)
    for row in range(1, 44, 6):
        left, right = (view(field, u, 0.0)[row : row + 3] for u in (-1.0, 1.0))
        expected = 2 * float(field.disparity[0, 0, row + 1, 40])
        assert matched_disparity(left, right) == pytest.approx(expected, abs=0.05)


def test_middle_view_is_the_all_in_focus_picture_and_rows_run_from_the_top_left() -> None:
    scene = flat(smooth_texture(SIZE, 1.0), 1.1)
    field = light_field(scene, camera(), step(0.8), margin=0)
    torch.testing.assert_close(field.middle[:, :1], front_most(scene)[0], rtol=0, atol=0)
    assert field.offsets[:2] == ((-3.0, -3.0), (-2.0, -3.0))
    assert field.offsets[-1] == (3.0, 3.0)
    assert field.views.shape == (1, 49, 3, *SIZE)


@pytest.mark.parametrize("family", list(PSF_FAMILIES))
@pytest.mark.parametrize("inverse_depth", [0.25, 0.6, 1.0])
def test_views_add_up_to_the_dual_pixels_of_a_wall(family: str, inverse_depth: float) -> None:
    wall, lens = flat(smooth_texture((80, 192), 5.0), inverse_depth), camera(family)
    field = light_field(wall, lens, lens_step(lens), margin=8)
    left, right = dual_pixels(field, lens)
    rendered = render_pair(wall, lens, margin=8)
    # The texture deviates by 0.15; seven views sample a blur of up to 4 px.
    inner = (..., slice(4, -4), slice(4, -4))
    torch.testing.assert_close(left[:, 1:2][inner], rendered.left[inner], rtol=0, atol=0.004)
    torch.testing.assert_close(right[:, 1:2][inner], rendered.right[inner], rtol=0, atol=0.004)
    found = matched_disparity(left[0, 1].numpy(), right[0, 1].numpy())
    assert found == pytest.approx(float(rendered.disparity.mean()), abs=0.05)


def test_views_add_up_to_the_dual_pixels_of_a_slanted_wall() -> None:
    rows = torch.linspace(0.2, 1.0, 96)[:, None].expand(96, 256)
    wall = Scene(smooth_texture((96, 256), 5.0)[None, None], torch.ones(1, 1, 96, 256), rows[None, None].contiguous())
    lens = camera("butterworth")
    left, right = dual_pixels(light_field(wall, lens, lens_step(lens), margin=8), lens)
    rendered = render_pair(wall, lens, margin=8)
    # The renderer mixes two kernels where the wall's blur lies between them, which is the greater part of what is left.
    for ours, theirs in ((left[:, 1:2], rendered.left), (right[:, 1:2], rendered.right)):
        difference = (ours - theirs)[..., 4:-4, 4:-4].abs()
        assert float(difference.mean()) < 0.001
        assert float(difference.max()) < 0.015


def test_views_add_up_to_dual_pixels_also_behind_an_edge() -> None:
    """Where aperture and edge cut the light, layers blurred one over the other are an approximation themselves."""
    cover = torch.zeros(SIZE)
    cover[:, :72] = 1.0
    lens = camera("ramp_disc")
    scene = layered(
        (smooth_texture(SIZE, 4.0), torch.ones(SIZE), 0.3), (smooth_texture(SIZE, 4.0, seed=1) * 0.3, cover, 0.9)
    )
    left, right = dual_pixels(light_field(scene, lens, lens_step(lens), margin=12), lens)
    rendered = render_pair(scene, lens, margin=12)
    for ours, theirs in ((left[:, 1:2], rendered.left), (right[:, 1:2], rendered.right)):
        assert float((ours - theirs).abs().mean()) < 0.002
        assert float((ours - theirs).abs().max()) < 0.05


def test_views_with_an_aperture_of_their_own_are_blurred_by_its_share() -> None:
    wall, lens = flat(smooth_texture(SIZE, 1.0), 1.4), camera()
    sharp, seventh = (light_field(wall, lens, lens_step(lens), views=3, share=share) for share in (0.0, 1 / 7))
    small = replace(lens, slope=lens.slope / 7)
    rendered = render_pair(wall, small)
    torch.testing.assert_close(seventh.middle[:, :1], (rendered.left + rendered.right) / 2, rtol=0, atol=1e-5)
    assert float(seventh.middle.std()) < 0.95 * float(sharp.middle.std())


def test_even_number_of_views_is_refused() -> None:
    with pytest.raises(DpocketError, match="4×4 views has no middle one; ask for an odd number"):
        light_field(flat(smooth_texture(SIZE), 1.0), camera(), step(1.0), views=4)


def test_views_that_do_not_reach_the_rim_of_the_lens_are_no_dual_pixels() -> None:
    lens = camera()
    field = light_field(flat(smooth_texture(SIZE), 1.0), lens, 0.9 * lens_step(lens))
    with pytest.raises(DpocketError, match="do not reach the rim of the lens"):
        dual_pixels(field, lens)


def test_views_focused_elsewhere_are_not_the_dual_pixels_of_the_camera() -> None:
    lens = camera()
    field = light_field(flat(smooth_texture(SIZE), 1.0), lens, lens_step(lens), focused=False)
    with pytest.raises(DpocketError, match=r"focused at \[0.0\] 1/m and the camera at \[0.6"):
        dual_pixels(field, lens)


def test_sample_keeps_the_contract_with_and_without_colour() -> None:
    colour = torch.stack([smooth_texture(SIZE, 2.0, seed) for seed in range(3)])[None, None]
    grey = flat(colour[0, 0, 1], 0.9)
    for scene in (grey, replace(grey, colour=colour)):
        sample = check(light_field_sample(scene, camera(), lens_step(camera(), 3), views=3))
        assert sample.views is not None
        assert sample.rgb is not None
        torch.testing.assert_close(sample.rgb[:, 1:2], (sample.left + sample.right) / 2, rtol=0, atol=1e-6)
        middle = sample.views[:, sample.view_offsets.index((0.0, 0.0))]
        torch.testing.assert_close(middle[:, 1], scene.texture[0][:, 24:-24, 24:-24], rtol=0, atol=0)
        assert float(sample.rgb.std()) < float(middle.std())
