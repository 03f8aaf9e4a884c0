"""Calibration on captures: the network sees there what an artifact would be given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import runtime_py
from convert.student import float_student
from runtime_py.captures import open_capture
from runtime_py.errors import CaptureError
from training.calibration import calibrated
from training.calibration_inputs import TILES_PER_CAPTURE, capture_inputs, rendered_inputs
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.models.pocket import PocketStudent
from training.quantize.ranges import inputs_hash
from training.recipes import recipe

SMALL = {"half": 4, "quarter": 6, "eighth": 6, "sixteenth": 8}
LEFT = next((Path(runtime_py.__file__).parent / "samples").glob("*_left.pgm"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    torch.manual_seed(0)
    made = recipe("pocket", [f"model_settings={json.dumps(SMALL)}", "data.size=64"])
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(path, dict(PocketStudent(**SMALL).state_dict()), {"recipe": made.to_dict()})
    return load_checkpoint(path)


def test_tiles_are_those_that_the_student_runs_on(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, NDArray[Any]]] = []
    student = float_student(checkpoint)
    runner = student._runner
    computed = runner.run

    def noted(inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        given.append(inputs)
        return computed(inputs)

    monkeypatch.setattr(runner, "run", noted)
    student.disparity_of(open_capture(LEFT))
    found = capture_inputs(checkpoint, LEFT)
    for name in ("left", "right"):
        expected = np.concatenate([tile[name] for tile in given])
        assert len(expected) <= TILES_PER_CAPTURE
        np.testing.assert_array_equal(np.concatenate([b[name].numpy() for b in found.batches]), expected)
    assert found.source == f"{len(given)} tiles of 1 capture"


def test_a_folder_shares_its_tiles_among_its_captures(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.calibration_inputs.TILES", 6)
    for i in range(3):
        (tmp_path / str(i)).mkdir()
        for view in LEFT.parent.glob("*.pgm"):
            shutil.copy(view, tmp_path / str(i) / view.name.replace(view.name.split("_")[0], f"{i}"))
    found = capture_inputs(checkpoint, tmp_path)
    assert found.source == "6 tiles of 3 captures"
    tiles = torch.cat([batch["left"] for batch in found.batches])
    assert tiles.shape == (6, 1, 384, 512)
    # The same capture three times: the same two tiles, its first and its last.
    assert torch.equal(tiles[0::2], tiles[0:1].expand(3, -1, -1, -1))
    assert torch.equal(tiles[1::2], tiles[1:2].expand(3, -1, -1, -1))
    assert not torch.equal(tiles[0], tiles[1])


def test_a_grid_says_in_words_and_by_hash_what_it_was_calibrated_on(checkpoint: Checkpoint) -> None:
    inputs = capture_inputs(checkpoint, LEFT)
    grid = calibrated(checkpoint, method="minmax", inputs=inputs)
    assert (grid.method, grid.source) == ("minmax", inputs.source)
    assert grid.calibration == inputs_hash(inputs.batches)
    rendered = calibrated(checkpoint, scenes=4, method="minmax")
    assert rendered.source.startswith("4 rendered scenes")
    assert rendered.calibration == inputs_hash(rendered_inputs(checkpoint, 4).batches) != grid.calibration


def test_what_cannot_be_calibrated_on_is_said(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"no capture or folder .*nowhere"):
        capture_inputs(checkpoint, tmp_path / "nowhere")
    with pytest.raises(CaptureError, match="no dual-pixel capture was found"):
        capture_inputs(checkpoint, tmp_path)
    text = tmp_path / "a.txt"
    text.write_text("hello")
    with pytest.raises(CaptureError, match="no view of a dual-pixel capture"):
        capture_inputs(checkpoint, text)
