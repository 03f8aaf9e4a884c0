"""Balancing: loud channels give resolution to their neighbours, and the float student says what it said."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from random_graphs import random_graphs, random_inputs
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph
from training.quantize import adjusted, quantised
from training.quantize.balance import balancing_factors
from training.quantize.equalise import rescaled
from training.quantize.simulate import simulate
from training.tracing import trace

POINT = {"stride": (1, 1), "pads": (0, 0), "dilation": (1, 1)}


def _point(name: str, source: str, weight: list[list[float]]) -> Layer:
    matrix = torch.tensor(weight)
    return Layer(name, "conv2d", (source,), True, matrix[:, :, None, None], torch.zeros(len(weight)), POINT)


def _four_to_one() -> StudentGraph:
    """A channel four times as loud as its neighbour, and used alike."""
    layers = (_point("a", "x", [[4.0], [1.0]]), _point("disparity", "a", [[1.0, 1.0]]))
    shapes = {"x": (1, 1, 1, 1), "a": (1, 2, 1, 1), "disparity": (1, 1, 1, 1)}
    return StudentGraph(layers, ("x",), ("disparity",), shapes)


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.7, 1.0])
def test_a_ratio_of_ranges_is_shared_by_the_strength_as_in_smoothquant(strength: float) -> None:
    """Equation 4 with equal weights: factors in the ratio 4^strength; ranges are left in the ratio 4^(1 - strength)."""
    one = {"x": torch.ones(1, 1, 1, 1)}
    loud, quiet = balancing_factors(_four_to_one(), [one], strength).get("a", (1.0, 1.0))
    assert quiet / loud == pytest.approx(4**strength, rel=1e-3)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random_graphs())
def test_balancing_keeps_the_function(graph: StudentGraph) -> None:
    inputs = random_inputs(1, 2)
    expected = graph.run(inputs)["disparity"]
    found = rescaled(graph, balancing_factors(graph, [inputs])).run(inputs)["disparity"]
    assert float((found - expected).abs().max()) <= 1e-5 * max(float(expected.abs().max()), 1e-6)


class _Loud(nn.Module):
    """One of eight channels is thirty times as loud as the others, and used a thirtieth as much."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)
        with torch.no_grad():
            self.body.weight[0] *= 30
            self.head.weight[:, 0] /= 30

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head(torch.relu(self.body(left + right)))


def test_a_loud_channel_no_longer_takes_the_others_resolution() -> None:
    torch.manual_seed(0)
    graph = trace(_Loud().eval(), [torch.zeros(1, 1, 32, 32)] * 2)
    views = {name: torch.randn(4, 1, 32, 32) for name in ("left", "right")}
    expected = graph.run(views)["disparity"]

    def error(method: str) -> float:
        grid = quantised(graph, [views], input_scale=3 / 127, method=method, output_scale=1e-3)
        found = simulate(adjusted(graph, grid), grid.tensors, {k: v.clamp(-3, 3) for k, v in views.items()})
        return float((found["disparity"] - expected.clamp(-0.128, 0.127)).square().mean().sqrt())

    assert error("minmax+balance") < 0.7 * error("minmax")


def test_nothing_to_measure_on_is_refused() -> None:
    with pytest.raises(DpocketError, match="at least one batch"):
        balancing_factors(_four_to_one(), [])


def test_a_silent_channel_is_left_alone() -> None:
    graph = _four_to_one()
    silent = replace(graph, layers=(_point("a", "x", [[4.0], [0.0]]), graph.layers[1]))
    factors = balancing_factors(silent, [{"x": torch.ones(1, 1, 1, 1)}])
    assert all(math.isfinite(f) and 0.5 < f < 2 for f in factors.get("a", (1.0, 1.0)))
