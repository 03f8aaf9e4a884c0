"""The fuzzing command on a few hundred files of each format, and the command itself."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fuzz import fuzzed
from benchmarks.fuzzing.mutations import Seed, flatbuffer_seed, mutated, protobuf_seed
from benchmarks.fuzzing.seeds import artifacts
from benchmarks.fuzzing.worker import damaged
from benchmarks.models import INT8_OPS
from runtime_py.readers import READERS

SOURCES = {
    "tflite": ("generated",),
    "onnx": ("generated",),
    "pte": ("exported",),
    "mlpackage": ("exported",),
    "dpz": ("generated",),
}
PACKAGES = {
    "tflite": ("ai_edge_litert", "flatbuffers"),
    "onnx": ("onnx",),
    "pte": ("torch", "executorch"),
    "mlpackage": ("torch", "coremltools"),
    "dpz": (),
}
COUNT = 300


@pytest.mark.parametrize("kind", SOURCES)
def test_damaged_files_give_results_or_refusals_in_words(kind: str, tmp_path: Path) -> None:
    for package in PACKAGES[kind]:
        pytest.importorskip(package, reason=f"{package} writes the artifacts to damage")
    tally = fuzzed(kind, artifacts(kind, sources=SOURCES[kind], precisions=["int8"]), range(COUNT), tmp_path)
    assert tally.files == COUNT
    assert tally.results + tally.refused == COUNT, [p.read_text() for p in tmp_path.glob("*.json")]
    assert tally.refused > COUNT // 10
    assert tally.results > 0


def test_a_number_always_makes_the_same_file() -> None:
    pytest.importorskip("ai_edge_litert", reason="the test models are written with LiteRT's schema")
    made = [{"": _seed(name)} for name in ("conv2d", "add", "pad")]
    assert [damaged("tflite", made, 7) for _ in range(2)] == [damaged("tflite", made, 7)] * 2
    assert len({damaged("tflite", made, n)[""] for n in range(50)}) > 45


def _killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_is_replaced_and_its_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.fuzz.work", _killed)
    tally = fuzzed("tflite", [{"": Seed("s", bytes(64), ())}], range(2), tmp_path)
    assert tally.defects == 2
    assert (tmp_path / "tflite-1.tflite").exists()
    assert "ended with -9" in (tmp_path / "tflite-1.json").read_text()


def test_the_numbers_that_a_reader_goes_by_are_found() -> None:
    pytest.importorskip("ai_edge_litert", reason="the test models are written with LiteRT's schema")
    seed = _seed("conv2d")
    assert (0, 4) in seed.fields  # the offset of the root table
    assert len(seed.fields) > 100
    assert all(position + size <= len(seed.content) for position, size in seed.fields)


def test_tags_and_lengths_of_a_message_by_hand() -> None:
    # Field 1 = varint 5; field 2 = a message that holds field 3 = varint 300; field 4 = the text "dp".
    content = bytes([0x08, 5, 0x12, 3, 0x18, 0xAC, 0x02, 0x22, 2]) + b"dp"
    fields = protobuf_seed("m", content).fields
    assert {p for p, _ in fields} == {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}


def test_mutations_change_most_files() -> None:
    seed = Seed("s", bytes(range(256)), tuple((i, 4) for i in range(0, 250, 10)))
    changed = [mutated(random.Random(n), seed, [seed]) != seed.content for n in range(200)]
    assert sum(changed) > 180


def _seed(name: str) -> Seed:
    return flatbuffer_seed(name, INT8_OPS[name](np.random.default_rng(0)).content(), READERS[".tflite"])
