"""The ordinary picture of a scene: both halves of the aperture together, in three colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_scenes import flat, layered, seen_through, smooth_texture

from training.optics import aperture
from training.render import composite, render_image, render_pair
from training.scenes import Scene

SIZE = (64, 64)


def wall_with_an_object() -> Scene:
    cover = torch.zeros(SIZE)
    cover[16:48, 20:40] = 1.0
    return layered(
        (smooth_texture(SIZE, 2.0), torch.ones(SIZE), -2.0),
        (smooth_texture(SIZE, 1.0, seed=1), cover, 2.5),
    )


def in_colour(scene: Scene) -> Scene:
    gains = torch.tensor([0.5, 1.0, 0.2])[None, None, :, None, None]
    return replace(scene, colour=scene.texture[:, :, None] * gains)


def point_variance(picture: torch.Tensor) -> float:
    """Variance (px²) along x of the one spot in a picture."""
    x = np.arange(picture.shape[-1], dtype=np.float64)
    profile = picture.double().sum(0).numpy()
    mean = (profile * x).sum() / profile.sum()
    return float((profile * (x - mean) ** 2).sum() / profile.sum())


def test_green_is_the_mean_of_the_dual_pixel_views() -> None:
    camera = seen_through(aperture("butterworth", 0.2, right_shape=0.8))
    scene = in_colour(wall_with_an_object())
    pair, picture = render_pair(scene, camera, margin=4), render_image(scene, camera, margin=4)
    assert picture.shape == (1, 3, 56, 56)
    torch.testing.assert_close(picture[:, 1:2], (pair.left + pair.right) / 2, rtol=0, atol=1e-6)
    torch.testing.assert_close(picture[:, 0], 0.5 * picture[:, 1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(picture[:, 2], 0.2 * picture[:, 1], rtol=1e-4, atol=1e-5)


def test_scene_without_colour_is_grey() -> None:
    picture = render_image(wall_with_an_object(), seen_through(aperture("half_disc")), margin=0)
    assert torch.equal(picture[:, 0], picture[:, 1])
    assert torch.equal(picture[:, 2], picture[:, 1])


def test_one_surface_looks_the_same_through_the_whole_aperture_at_once() -> None:
    lens = aperture("swept_disc", 0.2, right_shape=0.8)
    scene, camera = flat(smooth_texture(SIZE, 1.0), 2.0), seen_through(lens)
    at_once, _ = composite(scene, scene.texture, camera, lens.whole, None, torch.full((1, 1, *SIZE), 2.0))
    assert at_once.shape == (1, 1, *SIZE)
    torch.testing.assert_close(render_image(scene, camera, margin=0)[:, :1], at_once, rtol=0, atol=1e-5)


@pytest.mark.parametrize("blur", [-9.0, 0.0, 6.0])
def test_each_colour_is_blurred_by_its_own_circle_of_confusion(blur: float) -> None:
    point = torch.zeros(SIZE)
    point[32, 32] = 1.0
    lens = aperture("ramp_disc")
    chromatic = (3.0, 0.0, -2.0)
    picture = render_image(flat(point, blur * float(lens.alpha)), seen_through(lens), chromatic, margin=0)[0]
    for channel, extra in zip(picture, chromatic, strict=True):
        # A uniform disc of diameter c has a variance of c²/16 along each axis; a linear splat adds 1/6 px² on average.
        splat = 1 / 6 if blur + extra else 0
        assert point_variance(channel) == pytest.approx((blur + extra) ** 2 / 16 + splat, abs=0.04)
        assert float(channel.sum()) == pytest.approx(1.0, abs=1e-4)


def test_axial_colour_brings_red_into_focus_where_green_is_not() -> None:
    lens = aperture("half_disc")
    texture = smooth_texture(SIZE, 1.0)
    red, green, blue = render_image(flat(texture, -2.0), seen_through(lens), (2.0 / float(lens.alpha), 0, 0), 0)[0]
    torch.testing.assert_close(red, texture, rtol=0, atol=1e-4)
    assert float(green.std()) < 0.8 * float(texture.std())
    assert torch.equal(green, blue)
