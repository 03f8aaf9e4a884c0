"""Bias correction: the mean that rounded weights take off an output is put back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph
from training.quantize import Grid, Steps, calibrate
from training.quantize.bias import bias_corrections, shifted
from training.quantize.fake import rounded_weights, rounder
from training.quantize.simulate import simulate
from training.tracing import trace

POINT = {"stride": (1, 1), "pads": (0, 0), "dilation": (1, 1)}


def _one(weight: float, relu: bool = False) -> StudentGraph:
    layer = Layer("disparity", "conv2d", ("x",), relu, torch.full((1, 1, 1, 1), weight), torch.zeros(1), POINT)
    return StudentGraph((layer,), ("x",), ("disparity",), dict.fromkeys(("x", "disparity"), (1, 1, 1, 2)))


def test_the_correction_is_the_weights_error_times_the_mean_input() -> None:
    """0.3 on steps of 0.25 is 0.25: 0.05 is lost per unit, and the inputs 1 and 2 have the mean 1.5."""
    grid = Grid({"x": Steps(0.5, 0), "disparity": Steps(0.01, 0)}, {"disparity": (0.25,)})
    found = bias_corrections(_one(0.3), grid, [{"x": torch.tensor([[[[1.0, 2.0]]]])}])
    assert found["disparity"] == pytest.approx((0.075,), rel=1e-5)
    (layer,) = shifted(_one(0.3), found).layers
    assert layer.bias is not None
    assert float(layer.bias) == pytest.approx(0.075, rel=1e-5)


def test_what_clipping_takes_is_not_made_up_for() -> None:
    """The second input is far beyond the grid of ±1.27: the correction is for the weight alone, which is exact."""
    grid = Grid({"x": Steps(0.01, 0), "disparity": Steps(0.01, 0)}, {"disparity": (0.25,)})
    found = bias_corrections(_one(0.25), grid, [{"x": torch.tensor([[[[1.0, 200.0]]]])}])
    assert found["disparity"] == (0.0,)


class _Coarse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head(torch.relu(self.b(torch.relu(self.a(left + right)))))


def test_coarse_weights_move_the_mean_output_by_steps_and_corrected_ones_do_not() -> None:
    torch.manual_seed(4)
    graph = trace(_Coarse().eval(), [torch.zeros(1, 1, 16, 16)] * 2)
    views = {name: torch.rand(4, 1, 16, 16) for name in ("left", "right")}
    grid = calibrate(graph, [views], input_scale=3 / 127)
    coarse = replace(grid, weights={name: tuple(8 * s for s in row) for name, row in grid.weights.items()})
    expected = float(graph.run(views)["disparity"].mean())

    def moved_steps(of: StudentGraph) -> float:
        found = rounded_weights(of, coarse).run(views, rounder(coarse, of.shapes))["disparity"]
        return abs(float(found.mean()) - expected) / coarse.tensors["disparity"].scale

    assert moved_steps(graph) > 4
    assert moved_steps(shifted(graph, bias_corrections(graph, coarse, [views]))) < 0.4


def test_corrections_are_small_where_weights_have_eight_bits() -> None:
    torch.manual_seed(3)
    graph = trace(_Coarse().eval(), [torch.zeros(1, 1, 16, 16)] * 2)
    views = {name: torch.rand(4, 1, 16, 16) for name in ("left", "right")}
    grid = calibrate(graph, [views], input_scale=3 / 127)
    corrected = shifted(graph, bias_corrections(graph, grid, [views]))
    difference = (
        simulate(corrected, grid.tensors, views)["disparity"] - simulate(graph, grid.tensors, views)["disparity"]
    )
    assert 0 < float(difference.abs().max()) < 6 * grid.tensors["disparity"].scale


def test_corrections_of_another_student_are_refused() -> None:
    with pytest.raises(DpocketError, match="'head', which has none here"):
        shifted(_one(1.0), {"head": (0.0,)})
    with pytest.raises(DpocketError, match="2 bias corrections for 'disparity'"):
        shifted(_one(1.0), {"disparity": (0.0, 1.0)})
    with pytest.raises(DpocketError, match="at least one batch"):
        bias_corrections(_one(1.0), Grid({}, {}), [])
