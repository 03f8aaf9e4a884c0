"""The integers of a student on a grid, computed in torch as XNNPACK's kernels compute them, with gradients.

A tensor is held as `q - zero_point` in float32. Its values, the integer weights and every partial sum of a convolution
are whole numbers below 2**24, so that float32 adds them exactly in any order; what follows a sum is the kernel's own
rounding (`runtime_py.requantize.Fp32Requantizer`, `runtime_py.ops.sums.xnnpack_rule`). A rounding has the gradient of
what it rounds, a limit none beyond it (straight-through: Bengio et al. 2013; Jacob et al., CVPR 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runtime_py.arithmetic import INT8_MAX, INT8_MIN
from runtime_py.errors import DpocketError
from runtime_py.ops.sums import xnnpack_rule
from training.graph import Layer, StudentGraph, run_layer
from training.quantize.calibrate import BIAS_LIMIT, grid_of_weights, weight_scales
from training.quantize.grid import Grid, Steps

EXACT = 2.0**24
"""Below this float32 holds every integer."""

Parameters = tuple[Tensor, Tensor | None]
"""A layer's weight and bias."""


def simulate(
    graph: StudentGraph,
    steps: Mapping[str, Steps],
    inputs: Mapping[str, Tensor],
    parameters: Mapping[str, Parameters] | None = None,
) -> dict[str, Tensor]:
    """Every tensor of the int8 student for real float32 NCHW `inputs`, as real values, by name; any batch size.

    `parameters` by layer stand in for the graph's own, and are what gradients reach. Weight scales follow from the
    weights (`weight_scales`). Raises DpocketError where a tensor has no steps.
    """
    whole = {name: _quantised(inputs[name], _of(steps, name)) for name in graph.inputs}
    # bfloat16 has 8 bits: a sum needs 24.
    with torch.autocast(inputs[graph.inputs[0]].device.type, enabled=False):
        for layer in graph.layers:
            given = None if parameters is None else parameters.get(layer.name)
            whole[layer.name] = _computed(layer, given, whole, steps)
        return {name: value * _of(steps, name).scale for name, value in whole.items()}


def trained_grid(
    graph: StudentGraph, steps: Mapping[str, Steps], parameters: Mapping[str, Parameters], method: str
) -> Grid:
    """The grid on which `simulate` computes with these parameters."""
    tensors = {name: _of(steps, name) for name in graph.shapes}
    layers = (_with(layer, *parameters[layer.name]) if layer.weight is not None else layer for layer in graph.layers)
    return Grid(tensors, grid_of_weights(replace(graph, layers=tuple(layers)), tensors), method)


def _with(layer: Layer, weight: Tensor, bias: Tensor | None) -> Layer:
    """`layer` with these parameters, as numbers alone."""
    return replace(layer, weight=weight.detach().cpu(), bias=None if bias is None else bias.detach().cpu())


def _of(steps: Mapping[str, Steps], name: str) -> Steps:
    if name not in steps:
        raise DpocketError(f"the grid has no tensor '{name}'; calibrate this student anew")
    return steps[name]


def _limits(steps: Steps) -> tuple[int, int]:
    """Of `q - zero_point`."""
    return INT8_MIN - steps.zero_point, INT8_MAX - steps.zero_point


def _quantised(real: Tensor, steps: Steps) -> Tensor:
    """As `contract.TensorSpec.quantize`."""
    factor = float(np.float32(1.0 / np.float32(steps.scale)))
    return rescaled(real.float(), torch.tensor(factor), *_limits(steps))


def _scales(layer: Layer, weight: Tensor, bias: Tensor | None, steps: Mapping[str, Steps]) -> Any:
    return weight_scales(_with(layer, weight, bias), _of(steps, layer.inputs[0]).scale)


