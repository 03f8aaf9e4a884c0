"""A rig's frames, kept on disk, label like those just rendered, and keep where a pair lies to better than 0.01 px."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.data.plane_pool import PlanePool
from training.data.rendered import RenderedData
from training.rig import PLACES
from training.tasks.rig_frames import RigFrames, _homography, _numbers
from training.tasks.rig_scenes import RigScenes

DATA = RenderedData(count=2, size=64, seed=3)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> PlanePool:
    pool = PlanePool(RigFrames(DATA, 1008), tmp_path_factory.mktemp("frames"))
    pool.prepare()
    return pool


def test_a_plane_of_float16_keeps_a_homography() -> None:
    turned = torch.tensor([[[0.9999, -0.012, 3.21], [0.012, 0.9999, -11.7], [6.1e-6, -2.3e-5, 0.99995]]])
    read = _homography(_numbers(turned, 176).half().float(), 176)
    corners = torch.tensor([[88.0, 88.0, 1.0], [-88.0, 88.0, 1.0], [0.0, -88.0, 1.0]]).T
    for exact, found in ((turned[0] @ corners, read[0] @ corners),):
        torch.testing.assert_close(found[:2] / found[2], exact[:2] / exact[2], rtol=0, atol=0.001)


def test_frames_on_disk_are_labelled_like_those_just_rendered(pool: PlanePool) -> None:
    for fit in ("none", "matching"):
        fresh, kept = (RigScenes(DATA, 1008, "truth", fit, frames).planes(1) for frames in (None, pool.path))
        np.testing.assert_array_equal(fresh, kept)


def test_the_file_of_the_frames_does_not_change_what_the_labels_are_called(pool: PlanePool) -> None:
    assert RigScenes(DATA, 1008).identity() == RigScenes(DATA, 1008, frames=pool.path).identity()


def test_phones_of_a_scene_are_exposed_alike(pool: PlanePool) -> None:
    views = pool.maker.views(0, pool.planes()[: len(PLACES)])  # type: ignore[attr-defined]
    light = torch.stack([torch.cat([view.left, view.right]).mean() for view in views.values()])
    assert float(light.mean()) == pytest.approx(0.35, rel=0.01)
    assert float(light.std()) > 1e-4
