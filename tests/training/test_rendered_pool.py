"""The pool of rendered scenes: every sample reproducible, a stopped preparation lossless."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.block_matching import matched_disparity
from training.data import plane_pool
from training.data.rendered import RenderedData, RenderedPool, render_sample
from training.optics import random_aperture, splat_kernels
from training.tasks.scenes import RELIEF, FixedPool

TINY = RenderedData(count=70, size=16)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render in a thread: starting processes is not what is tested, and takes seconds."""

    def pool(workers: int, mp_context: Any, initializer: Any) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1)

    monkeypatch.setattr(plane_pool, "ProcessPoolExecutor", pool)


@pytest.fixture(scope="module")
def in_memory() -> np.ndarray:
    return RenderedPool(TINY, None).pixels


def test_sample_depends_on_seed_and_index_alone(in_memory: np.ndarray) -> None:
    torch.manual_seed(123)
    for index in (41, 3):
        for other_count in (1, 500):
            planes = render_sample(replace(TINY, count=other_count), index)
            np.testing.assert_array_equal(planes, in_memory[index])
    assert not np.array_equal(in_memory[3], in_memory[4])
    assert not np.array_equal(render_sample(replace(TINY, seed=2), 3), in_memory[3])


def test_scenes_are_those_that_students_are_trained_on() -> None:
    """A fingerprint of the disparities: a change of any draw or of the order of draws moves it."""
    found = [render_sample(RenderedData(size=32), index)[2].astype(np.float64) for index in range(3)]
    assert [d.mean() for d in found] == pytest.approx([3.4156, -1.7535, -0.1894], abs=2e-3)
    assert [d.std() for d in found] == pytest.approx([0.0828, 0.0468, 0.7334], abs=2e-3)


def test_samples_are_finite_exposed_to_the_stated_mean_and_within_reach(in_memory: np.ndarray) -> None:
    assert in_memory.shape == (70, 4, 16, 16)
    assert in_memory.dtype == np.float16
    assert np.isfinite(in_memory).all()
    np.testing.assert_allclose(in_memory[:, 0].astype(np.float64).mean((1, 2)), 0.35, rtol=0.01)
    assert np.abs(in_memory[:, 2]).max() <= TINY.reach


def test_file_cache_holds_the_same_pixels_as_memory(tmp_path: Path, in_memory: np.ndarray) -> None:
    """Through real worker processes, as training does it."""
    pool = RenderedPool(replace(TINY, count=6), tmp_path)
    np.testing.assert_array_equal(pool.pixels, in_memory[:6])
    np.testing.assert_array_equal(np.load(tmp_path / pool.path.name, allow_pickle=False), in_memory[:6])


@pytest.mark.usefixtures("in_process")
def test_interrupted_preparation_goes_on_where_it_was(tmp_path: Path, in_memory: np.ndarray) -> None:
    def stop(done: int, of: int) -> None:
        if done == 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RenderedPool(TINY, tmp_path).prepare(progress=stop)
    (file,) = tmp_path.glob("*.npy")
    pixels = np.load(file, mmap_mode="r+", allow_pickle=False)
    np.testing.assert_array_equal(pixels[:32], in_memory[:32])
    pixels[5] = 7.0
    pixels.flush()
    seen: list[tuple[int, int]] = []
    resumed = RenderedPool(TINY, tmp_path)
    resumed.prepare(progress=lambda done, of: seen.append((done, of)))
    assert seen == [(done, 70) for done in range(33, 71)]
    np.testing.assert_array_equal(resumed.pixels[32:], in_memory[32:])
    np.testing.assert_array_equal(resumed.pixels[5], np.float16(7.0))


@pytest.mark.usefixtures("in_process")
def test_complete_cache_is_not_rendered_again_and_one_without_its_marker_is(tmp_path: Path) -> None:
    data = replace(TINY, count=2)
    seen: list[int] = []
    for _ in range(2):
        RenderedPool(data, tmp_path).prepare(progress=lambda done, of: seen.append(done))
    assert seen == [1, 2]
    next(tmp_path.glob("*.done")).unlink()
    RenderedPool(data, tmp_path).prepare(progress=lambda done, of: seen.append(done))
    assert seen == [1, 2, 1, 2]


