"""Batches: what step n sees follows from n, whoever makes it; nothing misregistered or unreadable slips in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import miniature_trees as trees
import pytest
import torch
from noise_frames import NoiseFrames, noise_shards, numbers
from random_samples import full_sample, same

from runtime_py.errors import DpocketError
from training.data.augment import Augmentation
from training.data.datasets import DATASETS
from training.data.loader import Loading, batches, torchrun_place
from training.data.rendered import RenderedData, RenderedPool
from training.data.sample import Sample, check
from training.data.shards import ShardSet
from training.data.windows import network_input, prepared

SMALL = Loading(batch=4, crop=(8, 10), seed=3)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> ShardSet:
    return noise_shards(32, tmp_path_factory.mktemp("shards"))


def names(made: Iterator[Sample], steps: int) -> list[int]:
    return [n for sample in islice(made, steps) for n in numbers(sample.names)]


def test_batches_have_the_size_asked_for_and_keep_the_contract() -> None:
    for sample in batches(NoiseFrames(9, full=True), replace(SMALL, members=("rgb", "views")), steps=3):
        check(sample)
        assert sample.left.shape == (4, 1, 8, 10)
        assert sample.views.shape == (4, 4, 3, 8, 10)
        assert sample.depth is None


def test_every_epoch_shows_every_frame_once() -> None:
    shown = names(iter(batches(NoiseFrames(10), SMALL)), 15)
    for epoch in range(6):
        assert sorted(shown[epoch * 10 : epoch * 10 + 10]) == list(range(10))
    assert shown[:10] != shown[10:20]


@pytest.mark.parametrize("kind", ["frames", "shards"])
def test_a_stopped_run_goes_on_with_the_very_pixels_it_would_have_seen(kind: str, shards: ShardSet) -> None:
    source = NoiseFrames(11) if kind == "frames" else shards
    settings = replace(SMALL, augmentation=Augmentation(), scale=(1.0, 1.5))
    whole = list(batches(source, settings, steps=12))
    resumed = list(batches(source, settings, first=5, steps=7))
    assert all(same(a, b) for a, b in zip(whole[5:], resumed, strict=True))
    other = next(iter(batches(source, replace(settings, seed=4))))
    assert not same(other, whole[0])


@pytest.mark.parametrize("kind", ["frames", "shards"])
def test_processes_of_torchrun_see_different_samples_and_together_all(kind: str, shards: ShardSet) -> None:
    source = NoiseFrames(32) if kind == "frames" else shards
    parts = [names(iter(batches(source, replace(SMALL, rank=r, world=4))), 2) for r in range(4)]
    assert sorted(chain.from_iterable(parts)) == list(range(32))


def test_worker_processes_change_the_speed_and_not_the_batches() -> None:
    alone, helped = (list(batches(NoiseFrames(10), replace(SMALL, workers=w), first=3, steps=5)) for w in (0, 2))
    assert all(same(a, b) for a, b in zip(alone, helped, strict=True))


def test_workers_share_the_shards_and_resume(shards: ShardSet) -> None:
    settings = replace(SMALL, workers=2)
    whole = names(iter(batches(shards, settings, steps=8)), 8)
    assert sorted(whole) == list(range(32)), "eight batches of four are one epoch"
    assert names(iter(batches(shards, settings, first=3, steps=5)), 5) == whole[12:]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_frame_is_replaced_named_and_counted(workers: int) -> None:
    made = batches(NoiseFrames(12, broken=frozenset({5})), replace(SMALL, workers=workers), steps=6)
    shown = Counter(n for sample in made for n in numbers(sample.names))
    assert sum(shown.values()) == 24
    assert shown[5] == 0
    assert made.skipped == ("frame 005 is torn",)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_set_that_is_mostly_unreadable_is_an_error_in_plain_words(workers: int) -> None:
    with pytest.raises(DpocketError, match=r"^\d+ of 12 frames could not be read, which is no accident; .* is torn$"):
        list(batches(NoiseFrames(12, broken=frozenset(range(10))), replace(SMALL, workers=workers), steps=9))


def test_frames_too_small_for_a_window_are_skipped_with_their_size() -> None:
    @dataclass(frozen=True)
    class Mixed(NoiseFrames):
        def __getitem__(self, index: int) -> Sample:
            return replace(self, size=(6, 16))._plain(index) if index == 2 else self._plain(index)

        def _plain(self, index: int) -> Sample:
            return NoiseFrames.__getitem__(replace(self), index)

    made = batches(Mixed(8), SMALL, steps=4)
    assert all(sample.size == (8, 10) for sample in made)
    assert made.skipped == ("002 is 16×6 px, too small for windows of 10×8",)


def test_portrait_samples_come_out_with_a_horizontal_axis() -> None:
    @dataclass(frozen=True)
    class Portrait(NoiseFrames):
        def __getitem__(self, index: int) -> Sample:
            return replace(NoiseFrames.__getitem__(self, index), dp_axis="vertical")

    (sample,) = batches(Portrait(5, size=(16, 12)), replace(SMALL, crop=(6, 14)), steps=1)
    assert (sample.size, sample.dp_axis) == ((6, 14), "horizontal")


def test_a_drawn_scale_multiplies_the_disparity() -> None:
    sample = full_sample(size=(40, 60))
    sample = replace(sample, disparity=torch.full_like(sample.left, 2.0), valid=torch.ones_like(sample.left))
    window = prepared(sample, replace(SMALL, scale=(2.0, 2.0)), torch.Generator().manual_seed(0))
    assert window.size == (8, 10)
    torch.testing.assert_close(window.disparity, torch.full((1, 1, 8, 10), 4.0))


def test_windows_look_for_known_truth() -> None:
    sample = full_sample(size=(40, 60), offsets=())
    valid = torch.zeros(1, 1, 40, 60)
    valid[..., :, 40:] = 1
    sample = replace(sample, valid=valid, disparity=torch.ones_like(valid))
    shares = {}
    for known in (0.0, 0.5):
        drawn = [
            prepared(sample, replace(SMALL, known=known), torch.Generator().manual_seed(n)).valid for n in range(60)
        ]
        shares[known] = sum(float(v.mean()) >= 0.5 for v in drawn) / 60
    assert shares[0.0] < 0.5
    assert shares[0.5] > 0.85


def test_windows_are_all_over_the_frame() -> None:
    column = torch.arange(16.0).expand(1, 1, 12, 16) / 100
    sample = Sample(column, column, torch.ones_like(column), torch.ones_like(column))
    starts = {
        round(100 * float(prepared(sample, SMALL, torch.Generator().manual_seed(n)).left[0, 0, 0, 0]))
        for n in range(80)
    }
    assert starts == set(range(7))


def test_batches_come_from_a_pool_of_rendered_scenes_too() -> None:
    pool = RenderedPool(RenderedData(count=4, size=16), None)
    first, again = (list(batches(pool, SMALL, first=1, steps=2)) for _ in range(2))
    assert first[0].left.shape == (4, 1, 8, 10)
    assert same(first[0], again[0])
    assert not same(first[0], first[1])
    other = next(iter(batches(pool, replace(SMALL, rank=1, world=2), first=1)))
    assert not torch.equal(other.left, first[0].left)


def test_a_dataset_without_registration_gives_no_batches_of_its_truth_or_colour(tmp_path: Path) -> None:
    frames = DATASETS["dpmv"].open(trees.dpmv(tmp_path, videos=trees.VIDEOS[:1]))
    settings = Loading(batch=2, crop=(10, 8))
    with pytest.raises(DpocketError, match="its rgb and truth lie on another grid"):
        next(iter(batches(frames, settings)))
    alone = next(iter(batches(frames, replace(settings, members=("left", "right")))))
    assert alone.rgb is None
    assert float(alone.valid.max()) == 0


def test_network_input_stacks_planes_and_views_in_the_order_of_their_names() -> None:
    sample = full_sample(batch=2)
    stacked = network_input(sample, ("rgb", "left", "right", "views"))
    assert stacked.shape == (2, 3 + 1 + 1 + 12, 6, 8)
    assert torch.equal(stacked[:, 3:4], sample.left)
    assert torch.equal(stacked[:, 5:8], sample.views[:, 0])
    with pytest.raises(DpocketError, match="s0-0, s0-1 has no rgb to stack"):
        network_input(replace(sample, rgb=None), ("rgb", "left"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"members": ("flow",)}, "no member 'flow'; they may have left, right"),
        ({"batch": 0}, "a batch is 1 at least"),
        ({"rank": 2, "world": 2}, "ranks count from 0"),
        ({"scale": (0.0, 1.0)}, "positive factors"),
    ],
)
def test_settings_that_mean_nothing_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DpocketError, match=sentence):
        Loading(**change)


def test_the_place_among_processes_is_torchruns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert torchrun_place() == (0, 1)
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert torchrun_place() == (3, 8)
