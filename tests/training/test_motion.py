"""Video: where points go is what geometry says and what block matching finds on rendered frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_scenes import flat, layered, seen_through, smooth_texture

from benchmarks.block_matching import matched_disparity
from training.camera import random_camera
from training.motion import Motion, at_time, flow, random_motion, still
from training.optics import aperture
from training.render import front_most, render_pair
from training.scenes import random_scene

LENS = aperture("ramp_disc")
INNER = (slice(24, -24), slice(24, -24))
FOCAL = torch.tensor([100.0])


def texture(seed: int = 0, size: tuple[int, int] = (96, 128), grain: float = 2.0) -> torch.Tensor:
    return smooth_texture(size, grain, seed)


def square(size: tuple[int, int] = (96, 128)) -> torch.Tensor:
    """An opaque square of 40 px in the middle."""
    cover = torch.zeros(size)
    cover[size[0] // 2 - 20 : size[0] // 2 + 20, size[1] // 2 - 20 : size[1] // 2 + 20] = 1.0
    return cover


def random_video(seed: int) -> tuple:
    generator = torch.Generator().manual_seed(seed)
    camera = random_camera(generator, 2, 4.0)
    scene = random_scene(generator, camera, (96, 112), reach=4.0, colour=True)
    return scene, random_motion(generator, scene, camera), camera


def test_at_time_zero_the_scene_is_what_it_is() -> None:
    scene, motion, _ = random_video(0)
    start = at_time(scene, motion, 0.0)
    for part in ("texture", "coverage", "inverse_depth", "colour"):
        np.testing.assert_allclose(getattr(start, part), getattr(scene, part), rtol=2e-3, atol=2e-3)


def test_moved_scenes_keep_back_layer_ranges_and_green() -> None:
    scene, motion, _ = random_video(1)
    later = at_time(scene, motion, 0.2)
    np.testing.assert_allclose(later.coverage[:, 0], 1, atol=1e-6)
    assert 0 <= float(later.coverage.min()) <= float(later.coverage.max()) <= 1 + 1e-6
    assert float(later.inverse_depth.min()) >= 0
    assert torch.equal(later.colour[:, :, 1], later.texture)
    assert not torch.equal(later.texture, scene.texture)


def test_camera_to_the_right_moves_points_to_the_left_by_focal_length_times_way_over_depth() -> None:
    scene = flat(texture(), 0.5)
    motion = replace(still(scene, FOCAL), travel=torch.tensor([[0.2, 0.0, 0.0]]))
    moved, visible = flow(scene, motion, 0.0, 0.5)
    np.testing.assert_allclose(moved[0, 0], -100 * 0.1 * 0.5, atol=1e-4)
    np.testing.assert_allclose(moved[0, 1], 0, atol=1e-4)
    assert torch.all(visible[0, 0, :, :4] == 0)
    assert torch.all(visible[0, 0, :, 6:] == 1)


def test_camera_forwards_makes_the_picture_grow_about_its_centre() -> None:
    scene = flat(texture(), 0.5)
    motion = replace(still(scene, FOCAL), travel=torch.tensor([[0.0, 0.0, 0.4]]))
    moved, _ = flow(scene, motion, 0.0, 1.0)
    x = np.arange(128) - 63.5
    np.testing.assert_allclose(moved[0, 0, 48], x * (1 / (1 - 0.4 * 0.5) - 1), atol=1e-3)


def test_roll_about_the_optical_axis_turns_the_picture_the_other_way() -> None:
    scene = flat(texture(), 0.5)
    motion = replace(still(scene, FOCAL), turn=torch.tensor([[0.0, 0.0, 0.1]]))
    moved, _ = flow(scene, motion, 0.0, 1.0)
    # 30 px right of the centre: a clockwise camera sees it go up by 30·sin(0.1).
    y, x = 47, 93
    assert float(moved[0, 1, y, x]) == pytest.approx(-29.5 * np.sin(0.1) + 0.5 * (1 - np.cos(0.1)), abs=0.02)


def test_spinning_object_keeps_its_centre_and_turns_clockwise() -> None:
    scene = layered((texture(), torch.ones(96, 128), 0.1), (texture(1), square(), 0.4))
    motion = replace(still(scene, FOCAL), spin=torch.tensor([[0.0, 0.5]]))
    moved, _ = flow(scene, motion, 0.0, 1.0)
    x, y = 10.5, 0.5
    expected = np.cos(0.5) * x - np.sin(0.5) * y - x, np.sin(0.5) * x + np.cos(0.5) * y - y
    np.testing.assert_allclose(moved[0, :, 48, 74], expected, atol=1e-4)
    np.testing.assert_allclose(moved[0, :, 5, 5], 0, atol=1e-4)


def test_ground_that_an_object_comes_to_hide_is_marked_and_the_object_is_not() -> None:
    scene = layered((texture(), torch.ones(96, 128), 0.1), (texture(1), square(), 0.4))
    motion = replace(still(scene, FOCAL), velocity=torch.tensor([[[0.0, 0.0], [10.0, 0.0]]]))
    moved, visible = flow(scene, motion, 0.0, 1.0)
    hidden = torch.zeros(96, 128)
    hidden[28:68, 84:94] = 1.0
    np.testing.assert_array_equal(visible[0, 0], 1 - hidden)
    np.testing.assert_allclose(moved[0, 0], 10.0 * square(), atol=1e-4)


@pytest.mark.parametrize("start", [0.0, 0.7])
def test_flow_of_a_moving_camera_over_moving_objects_is_what_block_matching_finds_on_frames(start: float) -> None:
    wide = (96, 192)
    cover = torch.zeros(wide)
    cover[:, 96:] = 1.0
    scene = layered((texture(2, wide), torch.ones(wide), 0.8), (texture(3, wide), cover, 2.0))
    camera = replace(seen_through(LENS), focal_px=FOCAL)
    motion = replace(
        still(scene, FOCAL),
        velocity=torch.tensor([[[0.0, 0.0], [-3.0, 0.0]]]),
        travel=torch.tensor([[0.02, 0.0, 0.0]]),
    )
    end = start + 0.9
    frames = [render_pair(at_time(scene, motion, t), camera, margin=8).left[0, 0].numpy() for t in (start, end)]
    moved, _ = flow(scene, motion, start, end)
    for columns in (slice(20, 76), slice(110, 170)):
        expected = float(moved[0, 0, 8:-8, 8:-8][:, columns].mean())
        window = (slice(20, 60), columns)
        assert matched_disparity(frames[1][window], frames[0][window]) == pytest.approx(expected, abs=0.05)
    assert float(moved[0, 0, 48, 30]) == pytest.approx(-100 * 0.018 * 0.8, abs=1e-3)
    assert float(moved[0, 0, 48, 160]) == pytest.approx(-100 * 0.018 * 2.0 - 2.7, abs=1e-3)


def test_points_that_stay_visible_look_the_same_where_the_flow_leads() -> None:
    """On random scenes with every kind of motion at once, in the picture that is sharp everywhere."""
    scene, motion, _ = random_video(3)
    start, end = 0.1, 0.3
    first, last = (front_most(at_time(scene, motion, t)) for t in (start, end))
    moved, visible = flow(scene, motion, start, end)
    h, w = moved.shape[-2:]
    y, x = np.mgrid[:h, :w]
    for index in range(2):
        at_x, at_y = (np.rint(g + m).astype(int) for g, m in zip((x, y), moved[index].numpy(), strict=True))
        seen = visible[index, 0].numpy() > 0
        seen &= (at_x > 0) & (at_x < w - 1) & (at_y > 0) & (at_y < h - 1)
        assert 0.4 < seen.mean() < 1
        depth = [d[index, 0].numpy() for _, d in (first, last)]
        there = depth[1][at_y[seen], at_x[seen]]
        # Edges and slopes fall between pixels; travel forwards changes depth a little.
        assert np.mean(np.abs(there / depth[0][seen] - 1) < 0.1) > 0.9


def test_random_motion_moves_pictures_by_pixels_a_frame_and_never_the_back_layer_by_itself() -> None:
    generator = torch.Generator().manual_seed(2)
    camera = random_camera(generator, 32, 4.0)
    scene = random_scene(generator, camera, (48, 64), reach=4.0)
    motion = random_motion(generator, scene, camera)
    assert torch.all(motion.velocity[:, 0] == 0)
    assert torch.all(motion.spin[:, 0] == 0)
    moved, visible = flow(scene, motion, 0.0, 1 / 30)
    way = torch.hypot(moved[:, 0], moved[:, 1])
    assert 0.05 < float(way.median()) < 3
    assert float(way.max()) < 12
    assert 0.8 < float(visible.mean()) < 1


def test_same_generator_gives_the_same_motion() -> None:
    first, again = (random_video(4)[1] for _ in range(2))
    assert isinstance(first, Motion)
    for name in Motion.__dataclass_fields__:
        assert torch.equal(getattr(first, name), getattr(again, name))
