"""One grid by a named method: what it carries, and what it leaves as it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import StudentGraph
from training.models.pocket import PocketStudent
from training.quantize import Grid, adjusted, calibrate, quantised
from training.quantize.post_training import parsed
from training.quantize.ranges import inputs_hash
from training.tracing import trace

INPUT_SCALE = 3 / 127
WEIGHTS = Path(__file__).parents[2] / "training" / "weights"


def _views(seed: int = 0, count: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, 1, 32, 48, generator=generator).clamp(-3, 3) for name in ("left", "right")}


@pytest.fixture(scope="module")
def graph() -> StudentGraph:
    torch.manual_seed(0)
    return trace(PocketStudent(4, 6, 6, 8), [torch.zeros(1, 1, 32, 48)] * 2)


def test_a_plain_method_gives_the_calibrated_numbers_and_leaves_the_weights_alone(graph: StudentGraph) -> None:
    found = quantised(graph, [_views()], input_scale=INPUT_SCALE, method="mse")
    assert found.hash() == calibrate(graph, [_views()], input_scale=INPUT_SCALE, method="mse").hash()
    assert adjusted(graph, found) is graph


@pytest.mark.parametrize("method", ["minmax+equalise", "percentile+bias", "mse+balance+bias", "minmax+balance"])
def test_a_grid_carries_its_adjustments_through_json(graph: StudentGraph, method: str) -> None:
    found = quantised(graph, [_views()], input_scale=INPUT_SCALE, method=method)
    assert found.method == method
    assert bool(found.equalised) == ("equalise" in method or "balance" in method)
    assert bool(found.bias) == ("bias" in method)
    again = Grid.from_json(found.to_json())
    assert again == found
    assert again.hash() == found.hash() != calibrate(graph, [_views()], input_scale=INPUT_SCALE).hash()
    expected = graph.run(_views(1))["disparity"]
    told = adjusted(graph, found).run(_views(1))["disparity"]
    if "bias" not in method:
        torch.testing.assert_close(told, expected, rtol=1e-4, atol=1e-5)


def test_the_hash_of_the_inputs_is_of_their_bytes_whatever_the_batches() -> None:
    views = _views(count=3)
    digest = hashlib.sha256()
    for i in range(3):
        for name in ("left", "right"):
            digest.update(np.asarray(views[name][i].numpy(), "<f4").tobytes())
    parts = [{name: value[:2] for name, value in views.items()}, {name: value[2:] for name, value in views.items()}]
    assert inputs_hash([views]) == inputs_hash(parts) == digest.hexdigest()
    assert inputs_hash(parts[:1]) != inputs_hash(parts)


def test_a_grid_says_what_it_was_calibrated_on(graph: StudentGraph) -> None:
    found = quantised(graph, [_views()], input_scale=INPUT_SCALE)
    assert found.calibration == inputs_hash([_views()])
    assert json.loads(found.to_json())["calibration"] == found.calibration


def test_a_grid_from_before_these_entries_is_read_and_keeps_its_text() -> None:
    steps = '"x": {\n   "scale": 0.5,\n   "zero_point": 3,\n   "dtype": "int8"\n  }'
    old = f'{{\n "method": "minmax",\n "tensors": {{\n  {steps}\n }},\n "weights": {{\n  "x": [\n   0.25\n  ]\n }}\n}}'
    found = Grid.from_json(old)
    assert (found.calibration, found.source, dict(found.bias), dict(found.equalised)) == ("", "", {}, {})
    assert found.to_json() == old
    for path in sorted(WEIGHTS.glob("*.grid.json")):
        assert Grid.from_json(path.read_text()).to_json() + "\n" == path.read_text(), path.name


@pytest.mark.parametrize(
    "method", ["", "entropy", "minmax+", "minmax+rotate", "bias", "minmax+bias+bias", "minmax+equalise+balance"]
)
def test_a_method_that_there_is_not_is_answered_with_those_there_are(method: str) -> None:
    with pytest.raises(DpocketError, match=r"there are: minmax, percentile, mse, and behind any of them \+equalise or"):
        parsed(method)
