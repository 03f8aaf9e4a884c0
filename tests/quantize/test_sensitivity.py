"""What quantising one layer costs: errors that can be computed by hand, and sums that must agree with the integers."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pytest
import torch
from rich.console import Console

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph
from training.models.pocket import PocketStudent
from training.quantize import Grid, Steps, adjusted, quantised
from training.quantize.sensitivity import Sensitivity, sensitivity, table
from training.quantize.simulate import simulate
from training.tracing import trace

POINT = {"stride": (1, 1), "pads": (0, 0), "dilation": (1, 1)}


def _layer(name: str, source: str, weight: float) -> Layer:
    return Layer(name, "conv2d", (source,), False, torch.full((1, 1, 1, 1), weight), torch.zeros(1), POINT)


def _two_layers() -> StudentGraph:
    """y = 2 (0.3 x), on inputs that are on their grid."""
    layers = (_layer("a", "x", 0.3), _layer("disparity", "a", 2.0))
    return StudentGraph(layers, ("x",), ("disparity",), dict.fromkeys(("x", "a", "disparity"), (1, 1, 1, 4)))


GRID = Grid({"x": Steps(1.0, 0), "a": Steps(0.25, 0), "disparity": Steps(1.0, 0)}, {"a": (0.25,), "disparity": (1.0,)})
"""The first weight, 0.3, becomes 0.25; the second is exact."""

INPUTS = {"x": torch.tensor([[[[1.0, 2.0, 3.0, 10.0]]]])}


def _rms(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.fixture(scope="module")
def found() -> Sensitivity:
    return sensitivity(_two_layers(), GRID, [INPUTS])


def test_only_the_weights_of_a_layer_give_its_own_error_times_what_follows(found: Sensitivity) -> None:
    (a,) = (row for row in found.layers if row.name == "a")
    assert a.weights.rms == pytest.approx(_rms([0.1, 0.2, 0.3, 1.0]), rel=1e-5)


def test_only_the_values_of_a_layer_are_rounded_to_its_steps(found: Sensitivity) -> None:
    """0.3, 0.6, 0.9 and 3.0 to 0.25, 0.5, 1.0 and 3.0, then doubled."""
    (a,) = (row for row in found.layers if row.name == "a")
    assert a.activation.rms == pytest.approx(_rms([0.1, 0.2, 0.2, 0.0]), rel=1e-5)


def test_all_but_a_layer_leaves_what_the_others_lose(found: Sensitivity) -> None:
    """Of 0.6, 1.2, 1.8 and 6.0 the output's whole steps alone: 1, 1, 2 and 6."""
    (a,) = (row for row in found.layers if row.name == "a")
    assert a.others.rms == pytest.approx(_rms([0.4, 0.2, 0.2, 0.0]), rel=1e-5)


def test_signal_to_noise_is_of_the_layers_own_tensor(found: Sensitivity) -> None:
    """0.25 x, which the steps hold, against 0.3 x: noise is a sixth of the signal's amplitude."""
    decibels = {row.name: row.snr_db for row in found.layers}
    assert decibels["a"] == pytest.approx(20 * np.log10(6), abs=1e-3)
    assert decibels["x"] == float("inf")


def test_the_layer_that_costs_most_is_the_first(found: Sensitivity) -> None:
    costs = [row.both.rms for row in found.layers]
    assert costs == sorted(costs, reverse=True)
    assert found.layers[-1].name == "x"
    assert costs[-1] == 0


def test_json_and_table_have_every_tensor(found: Sensitivity) -> None:
    raw = json.loads(found.to_json())
    assert {row["name"] for row in raw["layers"]} == {"x", "a", "disparity"}
    assert [row["snr_db"] for row in raw["layers"] if row["name"] == "x"] == [None]
    text = StringIO()
    Console(file=text, width=100).print(table(found))
    for name in ("x", "a", "disparity", "everything", "99.9 %"):
        assert name in text.getvalue()


@pytest.mark.parametrize("method", ["percentile", "minmax+equalise+bias"])
def test_everything_on_the_grid_is_the_int8_student(method: str) -> None:
    torch.manual_seed(0)
    graph = trace(PocketStudent(4, 6, 6, 8), [torch.zeros(1, 1, 32, 48)] * 2)
    views = {name: torch.randn(4, 1, 32, 48).clamp(-3, 3) for name in ("left", "right")}
    grid = quantised(graph, [views], input_scale=3 / 127, method=method)
    found = sensitivity(graph, grid, [views])
    integers = simulate(adjusted(graph, grid), grid.tensors, views)["disparity"]
    error = (integers - graph.run(views)["disparity"]).double()
    assert found.everything.rms == pytest.approx(float(error.square().mean().sqrt()), rel=0.05)
    assert {row.name for row in found.layers} == set(graph.shapes)


def test_an_output_that_there_is_not_is_refused() -> None:
    with pytest.raises(DpocketError, match="an output of disparity, not 'depth'"):
        sensitivity(_two_layers(), GRID, [INPUTS], "depth")
