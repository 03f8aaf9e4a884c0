"""The command line: frozen, and every bad input answered by one sentence and exit code 2."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer

import dpocket
from runtime_py.captures.pgm import write_pgm
from runtime_py.errors import DpocketError

ROOT = Path(__file__).parents[1]
LEFT = next((ROOT / "runtime_py" / "samples").glob("*_left.pgm"))
WEIGHTS = ROOT / "training" / "weights" / "pocket.safetensors"

FROZEN = {
    "demo": {"--out", "--capture"},
    "doctor": set(),
    "captures": {"path"},
    "train": {"recipe", "--out", "--resume", "--set"},
    "label": {"dataset_dir", "--teacher", "--out", "--dataset", "--pair", "--confidence", "--workers", "--set"},
    "export": {
        "checkpoint",
        "--target",
        "--precision",
        "--size",
        "--out",
        "--float-io",
        "--calibrate",
        "--calibration",
        "--no-parity",
        "--coreml-deployment-target",
        "--coreml-inputs",
        "--onnx-exact",
    },
    "run": {"artifact", "capture", "--runtime", "--dialect", "--out"},
    "parity": {"artifacts", "--captures", "--budget", "--json", "--html"},
    "lint": {"path", "--target", "--precision", "--size", "--json"},
    "eval": {"student", "--dataset", "--root", "--protocol", "--json"},
    "bench": {"artifacts", "--rounds", "--runtime", "--json"},
}
"""Scripts rely on these names: adding is fine, renaming or removing is not."""


def test_commands_and_options_are_the_frozen_ones() -> None:
    group = typer.main.get_command(dpocket.app)
    found = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        options = {p.opts[0] if p.param_type_name == "option" else p.name for p in command.params}
        found[name] = options - {"--help"}
    assert found == FROZEN


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for name in FROZEN:
        with pytest.raises(SystemExit) as done:
            dpocket.main([name, "--help"])
        assert done.value.code == 0
        assert "Usage: dpocket" in capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The sentence that a refused call prints; checks the exit code and that there is no traceback."""
    with pytest.raises(SystemExit) as done:
        dpocket.main([str(a) for a in arguments])
    said = capsys.readouterr().err
    assert done.value.code == 2, said
    assert "Traceback" not in said
    assert "dpocket: " in said
    return " ".join(said.split("dpocket: ", 1)[1].split())


def copy_capture(folder: Path) -> Path:
    for view in LEFT.parent.glob("*.pgm"):
        shutil.copy(view, folder)
    return folder / LEFT.name


def test_a_missing_view_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = copy_capture(tmp_path)
    right = Path(str(left).replace("left", "right"))
    right.unlink()
    assert right.name in refused(capsys, "demo", "--capture", left, "--out", tmp_path / "out")


def test_a_truncated_view_says_how_much_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = copy_capture(tmp_path)
    left.write_bytes(left.read_bytes()[:100_000])
    said = refused(capsys, "captures", left)
    assert "truncated" in said
    assert "3048192 bytes" in said


def test_a_jpeg_called_pgm_is_called_a_jpeg(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = copy_capture(tmp_path)
    left.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(500))
    assert "JPEG" in refused(capsys, "captures", left)


def test_views_of_different_size_are_both_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pgm(tmp_path / "a_left.pgm", np.zeros((40, 60), np.uint16))
    write_pgm(tmp_path / "a_right.pgm", np.zeros((40, 64), np.uint16))
    said = refused(capsys, "captures", tmp_path / "a_left.pgm")
    assert "60×40" in said
    assert "64×40" in said


FOREIGN = [
    ("a.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(64)),
    ("a.tflite", b"<html>not found</html>"),
    ("a.onnx", b"\x00\x01"),
    ("a.pte", b"garbage"),
    ("a.txt", b"hello"),
]


@pytest.mark.parametrize(("name", "content"), FOREIGN)
def test_a_corrupt_or_foreign_artifact_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in refused(capsys, "run", tmp_path / name, LEFT, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_while_exporting_leaves_no_artifact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    said = refused(capsys, "export", WEIGHTS, "--size", "32x48", "--target", "litert,onnx", "--out", tmp_path / "out")
    assert "No space left on device" in said
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("train", "nonsense"), "known are: pocket"),
        (("train", "pocket", "--set", "optimisation.stepz=3"), "optimisation.stepz"),
        (("train", "pocket", "--set", "seed=x"), "'seed' is a int"),
        (("export", WEIGHTS, "--size", "384"), "HEIGHTxWIDTH"),
        (("export", WEIGHTS, "--size", "100x100"), "multiples of 16"),
        (("export", WEIGHTS, "--target", "tensorrt"), "no target 'tensorrt'"),
        (("export", WEIGHTS, "--target", ","), "no target was asked for"),
        (("export", WEIGHTS, "--precision", "int4"), "no precision 'int4'"),
        (("export", WEIGHTS, "--calibrate", "entropy"), "no calibration method 'entropy'"),
        (("export", WEIGHTS, "--calibrate", "minmax", "--precision", "fp16"), "fp16 has none"),
        (("export", WEIGHTS, "--calibration", ROOT / "nowhere"), "no capture or folder"),
        (("export", WEIGHTS, "--calibration", ROOT / "docs"), "no dual-pixel capture was found"),
        (("export", ROOT / "README.safetensors"), "no checkpoint"),
        (("eval", WEIGHTS, "--dataset", "kitti", "--root", ROOT), "kitti"),
        (("eval", WEIGHTS, "--dataset", "cmu", "--root", ROOT / "tests"), "no CMU Pixel 4"),
        (
            ("eval", WEIGHTS, "--dataset", "cmu", "--root", ROOT, "--protocol", "sony"),
            "the ones that do: kaist-cmu, cmu",
        ),
        (("captures", ROOT / "nowhere.pgm"), "no file or folder"),
    ],
)
def test_a_wrong_argument_is_answered_with_what_is_right(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str | Path, ...], expected: str
) -> None:
    assert expected in refused(capsys, *arguments)


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(DpocketError):
        dpocket.main(["--debug", "captures", "nowhere.pgm"])
