"""Rounding in float: tensors and weights on a grid as real numbers, for graphs that are quantised in part.

Sums are float32 sums of grid values and not the integers of a target; `training.quantize.simulate` computes those.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import torch
from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph
from training.quantize.grid import Grid, Steps


def on_grid(value: Tensor, steps: Steps) -> Tensor:
    """`value` (float32, any shape) at the nearest of the 256 numbers of `steps`."""
    codes = torch.round(value / steps.scale) + steps.zero_point
    return (codes.clamp(-128, 127) - steps.zero_point) * steps.scale


def rounder(grid: Grid, names: Collection[str]) -> Callable[[str, Tensor], Tensor]:
    """A `visit` of `StudentGraph.run` that rounds the tensors in `names` and passes on the others."""

    def visit(name: str, value: Tensor) -> Tensor:
        return on_grid(value, grid.tensors[name]) if name in names else value

    return visit


def rounded_weights(graph: StudentGraph, grid: Grid, names: Collection[str] | None = None) -> StudentGraph:
    """`graph` with the weights and biases of the layers in `names` (None: all) at the integers that `grid` gives them.

    Raises DpocketError for a grid of another student.
    """
    chosen = {layer.name for layer in graph.layers} if names is None else names
    return replace(
        graph, layers=tuple(_rounded(layer, grid) if layer.name in chosen else layer for layer in graph.layers)
    )


def _rounded(layer: Layer, grid: Grid) -> Layer:
    if layer.weight is None:
        return layer
    axis = 1 if layer.kind == "transpose_conv2d" else 0
    scales = torch.tensor(grid.weights.get(layer.name, ()), dtype=torch.float64)
    if scales.numel() != layer.weight.shape[axis]:
        raise DpocketError(f"the grid has {scales.numel()} weight scales for '{layer.name}'; calibrate anew")
    shape = [1] * layer.weight.ndim
    shape[axis] = -1
    by_channel = scales.reshape(shape)
    weight = torch.round(layer.weight.double() / by_channel).clamp(-127, 127) * by_channel
    bias = layer.bias
    if bias is not None:
        steps = scales * grid.tensors[layer.inputs[0]].scale
        bias = (torch.round(bias.double() / steps) * steps).float()
    return replace(layer, weight=weight.float(), bias=bias)
