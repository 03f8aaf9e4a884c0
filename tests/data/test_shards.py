"""Shards: what is written is read, by whoever shares the reading, once; damage is named."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from noise_frames import NoiseFrames, noise_shards, numbers
from random_samples import same

from runtime_py.errors import DpocketError
from training.data.shard_reader import ShardReader, Share
from training.data.shards import ShardSet, open_shards, write_shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> ShardSet:
    """37 frames, seven to a shard and two in the last."""
    return noise_shards(37, tmp_path_factory.mktemp("shards"))


def read(reader: ShardReader, epoch: int = 0) -> list[int]:
    return numbers([s.names[0] for s in reader.epoch(epoch)])


def test_every_member_survives_the_way_through_a_shard(tmp_path: Path) -> None:
    frames = NoiseFrames(3, full=True)
    written, skipped = write_shards(frames, tmp_path)
    assert skipped == ()
    assert len(written) == 3
    found = {s.names[0]: s for s in ShardReader(open_shards(tmp_path)).epoch()}
    for n in range(3):
        assert same(found[f"{n:03d}"], frames[n])
        assert torch.equal(found[f"{n:03d}"].time, frames[n].time)


def test_half_precision_is_for_pictures_and_never_for_truth(tmp_path: Path) -> None:
    write_shards(NoiseFrames(1, full=True), tmp_path / "half", half=True)
    write_shards(NoiseFrames(1, full=True), tmp_path / "whole")
    half, whole = (next(ShardReader(open_shards(tmp_path / n)).epoch()) for n in ("half", "whole"))
    for name in ("disparity", "depth", "confidence", "valid"):
        assert torch.equal(getattr(half, name).nan_to_num(), getattr(whole, name).nan_to_num())
    assert not torch.equal(half.rgb, whole.rgb)
    torch.testing.assert_close(half.rgb, whole.rgb, rtol=2**-11, atol=1e-6)
    sizes = [(tmp_path / n / "shard-000000.tar").stat().st_size for n in ("half", "whole")]
    assert sizes[0] < 0.75 * sizes[1]


def test_the_index_counts_samples_and_proves_each_shard(shards: ShardSet) -> None:
    index = json.loads((shards.folder / "index.json").read_text())
    assert index["samples"] == len(shards) == 37
    assert sum(s["samples"] for s in index["shards"]) == 37
    assert len(index["shards"]) > 3
    for entry in index["shards"]:
        data = (shards.folder / entry["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert shards.damaged() == ()


def test_shards_follow_the_webdataset_convention(shards: ShardSet) -> None:
    """Members of one sample share the name up to its first dot and stand side by side."""
    with tarfile.open(shards.folder / shards.shards[0].file) as tar:
        names = tar.getnames()
    keys = [name.split(".", 1)[0] for name in names]
    assert keys == sorted(keys)
    assert {name.split(".", 1)[1] for name in names if name.startswith(keys[0])} == {
        "left.npy", "right.npy", "disparity.npy", "valid.npy", "json",
    }  # fmt: skip


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    streams=st.integers(1, 37), seed=st.integers(0, 99), buffer=st.sampled_from([1, 3, 8, 64]), epoch=st.integers(0, 3)
)
def test_processes_share_an_epoch_without_a_duplicate_or_a_loss(
    shards: ShardSet, streams: int, seed: int, buffer: int, epoch: int
) -> None:
    parts = [read(ShardReader(shards, Share(s, streams), seed=seed, buffer=buffer), epoch) for s in range(streams)]
    assert sorted(chain.from_iterable(parts)) == list(range(37))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1, "equal parts: nobody waits for the last"


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 60), stream=st.integers(0, 2), buffer=st.sampled_from([1, 4, 64]))
def test_reading_resumes_at_any_position(shards: ShardSet, position: int, stream: int, buffer: int) -> None:
    def endless(start: int) -> Any:
        return ShardReader(shards, Share(stream, 3), seed=5, buffer=buffer).endless(start)

    whole = endless(0)
    names = [next(whole).names[0] for _ in range(position + 15)]
    resumed = endless(position)
    assert [next(resumed).names[0] for _ in range(15)] == names[position:]


def test_epochs_differ_and_the_seed_decides_them(shards: ShardSet) -> None:
    first, second = (read(ShardReader(shards, seed=1), epoch) for epoch in (0, 1))
    assert first != second != sorted(second)
    assert read(ShardReader(shards, seed=1)) == first
    assert read(ShardReader(shards, seed=2)) != first


def test_a_buffer_of_one_reads_every_shard_from_front_to_back(shards: ShardSet) -> None:
    order = read(ShardReader(shards, buffer=1))
    steps = np.diff(order)
    assert int((steps != 1).sum()) <= len(shards.shards) - 1
    assert order != sorted(order)


def copied(shards: ShardSet, folder: Path) -> ShardSet:
    for file in shards.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return open_shards(folder)


def damage(shards: ShardSet, how: Callable[[bytearray], bytes]) -> set[int]:
    """Damages the second shard; returns its samples."""
    path = shards.folder / shards.shards[1].file
    path.write_bytes(how(bytearray(path.read_bytes())))
    first = shards.first_of(1)
    return set(range(first, first + shards.shards[1].samples))


def _flip_a_pixel(data: bytearray) -> bytes:
    data[700] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("how", "lost", "reason"),
    [
        (lambda data: b"", "all", "damaged|bytes"),
        (lambda data: bytes(data[: len(data) // 2]), "some", "damaged|bytes"),
        (lambda data: bytes(data[:100]) + b"\xff" * 200 + bytes(data[300:]), "some", "damaged|bytes"),
        (_flip_a_pixel, "some", "fails its checksum"),
    ],
    ids=["empty", "truncated", "header", "pixel"],
)
def test_a_damaged_shard_is_named_counted_and_skipped(
    shards: ShardSet, tmp_path: Path, how: Callable[[bytearray], bytes], lost: str, reason: str
) -> None:
    found = copied(shards, tmp_path)
    inside = damage(found, how)
    reader = ShardReader(found, seed=3, buffer=4, tolerated=0.5)
    kept = read(reader)
    missing = set(range(37)) - set(kept)
    assert len(kept) == len(set(kept))
    assert missing == inside if lost == "all" else missing < inside or missing == inside
    assert missing
    assert len(reader.skipped) == len(missing)
    assert all(found.shards[1].file in sentence for sentence in reader.skipped)
    assert re.search(reason, reader.skipped[0])
    (sentence,) = found.damaged()
    assert found.shards[1].file in sentence


def test_a_missing_shard_is_skipped_and_many_are_an_error(shards: ShardSet, tmp_path: Path) -> None:
    found = copied(shards, tmp_path)
    (tmp_path / found.shards[1].file).unlink()
    assert len(read(ShardReader(found, tolerated=0.5))) == 37 - found.shards[1].samples
    for shard in found.shards[2:]:
        (tmp_path / shard.file).unlink()
    with pytest.raises(DpocketError, match="of 37 frames could not be read, which is no accident"):
        read(ShardReader(found, tolerated=0.5))


def test_a_thorough_reader_takes_nothing_from_a_shard_that_was_changed(shards: ShardSet, tmp_path: Path) -> None:
    found = copied(shards, tmp_path)
    inside = damage(found, _flip_a_pixel)
    kept = read(ShardReader(found, tolerated=0.5, thorough=True))
    assert set(range(37)) - set(kept) == inside


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 40))
def test_positions_do_not_move_when_a_sample_is_lost(shards: ShardSet, tmp_path_factory: Any, position: int) -> None:
    found = copied(shards, tmp_path_factory.mktemp("damaged"))
    damage(found, _flip_a_pixel)
    whole, torn = (ShardReader(s, seed=7, buffer=4, tolerated=0.5).endless(position) for s in (shards, found))
    names = [(next(whole).names[0], next(torn).names[0]) for _ in range(37)]
    assert sum(a != b for a, b in names) <= 4, "one block has a substitute and another order, no other changes"


def test_unreadable_frames_are_left_out_of_the_shards_and_remembered_in_the_index(tmp_path: Path) -> None:
    written, skipped = write_shards(NoiseFrames(9, broken=frozenset({4})), tmp_path)
    assert len(written) == 8
    assert skipped == ("frame 004 is torn",)
    assert json.loads((tmp_path / "index.json").read_text())["skipped"] == ["frame 004 is torn"]
    assert sorted(read(ShardReader(written))) == [0, 1, 2, 3, 5, 6, 7, 8]


def test_shards_are_not_written_over_others(shards: ShardSet) -> None:
    with pytest.raises(DpocketError, match="already holds shards"):
        write_shards(NoiseFrames(2), shards.folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": "other"}, "is other, samples of version 1"),
        ({"sample_version": 99}, "version 99; this is"),
        ({"shards": []}, "lists no shards"),
        ({"shards": [{"file": "../../etc/passwd", "samples": 1, "bytes": 1, "sha256": ""}]}, "no writer wrote"),
        ({"shards": [{"file": "a.tar"}]}, "is no index"),
    ],
)
def test_an_index_that_no_writer_wrote_is_refused(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    write_shards(NoiseFrames(2), tmp_path)
    index = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(index | change))
    with pytest.raises(DpocketError, match=sentence):
        open_shards(tmp_path)


def test_a_folder_without_an_index_is_no_set_of_shards(tmp_path: Path) -> None:
    with pytest.raises(DpocketError, match=r"holds no index\.json"):
        open_shards(tmp_path)


def test_more_processes_than_samples_and_streams_that_do_not_exist_are_refused(shards: ShardSet) -> None:
    with pytest.raises(DpocketError, match="37 samples cannot be read by 38 processes"):
        ShardReader(shards, Share(0, 38))
    with pytest.raises(DpocketError, match="no stream 3 of 3"):
        Share(3, 3)
