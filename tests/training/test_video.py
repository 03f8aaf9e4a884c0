"""Frames over time against matching by other means, and against the flow that leads from one to the next."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from flat_scenes import flat, smooth_texture
from scipy.ndimage import map_coordinates

from benchmarks.block_matching import matched_displacement
from training.camera import Camera
from training.data.sample import check, concatenate
from training.light_field import lens_step, light_field_sample
from training.motion import random_motion, still
from training.optics import aperture
from training.pictures import dual_pixel_sample
from training.rig import photograph, random_rig, rig_samples
from training.scenes import random_scene
from training.stereo import stereo_sample
from training.video import video, video_samples

FOCAL = 300.0


def camera(batch: int = 1) -> Camera:
    return Camera(
        aperture("ramp_disc"), torch.full((batch,), 8.0), torch.full((batch,), 0.9), torch.full((batch,), FOCAL)
    )


def test_camera_that_walks_to_the_right_sees_a_wall_move_to_the_left() -> None:
    wall = flat(smooth_texture((96, 120), 2.0), 0.8)
    walk = replace(still(wall, camera().focal_px), travel=torch.tensor([[0.05, 0.0, 0.0]]))
    frames = list(
        video(wall, walk, [0.0, 0.2, 0.5], partial(stereo_sample, camera=camera(), baseline=torch.tensor([0.01])))
    )
    assert [float(frame.sample.time) for frame in frames if frame.sample.time is not None] == pytest.approx(
        [0, 0.2, 0.5]
    )
    assert frames[-1].flow is None
    for before, after, seconds in zip(frames[:-1], frames[1:], (0.2, 0.3), strict=True):
        expected = -FOCAL * 0.05 * seconds * 0.8
        assert before.flow is not None
        torch.testing.assert_close(before.flow[:, 0], torch.full_like(before.flow[:, 0], expected), rtol=1e-4, atol=0)
        found = matched_displacement(after.sample.left[0, 0].numpy(), before.sample.left[0, 0].numpy())
        assert found == pytest.approx((expected, 0.0), abs=0.03)
        # Lateral motion leaves depth, and so the disparity of both kinds, as it is.
        torch.testing.assert_close(after.sample.disparity, before.sample.disparity, rtol=1e-4, atol=0)


def test_flow_leads_to_the_same_point_of_the_next_frame() -> None:
    generator = torch.Generator().manual_seed(3)
    drawn = random_scene(generator, camera(), (128, 144), layers=4, reach=2.0)
    painted = torch.stack([smooth_texture((128, 144), 2.0, seed) for seed in range(4)])
    scene = replace(drawn, texture=painted[None])
    motion = random_motion(generator, scene, camera())
    take = partial(stereo_sample, camera=camera(), baseline=torch.tensor([0.02]))
    first, second = video(scene, motion, [0.0, 0.1], take)
    assert first.flow is not None
    assert first.followed is not None
    y, x = np.mgrid[:80, :96]
    places = [y + first.flow[0, 1].numpy(), x + first.flow[0, 0].numpy()]
    seen = map_coordinates(second.sample.left[0, 0].numpy(), places, order=3)
    followed = first.followed[0, 0].numpy() > 0
    error = np.abs(seen - first.sample.left[0, 0].numpy())[followed]
    assert followed.mean() > 0.5
    unmoved = np.abs(second.sample.left - first.sample.left)[0, 0].numpy()[followed]
    assert np.median(error) < 0.003 < 0.2 * np.median(unmoved)


def test_every_kind_of_sample_can_be_taken_over_time_and_batched() -> None:
    generator = torch.Generator().manual_seed(4)
    lens = camera(2)
    scene = random_scene(generator, lens, (80, 96), layers=3, reach=2.0, colour=True)
    motion, rig = random_motion(generator, scene, lens), random_rig(generator, scene, lens)
    takes = (
        partial(dual_pixel_sample, camera=lens),
        partial(light_field_sample, camera=lens, step=lens_step(lens, 3), views=3),
        lambda moment: rig_samples(photograph(moment, rig))["A"],
    )
    for take in takes:
        joined = check(concatenate([check(sample) for sample in video_samples(scene, motion, [0.0, 0.1], take)]))
        assert joined.time is not None
        torch.testing.assert_close(joined.time, torch.tensor([0.0, 0.0, 0.1, 0.1]))
