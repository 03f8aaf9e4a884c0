"""Procedural scenes: what the renderer and the student may rely on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt, uniform_filter

from training.camera import Camera, random_camera
from training.render import front_most
from training.scenes import Scene, random_scene

H, W = 65, 81


def seen(
    seed: int, batch: int, size: tuple[int, int], layers: int = 6, reach: float = 6.0, colour: bool = False
) -> tuple[Scene, Camera]:
    generator = torch.Generator().manual_seed(seed)
    camera = random_camera(generator, batch, reach)
    return random_scene(generator, camera, size, layers, reach, colour), camera


@pytest.fixture(scope="module")
def many() -> tuple[Scene, Camera]:
    return seen(5, 96, (128, 128))


def test_scene_follows_from_the_generator_alone() -> None:
    first, again, other = (seen(s, 2, (H, W))[0] for s in (3, 3, 4))
    for part in ("texture", "coverage", "inverse_depth"):
        assert torch.equal(getattr(first, part), getattr(again, part))
        assert not torch.equal(getattr(first, part), getattr(other, part))


@pytest.mark.parametrize("reach", [2.0, 6.0])
@pytest.mark.parametrize("layers", [1, 4])
def test_scene_keeps_its_promises(reach: float, layers: int) -> None:
    scene, camera = seen(1, 24, (H, W), layers=layers, reach=reach)
    assert scene.texture.shape == scene.coverage.shape == scene.inverse_depth.shape == (24, layers, H, W)
    assert torch.all(torch.isfinite(scene.texture))
    assert float(scene.texture.min()) >= 0
    assert torch.all(scene.coverage[:, 0] == 1)
    assert 0 <= float(scene.coverage.min()) <= float(scene.coverage.max()) <= 1
    assert float(camera.disparity(scene.inverse_depth).abs().max()) <= reach + 1e-4
    assert float(scene.inverse_depth.min()) > 0
    assert scene.colour is None


def test_no_layer_is_behind_the_one_before_it_anywhere(many: tuple[Scene, Camera]) -> None:
    scene, camera = many
    assert float(camera.disparity(scene.inverse_depth).diff(dim=1).min()) > -1e-4


def test_scenes_show_both_signs_of_disparity_and_objects_and_bare_walls(many: tuple[Scene, Camera]) -> None:
    scene, camera = many
    middle = camera.disparity(scene.inverse_depth).mean((1, 2, 3))
    assert 0.2 < float((middle > 0).float().mean()) < 0.8
    present = (scene.coverage[:, 1:].amax((2, 3)) > 0.5).float().mean()
    assert 0.3 < float(present) < 0.9


def test_a_good_part_of_what_is_seen_has_no_texture_but_most_of_it_has(many: tuple[Scene, Camera]) -> None:
    """Deviation below 1 % of the mean in 9×9 px: less than the shot noise of a phone."""
    sharp = front_most(many[0])[0][:, 0].numpy()
    mean, square = (np.stack([uniform_filter(s**p, 9) for s in sharp.astype(np.float64)]) for p in (1, 2))
    bare = np.sqrt(np.maximum(square - mean**2, 0)) < 0.01 * mean
    assert 0.08 < bare.mean() < 0.35
    assert 0.005 < (bare.mean((1, 2)) > 0.7).mean() < 0.3


def test_backgrounds_are_flat_slanted_and_bent(many: tuple[Scene, Camera]) -> None:
    """A floor that meets a wall is a crease: a second difference in a line, none beside it."""
    scene, camera = many
    behind = camera.disparity(scene.inverse_depth[:, 0]).double()
    range_ = behind.amax((1, 2)) - behind.amin((1, 2))
    bent = (behind[:, 2:] - 2 * behind[:, 1:-1] + behind[:, :-2]).abs().amax((1, 2)) > 1e-3
    assert 0.15 < float((range_ < 0.05).double().mean()) < 0.5
    assert 0.1 < float(bent.double().mean()) < 0.6


def test_thin_structures_stand_in_front_of_other_things_in_many_scenes(many: tuple[Scene, Camera]) -> None:
    def thin(cover: np.ndarray) -> bool:
        solid = cover > 0.5
        return solid.sum() > 60 and np.percentile(distance_transform_edt(solid)[solid], 90) <= 2

    share = np.mean([any(thin(c) for c in layers[1:]) for layers in many[0].coverage.numpy()])
    assert 0.2 < share < 0.8


def test_neighbouring_surfaces_differ_in_disparity_at_outlines(many: tuple[Scene, Camera]) -> None:
    scene, camera = many
    disparity = camera.disparity(front_most(scene)[1])[:, 0]
    jumps = disparity.diff(dim=2).abs().amax((1, 2))
    assert float((jumps > 0.5).float().mean()) > 0.5
    assert float((jumps > 2.0).float().mean()) > 0.2


def test_colour_changes_nothing_but_adds_red_and_blue() -> None:
    grey, coloured = seen(8, 4, (H, W))[0], seen(8, 4, (H, W), colour=True)[0]
    for part in ("texture", "coverage", "inverse_depth"):
        assert torch.equal(getattr(grey, part), getattr(coloured, part))
    assert coloured.colour is not None
    assert coloured.colour.shape == (4, 6, 3, H, W)
    assert torch.equal(coloured.colour[:, :, 1], coloured.texture)
    assert not torch.equal(coloured.colour[:, :, 0], coloured.colour[:, :, 2])
    assert torch.all(torch.isfinite(coloured.colour))
