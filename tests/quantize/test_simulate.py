"""The simulation that quantised training runs on: the integers of the reference runtime, and honest gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convert.grid import apply_grid
from convert.lower import lower
from runtime_py.errors import DpocketError
from runtime_py.interpreter import Interpreter
from tests.convert.tiny_student import HEIGHT, WIDTH, TinyStudent, random_views
from training.folding import fold_batch_norms
from training.graph import StudentGraph
from training.quantize import Grid, Steps, calibrate
from training.quantize.simulate import added, rescaled, simulate
from training.quantize.student import QuantisedStudent
from training.tracing import trace

INPUT_SCALE = 3 / 127


class NormedStudent(nn.Module):
    """Batch norms behind a convolution and behind a transposed one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 4, stride=2, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(6)
        self.up = nn.ConvTranspose2d(6, 5, 2, stride=2)
        self.up_norm = nn.BatchNorm2d(5)
        self.head = nn.Conv2d(5, 1, 3, padding=1)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        half = torch.relu(self.stem_norm(self.stem(torch.cat([left_NCHW, right_NCHW], 1))))
        found: Tensor = self.head(torch.relu(self.up_norm(self.up(half))))
        return found


def random_student(kind: type[nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    student = kind()
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_()
            module.running_var.uniform_(0.2, 3.0)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return student.eval()


def calibrated_student(kind: type[nn.Module], seed: int) -> QuantisedStudent:
    quantised = QuantisedStudent(random_student(kind, seed), ("disparity",), 16)
    graph = traced(quantised.student)
    quantised.set_steps(calibrate(graph, [random_views(seed, 2)], input_scale=INPUT_SCALE))
    return quantised.eval()


def traced(student: nn.Module) -> StudentGraph:
    return trace(student, [torch.zeros(1, 1, HEIGHT, WIDTH)] * 2)


def reference(graph: StudentGraph, grid: Grid, views: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Every tensor of the int8 program in the reference runtime, real values, NCHW."""
    program = apply_grid(lower(graph), grid)
    specs = {name: grid.tensors[name] for name in views}
    stored = {
        name: np.clip(
            np.rint(view.numpy() * np.float32(1 / np.float32(specs[name].scale))) + specs[name].zero_point, -128, 127
        )
        .astype(np.int8)
        .transpose(0, 2, 3, 1)
        for name, view in views.items()
    }
    seen: dict[str, np.ndarray] = {}
    Interpreter(program).run(stored, lambda name, array: seen.__setitem__(name, array))
    steps = {name: grid.tensors[name] for name in seen}
    return {
        name: ((array.astype(np.float32) - steps[name].zero_point) * np.float32(steps[name].scale)).transpose(
            0, 3, 1, 2
        )
        for name, array in seen.items()
    }


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([TinyStudent, NormedStudent]), st.floats(0.3, 40.0))
def test_every_tensor_has_the_integers_of_the_reference_runtime(seed: int, kind: type[nn.Module], reach: float) -> None:
    quantised = calibrated_student(kind, seed)
    views = {name: view * reach for name, view in random_views(seed + 1).items()}
    with torch.no_grad():
        found = simulate(quantised.graph, quantised.steps(), views, quantised.parameters_by_layer())
    expected = reference(traced(quantised.student), quantised.grid(), views)
    for name, value in found.items():
        np.testing.assert_array_equal(value.numpy(), expected[name], err_msg=name)


def test_sums_too_large_for_float32_are_still_exact() -> None:
    torch.manual_seed(5)
    student = nn.Sequential()
    student.stem = nn.Conv2d(2, 80, 1)
    student.wide = nn.Conv2d(80, 1, 3, padding=1)
    nn.init.uniform_(student.wide.weight, 0.9, 1.0)
    student.forward = lambda left, right: student.wide(torch.relu(student.stem(torch.cat([left, right], 1))))  # type: ignore[method-assign]
    graph = traced(student)
    views = {name: torch.full((1, 1, HEIGHT, WIDTH), 3.0) for name in ("left", "right")}
    grid = calibrate(graph, [views], input_scale=INPUT_SCALE)
    found = simulate(graph, grid.tensors, views)["disparity"]
    np.testing.assert_array_equal(found.numpy(), reference(graph, grid, views)["disparity"])


def test_the_grid_is_one_of_the_weights_as_they_are_now() -> None:
    quantised = calibrated_student(NormedStudent, 3)
    graph = traced(quantised.student)
    by_calibration = calibrate(graph, [random_views(3, 2)], input_scale=INPUT_SCALE)
    assert quantised.grid().weights == by_calibration.weights
    assert quantised.grid().tensors == by_calibration.tensors
    with torch.no_grad():
        quantised.student.up_norm.weight.mul_(2.0)  # type: ignore[union-attr, operator]
    doubled = np.array(quantised.grid().weights["up"]) / np.array(by_calibration.weights["up"])
    np.testing.assert_allclose(doubled, 2.0, rtol=1e-6)


def test_live_folding_is_the_export_s() -> None:
    quantised = calibrated_student(NormedStudent, 4)
    folded = fold_batch_norms(quantised.student, [torch.zeros(1, 1, HEIGHT, WIDTH)] * 2)
    for name, (weight, bias) in quantised.parameters_by_layer().items():
        layer = folded.get_submodule({"disparity": "head"}.get(name, name))
        torch.testing.assert_close(weight, layer.weight, rtol=0, atol=0)
        assert bias is not None
        torch.testing.assert_close(bias, layer.bias, rtol=0, atol=0)


def test_batch_statistics_are_frozen_in_training() -> None:
    quantised = calibrated_student(NormedStudent, 6).train()
    before = {name: t.clone() for name, t in quantised.student.named_buffers()}
    quantised(*random_views(7, 4).values())
    for name, buffer in quantised.student.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_gradient_of_one_layer_is_that_of_its_rounded_operands_within_the_limits() -> None:
    """Straight through the roundings: by hand, the float layer's gradient at the rounded input and weights."""
    torch.manual_seed(8)
    student = nn.Sequential()
    student.head = nn.Conv2d(2, 1, 3, padding=1)
    student.forward = lambda left, right: student.head(torch.cat([left, right], 1))  # type: ignore[method-assign]
    graph, views = traced(student), random_views(9)
    grid = calibrate(graph, [views], input_scale=INPUT_SCALE, output_scale=0.004)  # clips at ±0.5 what spreads by ±0.7
    layer = graph.layers[-1]
    assert layer.weight is not None
    assert layer.bias is not None
    weight, bias = layer.weight.clone().requires_grad_(), layer.bias.clone().requires_grad_()
    found = simulate(graph, grid.tensors, views, {"disparity": (weight, bias)})["disparity"]
    pull = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    (found * pull).sum().backward()

    scales = torch.tensor(grid.weights["disparity"]).view(-1, 1, 1, 1)
    rounded = ((layer.weight / scales).round() * scales).requires_grad_()
    offset = layer.bias.clone().requires_grad_()
    real = torch.cat(
        [(v / np.float32(INPUT_SCALE)).round().clamp(-128, 127) * np.float32(INPUT_SCALE) for v in views.values()], 1
    )
    plain = F.conv2d(real, rounded, offset, padding=1)
    inside = (plain / 0.004 >= -128) & (plain / 0.004 <= 127)
    assert 0.05 < 1 - float(inside.float().mean()) < 0.95
    (plain * pull * inside).sum().backward()
    torch.testing.assert_close(weight.grad, rounded.grad, rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(bias.grad, offset.grad, rtol=2e-3, atol=2e-3)


def test_rescaling_rounds_halves_to_even_and_stops_gradients_beyond_the_limits() -> None:
    x = torch.tensor([-9.0, 1.0, 3.0, 5.0, 400.0], requires_grad=True)
    found = rescaled(x, torch.tensor(0.5), -2, 100)
    assert found.tolist() == [-2.0, 0.0, 2.0, 2.0, 100.0]  # -4.5 and 200 are limited; .5, 1.5 and 2.5 are ties
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.5, 0.5, 0.5, 0.0]


def test_an_addition_has_the_gradient_of_its_scales() -> None:
    """q = round((a * 0.5 + b * 0.25) / 1): 3 * .5 + 5 * .25 = 2.75 -> 3; 200 is limited to 127."""
    a, b = torch.tensor([3.0, 255.0], requires_grad=True), torch.tensor([5.0, 510.0], requires_grad=True)
    grids = [(np.float32(0.5), 0), (np.float32(0.25), 0), (np.float32(1.0), 0)]
    found = added(a, b, grids, -128, 127)
    assert found.tolist() == [3.0, 127.0]
    found.sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    assert (a.grad.tolist(), b.grad.tolist()) == ([0.5, 0.0], [0.25, 0.0])


def test_a_grid_of_another_student_is_refused() -> None:
    graph = traced(random_student(TinyStudent, 0))
    with pytest.raises(DpocketError, match="the grid has no tensor"):
        simulate(graph, {"left": Steps(0.1, 0), "right": Steps(0.1, 0)}, random_views(0))