@pytest.mark.parametrize("change", [{"count": 71}, {"size": 32}, {"reach": 5.0}, {"seed": 2}, {"misregistration": 0.5}])
def test_other_settings_have_another_cache(change: dict[str, Any], tmp_path: Path) -> None:
    assert replace(TINY, **change).identity() != TINY.identity()
    assert RenderedPool(replace(TINY, **change), tmp_path).path != RenderedPool(TINY, tmp_path).path


def test_batches_hold_samples_of_the_pool_drawn_by_the_generator(in_memory: np.ndarray) -> None:
    pool = RenderedPool(TINY, None)
    first, again = (pool.batch(5, torch.Generator().manual_seed(9)) for _ in range(2))
    assert torch.equal(first.left, again.left)
    assert first.left.shape == first.valid.shape == (5, 1, 16, 16)
    for index in range(5):
        planes = torch.cat(
            [first.left[index], first.right[index], first.disparity[index], first.confidence[index]]
        ).numpy()
        assert any(np.array_equal(planes, sample.astype(np.float32)) for sample in in_memory)
    assert torch.all(first.valid == 1)
    np.testing.assert_array_equal(pool.every().disparity[:, 0].numpy(), in_memory[:, 2].astype(np.float32))


def test_lenses_are_of_every_family_not_mirror_images_and_of_realistic_strength() -> None:
    generator = torch.Generator().manual_seed(0)
    lenses = random_aperture(generator, 60)
    alphas = lenses.alpha.numpy()
    assert 0.05 < alphas.min() < 0.1
    assert 0.35 < alphas.max() < 0.43
    assert 0.12 < np.median(alphas) < 0.25
    left, right = splat_kernels(lenses, torch.full((60, 1), 8.0), (24, 24))[0, 0]
    assert float((left - right.flip(-1).roll(1, -1)).abs().max()) > 1e-3


def test_truth_of_random_scenes_is_what_block_matching_finds() -> None:
    """In the median over windows with edges along rows; single ones hold outlines, slants and blurred gratings."""
    data = RenderedData(size=96, reach=3.0, seed=11, misregistration=0.0)
    errors = []
    for index in range(80):
        left, right, truth, _ = (plane.astype(np.float64) for plane in render_sample(data, index))
        window = (slice(24, 72), slice(12, 84))
        steps = np.abs(np.diff(left[window], axis=1)).mean()
        if truth[16:80].std() < 0.15 and steps > 0.02 * left[window].mean():
            errors.append(abs(matched_disparity(left[window], right[window]) - truth[24:72, 24:72].mean()))
    assert len(errors) >= 5
    assert np.median(errors) < 0.2


def test_spread_of_a_pool_is_the_deviation_of_each_samples_disparity() -> None:
    pool = RenderedPool(TINY, None)
    disparity = np.asarray(pool.pixels[:, 2, ::4, ::4], np.float64)
    expected = disparity.reshape(len(disparity), -1).std(1, ddof=1)
    np.testing.assert_allclose(pool.spread().numpy(), expected, rtol=1e-4, atol=1e-6)


def test_scenes_of_more_relief_are_drawn_as_much_more_often_as_asked() -> None:
    pool = RenderedPool(TINY, None)
    spread = pool.spread()
    weights = spread.clamp(*RELIEF) ** 2
    drawn = FixedPool(pool, 2.0).draw(0, 0, 4000, torch.Generator().manual_seed(1))
    planes = pool.every().disparity
    counts = torch.tensor([float((drawn.disparity == plane).flatten(1).all(1).sum()) for plane in planes])
    expected = 4000 * weights / weights.sum()
    assert float(((counts - expected) / expected.sqrt()).square().sum()) < len(planes) + 5 * (2 * len(planes)) ** 0.5
    assert FixedPool(pool).weights is None
