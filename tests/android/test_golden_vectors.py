"""Golden vectors survive the way to disk, and damaged ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import runtime_py
from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import ArtifactError
from runtime_py.golden import PAIR, main
from runtime_py.student import Student
from runtime_py.vectors import DTYPES, Case, encode, read_vectors, write_vectors

SAMPLES = Path(runtime_py.__file__).parent / "samples"


def _case() -> Case:
    arrays = {dtype: np.arange(3).astype(dtype).reshape(1, 3) for dtype in DTYPES}
    return Case("kind", "naïve", {"x": [1, None, 0.1]}, arrays)


def test_arrays_of_every_type_come_back(tmp_path: Path) -> None:
    write_vectors(tmp_path, "v", [_case(), Case("empty", "e")])
    case, empty = read_vectors(tmp_path, "v")
    assert (case.kind, case.name, case.settings, empty.arrays) == ("kind", "naïve", {"x": [1, None, 0.1]}, {})
    for dtype, array in case.arrays.items():
        assert (array.dtype, array.tolist()) == (np.dtype(dtype), [[0, 1, 2]])


def test_values_are_little_endian_at_multiples_of_eight_bytes() -> None:
    described, data = encode([Case("k", "n", {}, {"a": np.array([1], ">u2"), "b": np.array([1.0], np.float32)})])
    assert data == b"\x01\x00" + bytes(6) + b"\x00\x00\x80\x3f"
    assert b'"offset": 8' in described


def test_what_phones_do_not_read_is_not_written() -> None:
    with pytest.raises(ValueError, match="'a' of case 'n' is float16"):
        encode([Case("k", "n", {}, {"a": np.zeros(1, np.float16)})])


def test_damaged_vectors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"could not read .*v\.json"):
        read_vectors(tmp_path, "v")
    write_vectors(tmp_path, "v", [_case()])
    sound = (tmp_path / "v.json").read_text()
    for change in (("dpocket-vectors", "x"), ('"shape": [1, 3]', '"shape": [1, 3000]'), ('"uint8"', '"O"'), ("{", "[")):
        (tmp_path / "v.json").write_text(sound.replace(*change))
        with pytest.raises(ArtifactError):
            read_vectors(tmp_path, "v")
    (tmp_path / "v.json").write_text(sound)
    (tmp_path / "v.bin").write_bytes(b"\x01" + (tmp_path / "v.bin").read_bytes()[1:])
    with pytest.raises(ArtifactError, match=r"is not the one that v\.json describes"):
        read_vectors(tmp_path, "v")


class _Difference:
    def run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        planes = [inputs[name].reshape(16, 24)[::2, ::2] for name in ("left", "right")]
        return {"disparity": (planes[0] // 2 - planes[1] // 2).reshape(1, 8, 12, 1)}


def test_a_golden_pair_holds_a_picture_and_random_integers_with_their_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid: dict[str, Any] = {"scale": 0.03, "zero_point": 0}
    views = tuple(TensorSpec(n, (1, 16, 24, 1), "NHWC", "int8", "1", (-3, 3), **grid) for n in ("left", "right"))
    disparity = TensorSpec("disparity", (1, 8, 12, 1), "NHWC", "int8", "px", (-8, 8), **grid)
    student = Student(_Difference(), Contract("toy", views, (disparity,), 48, 2))
    monkeypatch.setattr(runtime_py, "load_student", lambda path: student)
    artifact = tmp_path / "toy.tflite"
    artifact.write_bytes(b"toy")
    left = next(p for p in sorted(SAMPLES.iterdir()) if "left" in p.name)
    assert main([str(tmp_path), "--pair", str(artifact), str(left)]) == 0
    pairs = read_vectors(tmp_path, PAIR)
    assert [case.kind for case in pairs] == ["pair", "pair"]
    assert np.unique(pairs[1].arrays["input.left"]).size > 150
    for case in pairs:
        stored = {name: case.arrays[f"input.{name}"] for name in ("left", "right")}
        np.testing.assert_array_equal(case.arrays["output.disparity"], student.run(stored)["disparity"])


def test_a_missing_artifact_ends_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--pair", str(tmp_path / "no.tflite"), str(tmp_path)]) == 2
    assert "no.tflite" in capsys.readouterr().err
