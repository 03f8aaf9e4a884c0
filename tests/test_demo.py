"""The main job on the capture that ships, as a user runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import dpocket

KEYS = {
    "artifact", "target", "precision", "runtime", "dialect", "bytes", "latency_ms", "differing_integers",
    "max_disparity_px", "status", "reason",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    with pytest.raises(SystemExit) as done:
        dpocket.main(["demo", "--out", str(out)])
    assert not done.value.code
    return out


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """True disparity of the rendered capture, px at 2016 px width, on a quarter of its pixels."""
    path = next((Path(dpocket.__file__).parent / "runtime_py" / "samples").glob("*_truth.png"))
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    return np.asarray(stored, np.float64) / 1024 - 32


def test_four_artifacts_each_with_a_manifest(folder: Path) -> None:
    for suffix in ("tflite", "pte", "mlpackage", "onnx"):
        assert (folder / f"student_int8.{suffix}").exists()
        manifest = json.loads((folder / f"student_int8.{suffix}.json").read_text())
        assert len(manifest["sha256"]) == 64
        assert manifest["tools"]
        assert manifest["contract"]["outputs"][0]["scale"] > 0


def test_the_summary_has_the_frozen_form(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    assert {"capture", "seconds", "rows"} <= set(summary)
    assert all(set(row) == KEYS for row in summary["rows"])
    assert {r["artifact"].split(".")[1] for r in summary["rows"]} == {"tflite", "pte", "mlpackage", "onnx"}


def test_the_reference_runtime_equals_every_vendor_in_every_integer(folder: Path) -> None:
    rows = json.loads((folder / "summary.json").read_text())["rows"]
    found = {(r["target"], r["runtime"], r["dialect"]): r["differing_integers"] for r in rows}
    for key in (
        ("litert", "reference", "xnnpack"),
        ("litert", "reference", "litert-reference"),
        ("litert", "litert", "xnnpack"),
        ("litert", "litert", "litert-reference"),
        ("executorch", "reference", "xnnpack"),
        ("executorch", "executorch", "xnnpack"),
        ("onnx", "reference", "onnx-qdq"),
    ):
        assert found[key] == 0, key


def test_core_ml_in_half_floats_stays_within_a_step_nearly_everywhere(folder: Path) -> None:
    rows = json.loads((folder / "summary.json").read_text())["rows"]
    row = next(r for r in rows if (r["target"], r["runtime"]) == ("coreml", "reference"))
    assert row["status"] == "ok", row["reason"]
    assert row["max_disparity_px"] < 0.3


def test_core_ml_says_that_it_predicts_on_macos_only(folder: Path) -> None:
    rows = json.loads((folder / "summary.json").read_text())["rows"]
    row = next(r for r in rows if r["runtime"] == "coreml")
    assert (row["status"], row["differing_integers"]) == ("unavailable", None)
    assert "macOS" in row["reason"]


def test_the_page_needs_nothing_but_itself(folder: Path) -> None:
    html = (folder / "report.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]{0,40})', html)
    assert sources
    assert all(s.startswith("data:image/png;base64,") for s in sources)


def test_the_disparity_is_a_picture(folder: Path) -> None:
    picture = cv2.imread(str(folder / "disparity.png"))
    assert picture is not None
    assert min(picture.shape[:2]) > 300


def test_the_disparity_of_the_shipped_capture_follows_its_truth(folder: Path, truth: np.ndarray) -> None:
    from runtime_py.captures import open_capture

    left = next((Path(dpocket.__file__).parent / "runtime_py" / "samples").glob("*_left.pgm"))
    student = dpocket.load(folder / "student_int8.tflite", runtime="vendor")
    found = cv2.resize(student.disparity_of(open_capture(left)), truth.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.median(np.abs(found - truth)) < 0.35
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.9
