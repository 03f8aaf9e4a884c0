"""The jobs behind `dpocket run` and `dpocket parity`, on artifacts of the shipped student."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import dpocket
from convert.student import export_checkpoint, float_student
from runtime_py.captures import open_capture
from runtime_py.captures.capture import DPCapture
from runtime_py.errors import CaptureError, ContractError
from runtime_py.job import disparity_to_folder, find_captures, parity_on_captures, parity_samples
from training.calibration import calibrated, store_grid
from training.checkpoint import SHIPPED, WEIGHTS, load_checkpoint, save_checkpoint
from training.models import build
from training.recipes import recipe as recipe_named

SIZE = (96, 128)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    out = tmp_path_factory.mktemp("artifacts")
    made = export_checkpoint(load_checkpoint(SHIPPED), ["litert", "onnx"], "int8", out, SIZE)
    return [artifact.path for artifact in made]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small plain captures of shifted noise."""
    out = tmp_path_factory.mktemp("captures")
    rng = np.random.default_rng(5)
    for name in ("one", "two"):
        noise = cv2.GaussianBlur(rng.uniform(0, 60000, (120, 162)), (0, 0), 1.5).astype(np.uint16)
        cv2.imwrite(str(out / f"{name}_left.png"), noise[:, 2:])
        cv2.imwrite(str(out / f"{name}_right.png"), noise[:, :-2])
    return out


def test_the_disparity_file_holds_what_the_student_said(artifacts: list[Path], folder: Path, tmp_path: Path) -> None:
    student, capture = dpocket.load(artifacts[0], "vendor"), open_capture(folder / "one_left.png")
    disparity_to_folder(student, capture, tmp_path)
    stored = cv2.imread(str(tmp_path / "disparity.pfm"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, student.disparity_of(capture))
    assert cv2.imread(str(tmp_path / "disparity.png")) is not None


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .tflite of a small untrained student with a confidence."""
    folder = tmp_path_factory.mktemp("sure")
    torch.manual_seed(0)
    recipe = replace(recipe_named("pocket"), model="pyramid", model_settings={"half": 4, "quarter": 6, "deep": 8})
    small = replace(recipe, working_width=160, data=replace(recipe.data, size=100))
    weights = build("pyramid", **small.model_settings).state_dict()
    save_checkpoint(folder / "student.safetensors", weights, {"recipe": small.to_dict()})
    checkpoint = load_checkpoint(folder / "student.safetensors")
    store_grid(checkpoint, calibrated(checkpoint, scenes=8))
    (made,) = export_checkpoint(checkpoint, ["litert"], "int8", folder, (64, 128))
    return made.path


def test_confidence_is_written_beside_the_disparity_and_never_another_runs(
    sure: Path, folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pocket = load_checkpoint(WEIGHTS / "pocket.safetensors")
    unsure = export_checkpoint(pocket, ["litert"], "int8", tmp_path_factory.mktemp("pocket"), SIZE)[0].path
    student, capture = dpocket.load(sure), open_capture(folder / "one_left.png")
    told = disparity_to_folder(student, capture, tmp_path)
    assert "confidence.pfm" in told
    expected = student.predict_of(capture)
    for name, values in (("disparity", expected.disparity), ("confidence", expected.confidence)):
        stored = cv2.imread(str(tmp_path / f"{name}.pfm"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(stored, values)
        assert cv2.imread(str(tmp_path / f"{name}.png")) is not None
    told = disparity_to_folder(dpocket.load(unsure, "vendor"), capture, tmp_path)
    assert "confidence.pfm" not in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["disparity.pfm", "disparity.png"]


def test_the_float_student_has_the_confidence_of_its_artifact(sure: Path, folder: Path) -> None:
    capture = open_capture(folder / "one_left.png")
    found = float_student(load_checkpoint(sure.parent / "student.safetensors"), (64, 128)).predict_of(capture)
    quantised = dpocket.load(sure).predict_of(capture)
    assert found.confidence is not None
    assert quantised.confidence is not None
    assert np.abs(found.confidence - quantised.confidence).max() < 0.1


def test_parity_tells_of_every_output(sure: Path, folder: Path, tmp_path: Path) -> None:
    assert parity_on_captures([sure], folder, None, tmp_path / "p.json", tmp_path / "p.html").within_budget
    told = json.loads((tmp_path / "p.json").read_text())["outputs"]
    assert {(o["output"], o["unit"]) for o in told} == {("disparity", "px"), ("confidence", "1")}
    assert len(told) == 2 * len(json.loads((tmp_path / "p.json").read_text())["rows"])
    assert all(o["differing_integers"] == 0 for o in told)


def test_a_folder_gives_all_its_captures(folder: Path) -> None:
    assert [c.name for c in find_captures(folder)] == ["one", "two"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no dual-pixel capture"):
        find_captures(tmp_path)


def test_a_damaged_capture_in_a_folder_is_named(folder: Path, tmp_path: Path) -> None:
    for view in folder.iterdir():
        (tmp_path / view.name).write_bytes(view.read_bytes())
    (tmp_path / "two_left.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CaptureError, match="two_left"):
        find_captures(tmp_path)


def test_parity_writes_figures_and_page_and_finds_equality(artifacts: list[Path], folder: Path, tmp_path: Path) -> None:
    found = parity_on_captures(artifacts, folder, None, tmp_path / "p.json", tmp_path / "p.html")
    assert found.within_budget
    rows = json.loads((tmp_path / "p.json").read_text())["rows"]
    assert [r["differing_integers"] for r in rows if r["runtime"] in ("reference", "litert")] == [0] * 5
    assert "student_int8.onnx" in (tmp_path / "p.html").read_text()


def test_parity_is_over_when_the_budget_is_nothing(artifacts: list[Path], folder: Path, tmp_path: Path) -> None:
    budget = tmp_path / "b.json"
    budget.write_text('{"onnxruntime": {"differing_per_million": -1, "max_disparity_px": 0}}')  # less than nothing
    found = parity_on_captures(artifacts, folder, budget)
    assert not found.within_budget
    assert [r.status for r in found.rows if r.runtime == "onnxruntime"] == ["over"]


def test_without_a_tflite_a_vendor_is_held_against_the_reference_on_the_same_file(
    artifacts: list[Path], folder: Path
) -> None:
    found = parity_on_captures([p for p in artifacts if p.suffix == ".onnx"], folder)
    assert [(r.runtime, r.differing_integers) for r in found.rows] == [("reference", 0), ("onnxruntime", 0)]


def test_artifacts_of_two_sizes_are_not_mixed(artifacts: list[Path], tmp_path: Path) -> None:
    other = export_checkpoint(load_checkpoint(SHIPPED), ["litert"], "int8", tmp_path, (64, 64))
    noise = np.random.default_rng(0).uniform(0, 1, (100, 140)).astype(np.float32)
    with pytest.raises(ContractError, match="another input size"):
        parity_samples([artifacts[0], other[0].path], [DPCapture("n", "plain", noise, noise)])
