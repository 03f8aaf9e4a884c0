"""Calibration: which numbers a grid may hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph
from training.models.pocket import PocketStudent
from training.quantize import BIAS_LIMIT, Grid, Steps, calibrate, weight_scales
from training.tracing import trace

INPUT_SCALE = 3 / 127


def _views(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(2, 1, 32, 48, generator=generator).clamp(-3, 3) for name in ("left", "right")}


@pytest.fixture(scope="module")
def graph() -> StudentGraph:
    torch.manual_seed(0)
    student = PocketStudent(4, 6, 6, 8)
    for parameter in student.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.2)
    return trace(student, [torch.zeros(1, 1, 32, 48)] * 2)


@pytest.fixture(scope="module")
def grid(graph: StudentGraph) -> Grid:
    return calibrate(graph, [_views()], input_scale=INPUT_SCALE)


def test_relu_outputs_start_at_the_lowest_code(graph: StudentGraph, grid: Grid) -> None:
    rectified = [layer.name for layer in graph.layers if layer.relu]
    assert len(rectified) == 12
    assert {grid.tensors[name].zero_point for name in rectified} == {-128}


def test_inputs_and_disparity_are_symmetric_and_the_concat_shares_the_inputs_scale(grid: Grid) -> None:
    left, right, joined, disparity = (grid.tensors[name] for name in ("left", "right", "concat", "disparity"))
    assert left == right == joined
    assert (left.scale, left.zero_point) == (float(np.float32(INPUT_SCALE)), 0)
    assert disparity.zero_point == 0


def test_minmax_covers_what_was_seen(graph: StudentGraph, grid: Grid) -> None:
    for name, value in graph.run(_views()).items():
        steps = grid.tensors[name]
        low, high = (float((q - steps.zero_point) * steps.scale) for q in (-128, 127))
        assert float(value.min()) >= low - 0.51 * steps.scale, name
        assert float(value.max()) <= high + 0.51 * steps.scale, name


def test_weights_fill_their_channels_range(graph: StudentGraph, grid: Grid) -> None:
    for layer in graph.layers:
        if layer.weight is not None:
            axis = 1 if layer.kind == "transpose_conv2d" else 0
            channels = layer.weight.transpose(0, axis).flatten(1)
            codes = channels / torch.tensor(grid.weights[layer.name])[:, None]
            np.testing.assert_allclose(codes.abs().amax(1).numpy(), 127, rtol=1e-6)


def test_a_grid_survives_json_bit_for_bit(grid: Grid) -> None:
    again = Grid.from_json(grid.to_json())
    assert again == grid
    assert again.hash() == grid.hash()


def test_the_hash_is_of_the_numbers(graph: StudentGraph, grid: Grid) -> None:
    assert Grid(grid.tensors, grid.weights, "by hand").hash() == grid.hash()
    other = calibrate(graph, [_views(1)], input_scale=INPUT_SCALE)
    assert other.hash() != grid.hash()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"tensors": {}}', '{"method": "", "tensors": {"a": {"scale": "x"}}, "weights": {}}']
)
def test_a_damaged_grid_is_said_so(text: str) -> None:
    with pytest.raises(DpocketError, match="not a readable grid"):
        Grid.from_json(text)


def test_a_percentile_ignores_one_outlier() -> None:
    values = torch.cat([torch.linspace(-1, 1, 100_000), torch.tensor([30.0])])
    views = {"left": values.reshape(1, 1, 1, -1), "right": torch.zeros(1, 1, 1, 100_001)}
    grid = calibrate(_one_layer("add"), [views], input_scale=INPUT_SCALE, method="percentile")
    assert 0.98 < grid.tensors["disparity"].scale * 127 < 1.03


def test_mse_trades_clipped_tails_for_finer_steps() -> None:
    values = (torch.randn(200_000, generator=torch.Generator().manual_seed(0)) ** 3).reshape(1, 1, 1, -1)
    views = {"left": values, "right": torch.zeros_like(values)}

    def error_at(scale: float) -> float:
        codes = torch.round(values / scale).clamp(-128, 127)
        return float(((codes * scale - values) ** 2).mean())

    def error_of(method: str) -> float:
        grid = calibrate(_one_layer("add"), [views], input_scale=INPUT_SCALE, method=method)
        return error_at(grid.tensors["disparity"].scale)

    best = min(error_at(float(values.abs().max()) / 127 * share) for share in np.linspace(0.2, 1, 81))
    assert error_of("mse") < min(1.1 * best, 0.9 * error_of("minmax"))


def test_everything_a_concat_joins_shares_one_grid() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(1, 2, 1) for _ in "abc")
            self.head = nn.Conv2d(6, 1, 1)

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            a, b, c = torch.relu(self.a(left)), self.b(right), self.c(left)
            return self.head(torch.cat([torch.cat([a, b], 1), c], 1))

    grid = calibrate(trace(Joined(), [torch.zeros(1, 1, 32, 48)] * 2), [_views()], input_scale=INPUT_SCALE)
    assert len({grid.tensors[name] for name in ("a", "b", "c", "concat", "concat_2")}) == 1


def test_additions_stay_within_xnnpacks_scale_ratios() -> None:
    """XNNPACK takes an add only for 2^-10 <= input scale / output scale < 2^8; here one input is a constant zero."""
    views = {"left": torch.zeros(1, 1, 4, 4), "right": torch.full((1, 1, 4, 4), 3.0)}

    class Lopsided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dead, self.loud, self.head = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
            nn.init.zeros_(self.dead.weight)
            nn.init.zeros_(self.dead.bias)
            nn.init.constant_(self.loud.weight, 1000.0)

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            return self.head(torch.relu(self.dead(left) + self.loud(right)))

    grid = calibrate(trace(Lopsided(), [torch.zeros(1, 1, 4, 4)] * 2), [views], input_scale=INPUT_SCALE)
    for name in ("dead", "loud"):
        assert 2.0**-10 <= grid.tensors[name].scale / grid.tensors["add"].scale < 2.0**8


def test_a_large_bias_coarsens_its_channels_weights_only_as_far_as_needed() -> None:
    weight = torch.full((2, 1, 1, 1), 1e-4)
    layer = Layer("l", "conv2d", ("x",), weight=weight, bias=torch.tensor([500.0, 0.0]))
    scales = weight_scales(layer, 0.01)
    assert 500.0 / (0.01 * float(scales[0])) == pytest.approx(BIAS_LIMIT, rel=1e-5)
    assert float(scales[1]) == pytest.approx(1e-4 / 127, rel=1e-6)


def test_calibration_refuses_what_it_cannot_use(graph: StudentGraph) -> None:
    with pytest.raises(DpocketError, match="no calibration method 'entropy'; there are: minmax, percentile, mse"):
        calibrate(graph, [_views()], input_scale=INPUT_SCALE, method="entropy")
    with pytest.raises(DpocketError, match="at least one batch"):
        calibrate(graph, [], input_scale=INPUT_SCALE)
    views = _views()
    views["left"][0, 0, 0, 0] = float("nan")
    with pytest.raises(DpocketError, match="not finite in 'left'"):
        calibrate(graph, [views], input_scale=INPUT_SCALE)


@pytest.mark.parametrize("gain", [0.01, 100.0])
@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_a_confidence_has_the_steps_of_a_probability_whatever_was_seen(gain: float, method: str) -> None:
    class Sure(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.confidence = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
            nn.init.constant_(self.confidence.weight, gain)

        def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
            return self.head(left), self.confidence(right)

    graph = trace(Sure(), [torch.zeros(1, 1, 32, 48)] * 2, outputs=("disparity", "confidence"))
    grid = calibrate(graph, [_views()], input_scale=INPUT_SCALE, method=method)
    assert grid.tensors["confidence"] == Steps(float(np.float32(1 / 255)), -128)
    assert grid.tensors["disparity"].zero_point == 0
    given = calibrate(graph, [_views()], input_scale=INPUT_SCALE, method=method, output_scale=0.0625)
    assert given.tensors["disparity"] == Steps(0.0625, 0)
    assert given.tensors["confidence"] == grid.tensors["confidence"]


def _one_layer(kind: str) -> StudentGraph:
    shapes = dict.fromkeys(("left", "right", "disparity"), (1, 1, 1, 8))
    return StudentGraph((Layer("disparity", kind, ("left", "right")),), ("left", "right"), ("disparity",), shapes)
