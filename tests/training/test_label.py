"""`dpocket label`: complete, resumable, the same bytes however many processes take part, nothing skipped in silence."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_trees import (
    FAR,
    NEAR,
    ROOT,
    SQUARE,
    command,
    dual_pixel_tree,
    environment,
    labels_in,
    middlebury_tree,
    stereo_views,
    write_view,
)

import dpocket
from runtime_py.captures.pfm import read_pfm
from runtime_py.errors import DpocketError
from runtime_py.files import sha256_of
from training.checkpoint import SHIPPED
from training.label import LabelJob, Shard, label_dataset


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return middlebury_tree(tmp_path_factory.mktemp("stereo"))


@pytest.fixture(scope="module")
def stereo_labels(stereo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of `stereo` with confidence, by one process at one go."""
    out = tmp_path_factory.mktemp("labels") / "out"
    assert label_dataset(LabelJob(stereo, "sgbm", out, confidence=True), Shard()).complete
    return out


def sidecar(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "labels.json").read_text())
    return found


def test_a_label_holds_the_disparity_of_its_frame(stereo_labels: Path) -> None:
    disparity = read_pfm(stereo_labels / "trainingQ" / "s00.pfm")
    assert disparity.shape == (100, 180)
    square = disparity[SQUARE][5:-5, 5:-5]
    wall = np.r_[disparity[5:20, 20:-5].ravel(), disparity[80:95, 20:-5].ravel()]
    assert float(np.abs(square - NEAR).max()) < 0.25
    assert float(np.abs(wall - FAR).max()) < 0.25


def test_what_only_the_left_camera_sees_has_no_confidence_and_the_disparity_behind_it(stereo_labels: Path) -> None:
    disparity = read_pfm(stereo_labels / "trainingQ" / "s00.pfm")
    confidence = read_pfm(stereo_labels / "trainingQ" / "s00.confidence.pfm")
    # The square covers NEAR - FAR more columns of the wall, to its left, in the right view than in the left one.
    hidden = (slice(36, 64), slice(SQUARE[1].start - (NEAR - FAR) + 1, SQUARE[1].start - 1))
    assert float(np.median(confidence[hidden])) == 0
    assert float(np.median(np.abs(disparity[hidden] - FAR))) < 1
    assert float(np.median(confidence[SQUARE])) > 0.9


def test_the_sidecar_says_what_the_numbers_are_and_where_they_come_from(stereo_labels: Path) -> None:
    told = sidecar(stereo_labels)
    assert told["settings"]["dataset"] == "middlebury"
    assert told["settings"]["teacher"]["teacher"] == "sgbm"
    assert told["settings"]["teacher"]["stereo_block"] == 1
    assert told["meaning"]["sign"].startswith("x_left - x_right")
    assert told["meaning"]["unit"].startswith("px")
    assert (told["frames"], told["labelled"], told["pending"], told["complete"]) == (4, 4, 0, True)
    assert told["kinds"] == ["stereo, horizontal"]
    assert {"python", "numpy", "torch"} <= told["versions"].keys()


def test_the_weights_of_a_checkpoint_are_named_by_their_hash(tmp_path: Path) -> None:
    tree = dual_pixel_tree(tmp_path / "tree", 1)
    label_dataset(LabelJob(tree, str(SHIPPED), tmp_path / "out"), Shard())
    assert sidecar(tmp_path / "out")["settings"]["teacher"]["weights_sha256"] == sha256_of(SHIPPED)
    assert sidecar(tmp_path / "out")["kinds"] == ["dual-pixel, horizontal"]


def test_shards_share_no_frame_and_together_give_what_one_process_gives(
    stereo: Path, stereo_labels: Path, tmp_path: Path
) -> None:
    job = LabelJob(stereo, "sgbm", tmp_path / "out", confidence=True)
    seen: list[set[str]] = []
    for rank in (2, 0, 1):
        before = set(labels_in(job.out))
        summary = label_dataset(job, Shard(rank, 3))
        seen.append(set(labels_in(job.out)) - before)
        assert summary.complete == (rank == 1)
    assert sum(len(part) for part in seen) == len(set.union(*seen)) == 8
    assert labels_in(job.out) == labels_in(stereo_labels)


