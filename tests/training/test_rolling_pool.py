"""The pool that a device renders for itself: what a step sees follows from the seed and the step."""

from __future__ import annotations

import torch

from training.data.rendered import RenderedData, render_batch, sample_of
from training.data.rolling import RollingPool
from training.data.sample import Sample

DATA = RenderedData(size=16, seed=5)
CPU = torch.device("cpu")


def small_pool() -> RollingPool:
    return RollingPool(DATA, CPU, block=2, blocks=3, refresh=0.5)


def drawn(pool: RollingPool, step: int) -> Sample:
    return pool.batch(step, 8, torch.Generator().manual_seed(step))


def test_a_resumed_run_draws_what_an_undisturbed_one_does() -> None:
    through = small_pool()
    for step in range(14):
        seen = drawn(through, step)
        if step in (0, 3, 4, 13):
            again = drawn(small_pool(), step)
            assert torch.equal(seen.left, again.left)
            assert torch.equal(seen.disparity, again.disparity)


def test_scenes_are_replaced_at_the_stated_rate_and_oldest_first() -> None:
    pool = small_pool()
    rendered = [pool.advance(step) for step in range(17)]
    assert rendered[0] == 6
    assert sum(rendered[1:]) == 16 * 0.5
    assert [step for step, count in enumerate(rendered) if count] == [0, 4, 8, 12, 16]


def test_samples_are_scenes_of_the_newest_blocks() -> None:
    pool = small_pool()
    step = 9
    numbers = range(pool.newest(step) - 2, pool.newest(step) + 1)
    expected = [
        render_batch(DATA, torch.Generator().manual_seed(5 * 1_000_003 + number), 2).half() for number in numbers
    ]
    known = sample_of(torch.cat(expected)).left
    for left in drawn(pool, step).left:
        assert any(torch.equal(left, candidate) for candidate in known)
