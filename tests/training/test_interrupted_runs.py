"""A run whose process is killed from outside, at whatever it was doing, goes on as if nothing had been."""

from __future__ import annotations

from pathlib import Path

from benchmarks.resume import interrupted


def test_a_killed_process_resumes_to_the_same_bits(tmp_path: Path) -> None:
    outcome = interrupted(tmp_path, 1, 3, ["optimisation.steps=14", "data.count=8", "monitor.scenes=1"])
    assert len(outcome.killed_after) == 1
    assert outcome.compared > 100
    assert outcome.differing == []
