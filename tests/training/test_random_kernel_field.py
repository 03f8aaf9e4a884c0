"""Fields of kernels drawn at random: as wide a family as the measured one belongs to, with a truth for each place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.camera import random_camera
from training.kernel_field import random_kernel_field
from training.render import front_most, render_pair
from training.scenes import random_scene


def test_random_fields_are_of_the_kind_measured_on_a_pixel_4() -> None:
    fields = random_kernel_field(torch.Generator().manual_seed(1), 200, (6, 8), 168.0)
    np.testing.assert_allclose(fields.weight.sum(-1), 1.0, atol=1e-5)
    assert float(fields.weight.min()) >= 0
    centroids = (fields.weight * fields.u[:, None, None]).sum(-1)
    left, right = centroids.unbind(-1)
    low, high = (torch.quantile(fields.tile_alpha.flatten(), q) for q in (0.02, 0.98))
    assert 0.1 < low < 0.2 < 0.3 < high < 0.4
    # A Pixel 4 at c = -25.3 px: left -4.1 px and right +1.2 px, a common offset of -1.4 px.
    for found, pixel_4 in ((left, 4.1 / 25.3), (right, -1.2 / 25.3), ((left + right) / 2, 1.4 / 25.3)):
        assert torch.quantile(found.flatten(), 0.05) < pixel_4 < torch.quantile(found.flatten(), 0.95)
    # Over the field of a Pixel 4 the left centroid wanders by 3.1 px and alpha by 12 %.
    assert float((left.amax(1) - left.amin(1)).median()) == pytest.approx(3.1 / 25.3, rel=0.5)
    spread = fields.tile_alpha.amax(1) / fields.tile_alpha.amin(1) - 1
    assert 0.05 < float(spread.median()) < 0.25
    rows = fields.weight.reshape(200, 6, 8, 2, -1)
    step = (rows[:, :, 1:] - rows[:, :, :-1]).abs().sum(-1).mean()
    across = (rows[:, :, -1] - rows[:, :, 0]).abs().sum(-1).mean()
    assert float(step) < 0.3 * float(across)


def test_random_fields_follow_from_the_generator() -> None:
    first, again, other = (random_kernel_field(torch.Generator().manual_seed(s), 2) for s in (1, 1, 2))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


def test_scenes_are_rendered_through_random_fields_with_the_truth_of_each_place() -> None:
    generator = torch.Generator().manual_seed(4)
    lens = random_kernel_field(generator, 2, pitch=40.0)
    camera = random_camera(generator, 2, 4.0, lens)
    scene = random_scene(generator, camera, (96, 112), reach=4.0)
    assert float(scene.inverse_depth.min()) >= 0
    rendered = render_pair(scene, camera, margin=8)
    expected = lens.alpha_map(96, 112)[:, None] * camera.circle_of_confusion(front_most(scene)[1])
    torch.testing.assert_close(rendered.disparity, expected[..., 8:-8, 8:-8])
    alone = replace(camera, **{n: getattr(camera, n)[1:] for n in ("slope", "focus", "focal_px")})
    alone = replace(alone, aperture=replace(lens, u=lens.u[1:], v=lens.v[1:], weight=lens.weight[1:]))
    parts = {n: getattr(scene, n)[1:] for n in ("texture", "coverage", "inverse_depth")}
    again = render_pair(replace(scene, colour=None, **parts), alone, margin=8)
    torch.testing.assert_close(again.left[0], rendered.left[1], rtol=1e-4, atol=1e-4)