def test_two_worker_processes_give_the_same_bytes(stereo: Path, stereo_labels: Path, tmp_path: Path) -> None:
    job = LabelJob(stereo, "sgbm", tmp_path / "out", confidence=True)
    assert label_dataset(job, Shard(), workers=2).labelled == 4
    assert labels_in(job.out) == labels_in(stereo_labels)


def test_two_processes_of_torchrun_give_the_same_bytes(stereo: Path, stereo_labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    call = command("label", stereo, "--teacher", "sgbm", "--confidence", "--out", out, torchrun=2)
    done = subprocess.run(call, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert labels_in(out) == labels_in(stereo_labels)
    told, alone = sidecar(out), sidecar(stereo_labels)
    assert told == alone
    assert {p.name for p in (out / ".labels").iterdir()} == {"0-of-2.json", "1-of-2.json"}


def test_a_killed_run_is_continued_to_the_same_bytes(tmp_path: Path) -> None:
    tree = middlebury_tree(tmp_path / "tree", 24)
    whole, out = tmp_path / "whole", tmp_path / "out"
    label_dataset(LabelJob(tree, "sgbm", whole), Shard())
    process = subprocess.Popen(
        command("label", tree, "--teacher", "sgbm", "--out", out),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not labels_in(out) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.wait()
    kept = {p: p.stat().st_mtime_ns for p in out.rglob("*.pfm")}
    assert 0 < len(kept) < 24
    assert not sidecar(out)["complete"]
    assert all(labels_in(whole)[name] == content for name, content in labels_in(out).items())
    assert label_dataset(LabelJob(tree, "sgbm", out), Shard()).complete
    assert labels_in(out) == labels_in(whole)
    assert sidecar(out) == sidecar(whole)
    assert {p: p.stat().st_mtime_ns for p in kept} == kept


def test_a_corrupt_frame_is_named_counted_and_skipped_until_it_is_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, out = middlebury_tree(tmp_path / "tree", 3), tmp_path / "out"
    torn = tree / "trainingQ" / "s01" / "im1.png"
    whole = torn.read_bytes()
    torn.write_bytes(whole[:400])
    arguments = ["label", str(tree), "--teacher", "sgbm", "--out", str(out)]
    with pytest.raises(SystemExit) as done:
        dpocket.main(arguments)
    said = capsys.readouterr().out
    assert done.value.code == 1
    assert "2 of 3 frames labelled, 1 skipped" in said
    assert "trainingQ/s01" in said
    (skipped,) = sidecar(out)["skipped"]
    assert skipped["name"] == "trainingQ/s01"
    assert "im1.png is a truncated PNG" in skipped["reason"]
    torn.write_bytes(whole)
    with pytest.raises(SystemExit) as done:
        dpocket.main(arguments)
    assert not done.value.code
    assert sidecar(out)["skipped"] == []
    assert sidecar(out)["labelled"] == 3


def test_a_process_that_leaves_work_to_others_does_not_fail_for_its_skipped_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = middlebury_tree(tmp_path / "tree", 2)
    (tree / "trainingQ" / "s00" / "im0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    codes = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "2")
        with pytest.raises(SystemExit) as done:
            dpocket.main(["label", str(tree), "--teacher", "sgbm", "--out", str(tmp_path / "out")])
        codes.append(done.value.code or 0)
    assert codes == [0, 1]


def test_other_settings_may_not_continue_a_folder(stereo: Path, stereo_labels: Path) -> None:
    job = LabelJob(stereo, "sgbm", stereo_labels, settings=("stereo_block=5",), confidence=True)
    with pytest.raises(DpocketError, match="stereo_block: 1 there, 5 now"):
        label_dataset(job, Shard())
    with pytest.raises(DpocketError, match="confidence: True there, False now"):
        label_dataset(LabelJob(stereo, "sgbm", stereo_labels), Shard())


def test_a_full_disk_leaves_no_part_of_a_label_and_stops(
    stereo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = LabelJob(stereo, "sgbm", tmp_path / "out")
    label_dataset(job, Shard(0, 2))
    kept = labels_in(job.out)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DpocketError, match="No space left"):
        label_dataset(job, Shard(1, 2))
    assert labels_in(job.out) == kept


def test_what_a_killed_process_left_half_written_is_removed_once_it_is_old(stereo: Path, tmp_path: Path) -> None:
    job = LabelJob(stereo, "sgbm", tmp_path / "out")
    label_dataset(job, Shard(0, 2))
    old, young = (job.out / "trainingQ" / f".s01.pfm.{name}" for name in ("old", "young"))
    for file in (old, young):
        file.write_bytes(b"Pf")
    os.utime(old, (time.time() - 7200,) * 2)
    label_dataset(job, Shard(1, 2))
    assert not old.exists()
    assert young.exists()


def refused(**changes: Any) -> str:
    with pytest.raises(DpocketError) as error:
        label_dataset(LabelJob(**changes), Shard())
    return str(error.value)


def test_jobs_that_cannot_be_done_are_answered_with_what_can(stereo: Path, tmp_path: Path) -> None:
    out, empty = tmp_path / "out", tmp_path / "empty"
    empty.mkdir()
    assert "sgbm" in (said := refused(root=stereo, teacher="unimatch", out=out))
    assert "zncc" in said
    assert "checkpoint" in said
    assert "im0.png + im1.png" in refused(root=empty, teacher="sgbm", out=out)
    assert "there is no folder" in refused(root=tmp_path / "nowhere", teacher="sgbm", out=out)
    assert "no dataset 'kiti'" in refused(root=stereo, teacher="sgbm", out=out, dataset="kiti")
    assert "no kind of pair 'mono'" in refused(root=stereo, teacher="sgbm", out=out, pair="mono")
    assert "lie inside of each other" in refused(root=stereo, teacher="sgbm", out=stereo / "labels")
    assert "lie inside of each other" in refused(root=stereo, teacher="sgbm", out=stereo.parent)
    assert "is a stereo pair" in refused(root=stereo, teacher="zncc", out=tmp_path / "zncc")
    assert "is a stereo pair" in refused(root=stereo, teacher="sgbm", out=tmp_path / "dual", pair="dual-pixel")
    assert "stereo_blok" in refused(root=stereo, teacher="sgbm", out=out, settings=("stereo_blok=3",))
    assert "is a int" in refused(root=stereo, teacher="sgbm", out=out, settings=("stereo_block=wide",))
    assert "odd" in refused(root=stereo, teacher="sgbm", out=out, settings=("stereo_block=4",))
    assert not out.exists()


def test_a_folder_with_other_files_is_not_taken_for_labels(stereo: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "holds files and no labels.json" in refused(root=stereo, teacher="sgbm", out=tmp_path)


def test_a_tree_of_two_datasets_is_not_labelled_by_half(tmp_path: Path) -> None:
    tree, out = middlebury_tree(tmp_path / "tree", 1), tmp_path / "out"
    for name, view in zip("lr", stereo_views(), strict=True):
        write_view(tree / "box" / "001" / f"{name}.png", view)
    said = refused(root=tree, teacher="sgbm", out=out)
    assert "dp119" in said
    assert "middlebury" in said
    assert label_dataset(LabelJob(tree, "sgbm", out, dataset="dp119"), Shard()).frames == 1


@pytest.mark.parametrize(
    "variables", [{"RANK": "2", "WORLD_SIZE": "2"}, {"RANK": "0"}, {"RANK": "-1", "WORLD_SIZE": "2"}]
)
def test_a_rank_outside_of_its_world_is_refused(variables: dict[str, str]) -> None:
    with pytest.raises(DpocketError, match="WORLD_SIZE"):
        Shard.from_environment(variables)


def test_without_torchrun_the_whole_is_one_shard() -> None:
    assert Shard.from_environment({}) == Shard(0, 1)
    assert Shard.from_environment({"RANK": "1", "WORLD_SIZE": "4"}) == Shard(1, 4)
