"""The grid of a trained student: the same every time, symmetric where users meet it, and wide enough."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from runtime_py.errors import DpocketError
from training.calibration import SEED, calibrated, store_grid, stored_grid, traced
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.data.preprocess import preprocess
from training.data.rendered import RenderedPool
from training.models.pocket import PocketStudent
from training.quantize import Grid
from training.recipes import recipe

SMALL = {"half": 4, "quarter": 6, "eighth": 6, "sixteenth": 8}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    torch.manual_seed(0)
    student = PocketStudent(**SMALL)
    nn.init.normal_(student.head.weight, std=0.3)
    made = recipe("pocket", [f"model_settings={json.dumps(SMALL)}", "data.size=64", "preprocess.limit=2.5"])
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(path, dict(student.state_dict()), {"recipe": made.to_dict()})
    return load_checkpoint(path)


@pytest.fixture(scope="module")
def grid(checkpoint: Checkpoint) -> Grid:
    return calibrated(checkpoint, scenes=16)


def test_calibration_gives_the_same_grid_every_time(checkpoint: Checkpoint, grid: Grid) -> None:
    torch.manual_seed(77)
    again = calibrated(checkpoint, scenes=16)
    assert again.to_json() == grid.to_json()
    assert calibrated(checkpoint, scenes=8).hash() != grid.hash()


def test_inputs_span_the_front_end_symmetrically_and_the_output_has_zero_at_zero(grid: Grid) -> None:
    for name in ("left", "right"):
        assert grid.tensors[name].scale == float(np.float32(2.5 / 127))
        assert grid.tensors[name].zero_point == 0
        assert grid.tensors[name].dtype == "int8"
    assert grid.tensors["disparity"].zero_point == 0


def test_other_scenes_hardly_saturate_the_grid(checkpoint: Checkpoint, grid: Grid) -> None:
    assert checkpoint.data.seed != SEED
    sample = RenderedPool(replace(checkpoint.data, count=8), None).every()
    views = [preprocess(view, checkpoint.preprocess) for view in (sample.left, sample.right)]
    with torch.no_grad():
        disparity = checkpoint.student(*views).numpy()
    steps = grid.tensors["disparity"].scale
    assert (np.abs(disparity) > 127.5 * steps).mean() < 0.01
    assert np.abs(disparity).max() > 25 * steps


def test_traced_student_computes_what_the_student_does(checkpoint: Checkpoint) -> None:
    generator = torch.Generator().manual_seed(1)
    views = {name: torch.randn(1, 1, 32, 48, generator=generator) for name in ("left", "right")}
    with torch.no_grad():
        expected = checkpoint.student(views["left"], views["right"])
        found = traced(checkpoint, (32, 48)).run(views)["disparity"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_grid_is_kept_beside_the_weights(checkpoint: Checkpoint, grid: Grid, tmp_path: Path) -> None:
    moved = replace(checkpoint, path=tmp_path / "small.safetensors")
    assert stored_grid(moved) is None
    assert store_grid(moved, grid) == tmp_path / "small.grid.json"
    assert stored_grid(moved) == grid


def test_a_damaged_grid_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    moved = replace(checkpoint, path=tmp_path / "small.safetensors")
    for text in ("", "[]", '{"tensors": {}}'):
        moved.grid_path.write_text(text)
        with pytest.raises(DpocketError, match="not a readable grid"):
            stored_grid(moved)
