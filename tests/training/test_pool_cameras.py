"""Drawing scenes by the camera that saw them."""

from __future__ import annotations

import pytest
import torch

from runtime_py.errors import DpocketError
from training.camera import Camera
from training.data import rendered
from training.data.cameras import alphas
from training.data.rendered import RenderedData, RenderedPool
from training.recipes import recipe
from training.tasks import make_task
from training.tasks.scenes import FixedPool

DATA = RenderedData(count=6, size=64)


@pytest.fixture(scope="module")
def pool() -> RenderedPool:
    return RenderedPool(DATA, None)


def test_alphas_are_those_of_the_cameras_that_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    plain = rendered.random_camera

    def watched(generator: torch.Generator, batch: int, reach: float) -> Camera:
        camera = plain(generator, batch, reach)
        seen.extend(camera.alpha.tolist())
        return camera

    monkeypatch.setattr(rendered, "random_camera", watched)
    for index in range(DATA.count):
        rendered.render_sample(DATA, index)
    assert alphas(DATA).tolist() == seen
    assert len(set(seen)) == DATA.count


def test_only_scenes_among_the_chosen_ones_are_drawn(pool: RenderedPool) -> None:
    """Means of the left views tell the scenes apart."""
    chosen = alphas(DATA) >= alphas(DATA).median()
    means = pool.every().disparity.mean((1, 2, 3))
    for relief in (0.0, 1.0):
        fixed = FixedPool(pool, relief, chosen)
        drawn = fixed.draw(0, 0, 60, torch.Generator().manual_seed(3)).disparity.mean((1, 2, 3))
        known = {round(float(m), 5) for m in means[chosen]}
        assert {round(float(m), 5) for m in drawn} <= known
        assert len({round(float(m), 5) for m in drawn}) > 1


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("pyramid", ["task.relief=0", "fresh.scenes=1", "task.least_alpha=0.1"], "which draws from a fixed pool"),
        ("explicit", ["task.least_alpha=0.1"], "the task 'explicit' draws all scenes"),
        ("recursive-1", ["task.least_alpha=0.1"], "the task 'recursive' draws all scenes"),
    ],
)
def test_where_scenes_cannot_be_chosen_by_camera_that_is_said(name: str, settings: list[str], sentence: str) -> None:
    with pytest.raises(DpocketError, match=sentence):
        make_task(recipe(name, settings))
