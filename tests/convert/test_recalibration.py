"""Export on a grid that is made anew: what is stored, what is said, and that files hold the adjusted integers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_student import random_views

import runtime_py
from convert.commands import recalibration
from convert.meaning import Meaning
from convert.request import ExportRequest
from convert.targets import export
from runtime_py.errors import DpocketError
from training.calibration import calibrated, store_grid
from training.checkpoint import load_checkpoint, save_checkpoint
from training.graph import StudentGraph
from training.models.pocket import PocketStudent
from training.quantize import Grid, adjusted, quantised
from training.quantize.simulate import simulate
from training.recipes import recipe

SMALL = {"half": 4, "quarter": 6, "eighth": 6, "sixteenth": 8}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    made = recipe("pocket", [f"model_settings={json.dumps(SMALL)}", "data.size=64"])
    save_checkpoint(tmp_path / "s.safetensors", dict(PocketStudent(**SMALL).state_dict()), {"recipe": made.to_dict()})
    return tmp_path / "s.safetensors"


def _request(weights: Path, calibrate: str | None, calibration: str | None) -> ExportRequest:
    out = weights.parent / "out"
    return ExportRequest(
        weights, "litert", "int8", "32x48", out, calibrate=calibrate, calibration=calibration, parity=False
    )


def test_a_stored_grid_is_replaced_only_when_asked_and_that_is_said(weights: Path) -> None:
    stored = weights.with_suffix(".grid.json")
    checkpoint = load_checkpoint(weights)
    store_grid(checkpoint, calibrated(checkpoint, scenes=4))
    before = stored.read_text()
    first = _request(weights, None, None).run(lambda *_: None)
    assert stored.read_text() == before
    assert not any("calibrated anew" in line for line in first.lines())
    again = _request(weights, "minmax+bias", "rendered").run(lambda *_: None)
    made = Grid.from_json(stored.read_text())
    assert made.method == "minmax+bias"
    assert made.bias
    assert again.lines()[0] == f"{stored}  calibrated anew: minmax+bias on {made.source}"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("int8", "entropy", None), "no calibration method 'entropy'"),
        (("fp32", "minmax", None), "make the grid of int8; fp32 has none"),
        (("int8-weights", None, "rendered"), "int8-weights has none"),
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(asked: tuple[str, str | None, str | None], expected: str) -> None:
    with pytest.raises(DpocketError, match=expected):
        recalibration(*asked)


def test_captures_that_are_not_there_leave_the_grid_as_it_was(weights: Path) -> None:
    with pytest.raises(DpocketError, match="no capture or folder nowhere"):
        _request(weights, None, "nowhere").run(lambda *_: None)
    assert not weights.with_suffix(".grid.json").exists()
    assert not (weights.parent / "out").exists()


def test_an_exported_file_computes_the_adjusted_integers(graph: StudentGraph, meaning: Meaning, tmp_path: Path) -> None:
    views = random_views(1, 4)
    grid = quantised(graph, [views], input_scale=3 / 127, method="minmax+equalise+bias")
    (artifact,) = export(graph, meaning, ["litert"], "int8", tmp_path, grid)
    student = runtime_py.load_student(artifact.path)
    one = {name: value[:1] for name, value in views.items()}
    stored = {
        name: student.contract.input(name).quantize(value.numpy()).reshape(student.contract.input(name).shape)
        for name, value in one.items()
    }
    found = student.contract.output("disparity").dequantize(student.run(stored)["disparity"])
    expected = simulate(adjusted(graph, grid), grid.tensors, one)["disparity"].numpy()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=1e-6)
    unadjusted = simulate(graph, grid.tensors, one)["disparity"].numpy()
    assert np.abs(unadjusted - expected).max() > 0.5 * grid.tensors["disparity"].scale
    assert artifact.manifest.student == graph.weights_hash()