def _computed(
    layer: Layer, given: Parameters | None, whole: Mapping[str, Tensor], steps: Mapping[str, Steps]
) -> Tensor:
    out = _of(steps, layer.name)
    low, high = _limits(out)
    low = max(low, 0) if layer.relu else low
    values = [whole[name] for name in layer.inputs]
    if layer.kind == "add":
        grids = [(np.float32(_of(steps, name).scale), 0) for name in (*layer.inputs, layer.name)]
        return added(values[0], values[1], grids, low, high)
    if layer.weight is None:
        # Concatenation and pooling keep the grid that they share with their inputs.
        return run_layer(layer, values)
    weight, bias = (layer.weight, layer.bias) if given is None else given
    scales = torch.from_numpy(_scales(layer, weight, bias, steps)).to(weight)
    input_scale = np.float32(_of(steps, layer.inputs[0]).scale)
    integers = _integer_parameters(layer, weight, bias, scales, float(input_scale))
    sums = _sums(layer, values[0], *integers)
    factor = (scales * float(input_scale)) / float(np.float32(out.scale))
    return rescaled(sums, factor.view(1, -1, 1, 1), low, high)


def _integer_parameters(
    layer: Layer, weight: Tensor, bias: Tensor | None, scales: Tensor, input_scale: float
) -> tuple[Tensor, Tensor]:
    """As `convert.grid.apply_grid`: rounded in float64, the bias in float32 steps of input scale × weight scale."""
    axis = 1 if layer.kind == "transpose_conv2d" else 0
    along = [1] * 4
    along[axis] = -1
    rounded = whole_numbers(weight.double() / scales.double().view(along), float(INT8_MAX)).float()
    if bias is None:
        return rounded, torch.zeros_like(scales)
    steps = (scales * input_scale).double()
    return rounded, whole_numbers(bias.double() / steps, EXACT).float()


def _sums(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Exact sums in float32; through float64 where they might leave its integers."""
    axis = 1 if layer.kind == "transpose_conv2d" else 0
    terms = weight.numel() // weight.shape[axis]
    reach = float(INT8_MAX - INT8_MIN)
    if terms * INT8_MAX * reach + BIAS_LIMIT < EXACT:
        return run_layer(replace(layer, relu=False, weight=weight, bias=bias), [x])
    wide = run_layer(replace(layer, relu=False, weight=weight.double(), bias=bias.double()), [x.double()])
    return wide.float()


class _Rescale(torch.autograd.Function):
    """`rne(clamp(x * factor))` in float32, as XNNPACK requantises."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor, low: int, high: int) -> Tensor:
        factor = factor.to(x)
        scaled = x * factor
        ctx.save_for_backward((scaled >= low) & (scaled <= high), factor)
        return scaled.clamp_(low, high).round_()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        inside, factor = ctx.saved_tensors
        return gradient * inside * factor, None, None, None


class _Add(torch.autograd.Function):
    """XNNPACK's fixed-point addition of two tensors on their own grids."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, grids: list[Any], low: int, high: int) -> Tensor:
        first, second, out = grids
        rule: Any = xnnpack_rule(first, second, out, 1)
        fine = rule(a.int(), b.int())
        ctx.save_for_backward((fine >= low) & (fine <= high))
        ctx.ratios = [float(scale / out[0]) for scale, _ in (first, second)]
        limited: Tensor = fine.clamp_(low, high).to(a)
        return limited

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        (inside,) = ctx.saved_tensors
        kept = gradient * inside
        return kept * ctx.ratios[0], kept * ctx.ratios[1], None, None, None


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, limit: float) -> Tensor:
        ctx.save_for_backward(x.abs() <= limit + 0.5)
        return x.round().clamp_(-limit, limit)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        (inside,) = ctx.saved_tensors
        return gradient * inside, None


def rescaled(x: Tensor, factor: Tensor, low: int, high: int) -> Tensor:
    """`x * factor` (broadcast) in float32, limited to low … high, then rounded half to even; see `_Rescale`."""
    return _applied(_Rescale, x, factor, low, high)


def added(a: Tensor, b: Tensor, grids: list[tuple[np.float32, int]], low: int, high: int) -> Tensor:
    """The sum of two tensors of whole numbers on the grid of the third of `grids`; see `_Add`."""
    return _applied(_Add, a, b, grids, low, high)


def whole_numbers(x: Tensor, limit: float) -> Tensor:
    """The nearest integers, halves to even, within ±limit."""
    return _applied(_Round, x, limit)


def _applied(function: Any, *operands: Any) -> Tensor:
    made: Tensor = function.apply(*operands)
    return made
