"""`export`: what is asked for is checked first, and files come whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from convert.artifact import Artifact
from convert.meaning import Meaning
from convert.targets import ALL_TARGETS, TARGETS, export, precisions_of
from runtime_py.errors import DpocketError
from runtime_py.manifest import contract_of, manifest_path
from training.graph import StudentGraph
from training.quantize import Grid

Exports = Mapping[tuple[str, str], Artifact]


def test_every_target_has_int8_and_fp32() -> None:
    assert all({"int8", "fp32"} <= set(precisions_of(name)) for name in TARGETS)


def test_an_unknown_target_names_the_known_ones(
    graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path: Path
) -> None:
    with pytest.raises(DpocketError, match="no target 'tensorrt'; there are: litert, executorch, coreml, onnx"):
        export(graph, meaning, ["litert", "tensorrt"], "int8", tmp_path, grid)
    assert not list(tmp_path.iterdir())


def test_a_refused_precision_says_why_and_what_there_is(
    graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path: Path
) -> None:
    with pytest.raises(DpocketError, match=r"executorch has no fp16: .*float32 weights.*; it has fp32, int8"):
        export(graph, meaning, ["litert", "executorch"], "fp16", tmp_path, grid)
    assert not list(tmp_path.iterdir())


def test_int8_without_a_grid_asks_for_calibration(graph: StudentGraph, meaning: Meaning, tmp_path: Path) -> None:
    with pytest.raises(DpocketError, match="calibrate it first"):
        export(graph, meaning, ["litert"], "int8", tmp_path)


def test_the_grid_of_another_student_is_refused(graph: StudentGraph, meaning: Meaning, tmp_path: Path) -> None:
    with pytest.raises(DpocketError, match="calibrate"):
        export(graph, meaning, ["litert"], "int8", tmp_path, Grid({}, {}))


@pytest.mark.parametrize("target", ["litert", "onnx", "coreml"])
def test_the_same_student_gives_the_same_bytes(
    target: str, exports: Exports, graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path: Path
) -> None:
    (again,) = export(graph, meaning, [target], "int8", tmp_path, grid)
    assert again.manifest.sha256 == exports[target, "int8"].manifest.sha256


@pytest.mark.parametrize("target", ["litert", "coreml"])
@pytest.mark.parametrize("at_sync", [1, 2])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    target: str,
    at_sync: int,
    graph: StudentGraph,
    grid: Grid,
    meaning: Meaning,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced = 0

    def full(_: int) -> None:
        nonlocal synced
        synced += 1
        if synced >= at_sync:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DpocketError, match=r"could not write .*tiny_int8\.\w+.*: No space left on device"):
        export(graph, meaning, [target], "int8", tmp_path, grid)
    assert not list(tmp_path.iterdir())


def test_a_target_that_fails_names_what_is_complete_before_it(
    graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setitem(ALL_TARGETS, "executorch", replace(ALL_TARGETS["executorch"], write=full))  # type: ignore[arg-type]
    expected = (
        r"executorch: No space .*; nothing was written of it; complete before that: .*int8\.tflite, .*int8\.onnx$"
    )
    with pytest.raises(DpocketError, match=expected):
        export(graph, meaning, ["litert", "onnx", "executorch"], "int8", tmp_path, grid)
    complete = [tmp_path / "tiny_int8.tflite", tmp_path / "tiny_int8.onnx"]
    assert sorted(tmp_path.iterdir()) == sorted([*complete, *map(manifest_path, complete)])
    assert {contract_of(path).student for path in complete} == {"tiny"}


def test_a_full_disk_keeps_the_export_that_was_there(
    graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = export(graph, meaning, ["litert"], "int8", tmp_path, grid)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DpocketError, match="No space left"):
        export(graph, Meaning("tiny", 192, 2), ["litert"], "int8", tmp_path, grid)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert first.path.exists()
