"""A few hundred damaged files through the app's Java, and the tool that counts them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from android_demo.tools import fuzz, fuzz_jvm
from android_demo.tools.toolbox import Unavailable

COUNT = 200


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> fuzz.Java:
    try:
        return fuzz.compiled(tmp_path_factory.mktemp("fuzz") / "classes")
    except Unavailable as e:
        pytest.skip(str(e))


@pytest.mark.parametrize("kind", ["dpz", "pgm", "contract"])
def test_damaged_captures_and_contracts_give_results_or_sentences(java: fuzz.Java, tmp_path: Path, kind: str) -> None:
    tally = fuzz.fuzzed(kind, range(COUNT), java, tmp_path)
    assert tally.defects == 0, [path.read_text() for path in tmp_path.glob("*.txt")]
    assert tally.results > 0
    assert tally.refused > COUNT // 4
    assert tally.sentences > 20


@pytest.mark.parametrize("kind", ["tflite", "tflite-manifest"])
def test_damaged_models_never_reach_native_code(java: fuzz.Java, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("ai_edge_litert", reason="LiteRT's library runs the sound model")
    pytest.importorskip("torch", reason="the students to damage are exported")
    try:
        tally = fuzz.fuzzed(kind, range(COUNT), java, tmp_path)
    except Unavailable as e:
        pytest.skip(str(e))
    assert tally.defects == 0, [path.read_text() for path in tmp_path.glob("*.txt")]
    assert (tally.results == 0) == (kind == "tflite")


def test_a_process_that_dies_is_seen() -> None:
    dying = fuzz_jvm.Jvm([sys.executable, "-c", "import os; os._exit(7)"])
    assert dying.answer(b"d", b"") == "died 7"
    dying.end()


def test_a_process_that_says_nothing_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_jvm, "SECONDS", 0.2)
    silent = fuzz_jvm.Jvm([sys.executable, "-c", "import time; time.sleep(60)"])
    assert silent.answer(b"d", b"x") == "stuck for 0.2 s"
    silent.end()
