"""Displaced and turned cameras against rays cut with planes in float64, matching by other means, and brute force."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_scenes import flat, layered, smooth_texture
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from benchmarks.block_matching import matched_disparity
from training.interpolate import spline_coefficients, spline_values, warp
from training.scenes import Scene
from training.viewpoint import Surfaces, Viewpoint, seen_from

SIZE = (64, 96)
FOCAL = 300.0


def focal(batch: int = 1) -> torch.Tensor:
    return torch.full((batch,), FOCAL)


def at(*position: float) -> torch.Tensor:
    return torch.tensor([position])


def grid(size: tuple[int, int] = SIZE) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(x, y) of every pixel, from the centre."""
    y, x = np.mgrid[: size[0], : size[1]]
    return x - (size[1] - 1) / 2, y - (size[0] - 1) / 2


def painted(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """A picture that is known everywhere, in 0.1 .. 0.9."""
    return 0.5 + 0.2 * np.sin(x / 3.1 + 0.4) + 0.2 * np.cos(y / 4.0 + x / 9.0)


def slanted_wall(normal: tuple[float, float, float]) -> Scene:
    """The plane of all P (m) with normal·P = 1, painted in the reference picture."""
    x, y = grid()
    inverse_depth = normal[0] * x / FOCAL + normal[1] * y / FOCAL + normal[2]
    planes = (torch.from_numpy(plane).float()[None, None] for plane in (painted(x, y), np.ones(SIZE), inverse_depth))
    return Scene(*planes)


@pytest.mark.parametrize(
    ("position", "rotation"),
    [
        ((0.01, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ((-0.02, 0.013, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.08), (0.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.012, -0.02, 0.03)),
        ((0.01, -0.004, -0.05), (-0.01, 0.015, -0.04)),
    ],
)
@pytest.mark.parametrize("normal", [(0.0, 0.0, 0.8), (1.5, -0.9, 1.0), (-4.0, 2.0, 1.2)])
def test_wall_is_seen_where_rays_of_the_displaced_camera_meet_it(
    normal: tuple[float, float, float], position: tuple[float, float, float], rotation: tuple[float, float, float]
) -> None:
    seen = seen_from(slanted_wall(normal), focal(), at(*position), at(*rotation))
    x, y = grid()
    # SciPy's lower-case axes are the fixed ones, in the order in which the rotations are made.
    rays = Rotation.from_euler("xyz", rotation).apply(
        np.stack([x / FOCAL, y / FOCAL, np.ones(SIZE)], -1).reshape(-1, 3)
    )
    depth = (1.0 - np.dot(normal, position)) / (rays @ normal)
    points = np.array(position) + depth[:, None] * rays
    source_x, source_y = (FOCAL * (points[:, i] / points[:, 2]).reshape(SIZE) for i in (0, 1))
    inside = (np.abs(source_x) < SIZE[1] / 2 - 8) & (np.abs(source_y) < SIZE[0] / 2 - 8)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(seen.texture[0, 0].numpy()[inside], painted(source_x, source_y)[inside], atol=2e-4)
    np.testing.assert_allclose(seen.inverse_depth[0, 0].numpy()[inside], 1 / depth.reshape(SIZE)[inside], rtol=1e-5)


@pytest.mark.parametrize("shift", [0.13, 0.37, 0.5, 2.81, -6.44])
@pytest.mark.parametrize("grain", [1.0, 3.0])
def test_matching_finds_the_parallax_to_a_fiftieth_of_a_pixel(shift: float, grain: float) -> None:
    wall = flat(smooth_texture((48, 160), grain), 0.5)
    seen = seen_from(wall, focal(), at(shift / (FOCAL * 0.5), 0.0, 0.0))
    # A point moves to x - shift, so the picture from the right is the right one of a pair with that disparity.
    found = matched_disparity(wall.texture[0, 0].numpy(), seen.texture[0, 0].numpy())
    assert found == pytest.approx(shift, abs=0.02)


def test_curved_surface_is_seen_to_a_fiftieth_of_a_pixel() -> None:
    """Against bisection along each ray, in float64, with disparities that change by up to 0.25 px per px."""
    x, y = grid()

    def inverse_depth(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.0 + 0.25 * np.sin(x / 8.0)

    planes = (painted(x, y), np.ones(SIZE), inverse_depth(x))
    scene = Scene(*(torch.from_numpy(plane).float()[None, None] for plane in planes))
    parallax = 8.0
    seen = seen_from(scene, focal(), at(parallax / FOCAL, 0.0, 0.0))
    low, high = x - 2 * parallax, x + 2 * parallax
    for _ in range(60):
        middle = (low + high) / 2
        beyond = middle - parallax * inverse_depth(middle) > x
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    inside = (np.abs(low) < SIZE[1] / 2 - 4) & (np.abs(y) < SIZE[0] / 2 - 4)
    # The picture changes by at most 0.09 per px.
    np.testing.assert_allclose(seen.texture[0, 0].numpy()[inside], painted(low, y)[inside], atol=0.02 * 0.09)


def test_infinity_does_not_move_with_the_camera() -> None:
    sky = flat(smooth_texture(SIZE, 2.0), 0.0)
    seen = seen_from(sky, focal(), at(0.4, -0.2, 0.3))
    torch.testing.assert_close(seen.texture, sky.texture, rtol=0, atol=1e-5)
    assert float(seen.inverse_depth.abs().max()) == 0.0


@pytest.mark.parametrize(
    ("rotation", "moves"),
    [
        ((0.0, 0.02, 0.0), (-FOCAL * math.tan(0.02), 0.0)),
        ((0.02, 0.0, 0.0), (0.0, FOCAL * math.tan(0.02))),
    ],
)
def test_turning_right_moves_the_middle_left_and_turning_up_moves_it_down(
    rotation: tuple[float, float, float], moves: tuple[float, float]
) -> None:
    viewpoint = Viewpoint(focal(), at(0.0, 0.0, 0.0), at(*rotation))
    zero = torch.zeros(1, 1)
    x, y, _ = viewpoint.project(zero, zero, torch.ones(1, 1))
    assert (float(x), float(y)) == pytest.approx(moves, abs=1e-4)


def test_turning_clockwise_moves_what_is_on_the_right_upwards() -> None:
    viewpoint = Viewpoint(focal(), at(0.0, 0.0, 0.0), at(0.0, 0.0, 0.1))
    x, y, _ = viewpoint.project(torch.tensor([[20.0]]), torch.zeros(1, 1), torch.ones(1, 1))
    assert (float(x), float(y)) == pytest.approx((20 * math.cos(0.1), -20 * math.sin(0.1)), abs=1e-4)


angle = st.floats(-0.05, 0.05)


@settings(max_examples=30, deadline=None)
@given(angle, angle, angle, st.floats(-3, 3), st.floats(-3, 3), st.floats(0.0, 5.0))
def test_homography_of_a_turned_camera_is_its_projection_at_every_depth(
    rx: float, ry: float, rz: float, px: float, py: float, inverse_depth: float
) -> None:
    viewpoint = Viewpoint(focal(), at(0.0, 0.0, 0.0), at(rx, ry, rz), at(px, py))
    x, y = (torch.from_numpy(t).float()[None] for t in grid((5, 7)))
    seen_x, seen_y, _ = viewpoint.project(x, y, torch.full_like(x, inverse_depth))
    mapped = torch.stack([x, y, torch.ones_like(x)], -1) @ viewpoint.homography[0].T
    torch.testing.assert_close(mapped[..., 0] / mapped[..., 2], seen_x, rtol=0, atol=1e-4)
    torch.testing.assert_close(mapped[..., 1] / mapped[..., 2], seen_y, rtol=0, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02), st.floats(-0.04, 0.04))
def test_stepping_aside_and_back_shows_the_same_scene(right: float, down: float, forward: float) -> None:
    scene = slanted_wall((1.0, -0.5, 0.9))
    back = seen_from(seen_from(scene, focal(), at(right, down, forward)), focal(), at(-right, -down, -forward))
    inner = (..., slice(12, -12), slice(12, -12))
    torch.testing.assert_close(back.texture[inner], scene.texture[inner], rtol=0, atol=2e-3)
    torch.testing.assert_close(back.inverse_depth[inner], scene.inverse_depth[inner], rtol=1e-4, atol=0)


def two_layers(front_parallax: float) -> Scene:
    """A wall whose inverse depth grows downwards and sideways, and a box before it."""
    x, y = grid()
    cover = torch.zeros(SIZE)
    cover[12:40, 30:52] = 1.0
    scene = layered(
        (smooth_texture(SIZE, 2.0), torch.ones(SIZE), 0.0),
        (smooth_texture(SIZE, 1.0, seed=1), cover, front_parallax),
    )
    back = torch.from_numpy(2.0 + 0.013 * x + 0.021 * y).float()
    return replace(scene, inverse_depth=torch.stack([back, scene.inverse_depth[0, 1]])[None])


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("front", [7.37, 4.21])
def test_hidden_points_are_those_that_a_depth_buffer_loses(front: float, side: float) -> None:
    """Every row of the box drawn as the interval that it covers in the other picture, every point of the wall tried."""
    scene = two_layers(front)
    hidden = Surfaces(scene).hidden_from(Viewpoint(focal(), at(side / FOCAL, 0.0, 0.0)))[0, 0].numpy()
    wall = scene.inverse_depth[0, 0].numpy()
    expected = np.zeros(SIZE)
    for row in range(12, 40):
        for column in range(SIZE[1]):
            if 30 <= column < 52:
                continue
            lands = column - side * wall[row, column]
            expected[row, column] = 29.5 - side * front < lands < 51.5 - side * front
    assert expected.sum() > 28
    np.testing.assert_array_equal(hidden, expected)


def test_object_that_the_camera_has_moved_past_is_gone() -> None:
    scene = two_layers(5.0)
    assert float(seen_from(scene, focal(), at(0.0, 0.0, 0.15)).coverage[:, 1].max()) > 0.9
    assert float(seen_from(scene, focal(), at(0.0, 0.0, 0.21)).coverage[:, 1].max()) == 0.0


def test_canvas_is_known_but_for_the_strip_that_comes_into_view() -> None:
    wall = flat(smooth_texture(SIZE, 2.0), 1.0)
    known = Surfaces(wall).known_from(Viewpoint(focal(), at(7.5 / FOCAL, 0.0, 0.0)))
    expected = torch.ones(SIZE)
    expected[:, -8:] = 0.0
    torch.testing.assert_close(known[0, 0], expected, rtol=0, atol=0)


def test_colours_move_together_and_green_is_the_texture() -> None:
    textures = torch.stack([smooth_texture(SIZE, 2.0, seed) for seed in range(3)])
    wall = replace(flat(textures[1], 1.3), colour=textures[None, None])
    seen = seen_from(wall, focal(), at(0.01, 0.002, 0.0))
    assert seen.colour is not None
    torch.testing.assert_close(seen.texture, seen.colour[:, :, 1], rtol=0, atol=0)
    for channel in range(3):
        alone = seen_from(flat(textures[channel], 1.3), focal(), at(0.01, 0.002, 0.0))
        torch.testing.assert_close(seen.colour[:, :, channel], alone.texture, rtol=0, atol=1e-6)


def test_every_scene_of_a_batch_is_seen_by_its_own_camera() -> None:
    walls = [flat(smooth_texture(SIZE, 2.0, seed), 0.4 + seed) for seed in (1, 2)]
    batch = Scene(
        *(torch.cat([getattr(wall, part) for wall in walls]) for part in ("texture", "coverage", "inverse_depth"))
    )
    positions, turns = (
        torch.tensor([[0.01, 0.0, 0.0], [0.0, -0.01, 0.02]]),
        torch.tensor([[0.0, 0.01, 0.0], [0.02, 0.0, 0.0]]),
    )
    together = seen_from(batch, torch.tensor([250.0, 400.0]), positions, turns)
    for index, (wall, length) in enumerate(zip(walls, (250.0, 400.0), strict=True)):
        alone = seen_from(wall, torch.tensor([length]), positions[index : index + 1], turns[index : index + 1])
        torch.testing.assert_close(together.texture[index], alone.texture[0], rtol=0, atol=1e-6)


def test_light_stays_positive_beside_highlights() -> None:
    texture = torch.full(SIZE, 0.01)
    texture[20, 40] = 30.0
    assert float(seen_from(flat(texture, 1.0), focal(), at(0.5 / FOCAL, 0.0, 0.0)).texture.min()) >= 0.0


def test_spline_is_that_of_scipy() -> None:
    picture = np.random.default_rng(0).random((20, 31))
    points = np.random.default_rng(1).uniform(-1.2, 1.2, (9, 13, 2)) * [15.0, 9.5]
    coefficients = spline_coefficients(torch.from_numpy(picture).float()[None, None])
    found = spline_values(coefficients, torch.from_numpy(points).float()[None])[0, 0].numpy()
    expected = map_coordinates(picture, [points[..., 1] + 9.5, points[..., 0] + 15.0], order=3, mode="mirror")
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_warp_by_a_whole_shift_moves_pixels() -> None:
    picture = smooth_texture(SIZE, 1.0)[None, None]
    shift = torch.tensor([[[1.0, 0.0, 3.0], [0.0, 1.0, -2.0], [0.0, 0.0, 1.0]]])
    torch.testing.assert_close(warp(picture, shift)[..., 2:, :-3], picture[..., :-2, 3:], rtol=0, atol=1e-4)
