"""The same student gives the same bytes, whichever process exports it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import tiny_student

from convert.artifact import Artifact
from training.quantize import Grid

ROOT = Path(__file__).parents[2]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_artifact_and_manifest_of_another_process_has_the_same_bytes(
    exports: Mapping[tuple[str, str], Artifact], grid: Grid, tmp_path: Path
) -> None:
    """The other process hashes strings differently, so that no order of a set or a dictionary may come through.

    Both are given one grid: calibration adds floats, and on another number of threads in another order.
    """
    grid_path = tmp_path / "grid.json"
    grid_path.write_text(grid.to_json())
    seed = "7" if os.environ.get("PYTHONHASHSEED") != "7" else "8"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    script = [sys.executable, tiny_student.__file__, str(tmp_path / "out"), str(grid_path)]
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours, theirs = files_in(next(iter(exports.values())).path.parent), files_in(tmp_path / "out")
    assert len(ours) >= 2 * len(exports)
    assert set(ours) == set(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
