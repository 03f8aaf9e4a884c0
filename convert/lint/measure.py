"""What a student's tensors reach on inputs of the kind that it is calibrated on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from training.graph import Layer, StudentGraph, run_layer
from training.quantize import Grid, Steps

CODES = 256

SUMMED = ("conv2d", "depthwise_conv2d", "transpose_conv2d", "add")
"""Kinds that add products or values up."""


class Observer(Protocol):
    """Sees all tensors of a batch by name, float32 NCHW."""

    def see(self, values: Mapping[str, Tensor]) -> None: ...


@torch.no_grad()
def observe(graph: StudentGraph, batches: Iterable[Mapping[str, Tensor]], observers: Sequence[Observer]) -> None:
    """Run `graph` on float32 NCHW `batches` once for all `observers`."""
    for batch in batches if observers else ():
        values = graph.run(batch)
        for observer in observers:
            observer.see(values)


class Reach:
    """By tensor, in real units: the largest magnitude, and that of a partial sum on the way to it.

    A partial sum is bounded by the sum of the magnitudes of all that is added, bias included: no order of adding
    exceeds it. There is none where nothing is added.
    """

    def __init__(self, graph: StudentGraph) -> None:
        self.layers = [layer for layer in graph.layers if layer.kind in SUMMED]
        self.activation: dict[str, float] = {}
        self.partial: dict[str, float] = {}

    def see(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.activation[name] = max(self.activation.get(name, 0.0), float(value.abs().max()))
        for layer in self.layers:
            largest = float(_magnitudes(layer, [values[i] for i in layer.inputs]).max())
            self.partial[layer.name] = max(self.partial.get(layer.name, 0.0), largest)


@dataclass(frozen=True)
class Codes:
    """Of one tensor on its grid: shares of values clipped `below` and `above`, and the share `used` of 256 codes."""

    below: float
    above: float
    used: float


class OnGrid:
    """By tensor, what becomes of its real values on `grid`."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.counts: dict[str, tuple[int, int, int]] = {}
        self.ends: dict[str, tuple[int, int]] = {}

    def see(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            whole = _on(value, self.grid.tensors[name])
            below, above, count = self.counts.get(name, (0, 0, 0))
            self.counts[name] = (
                below + int((whole < -128).sum()),
                above + int((whole > 127).sum()),
                count + whole.numel(),
            )
            low, high = (int(v) for v in torch.aminmax(whole.clamp(-128, 127)))
            least, most = self.ends.get(name, (low, high))
            self.ends[name] = (min(least, low), max(most, high))

    def codes(self) -> dict[str, Codes]:
        """Of every tensor that was seen."""
        found = {}
        for name, (below, above, count) in self.counts.items():
            low, high = self.ends[name]
            found[name] = Codes(below / count, above / count, (high - low + 1) / CODES)
        return found


def _on(value: Tensor, steps: Steps) -> Tensor:
    return torch.round(value / steps.scale) + steps.zero_point


def _magnitudes(layer: Layer, inputs: list[Tensor]) -> Tensor:
    weight = None if layer.weight is None else layer.weight.abs()
    bias = None if layer.bias is None else layer.bias.abs()
    return run_layer(replace(layer, weight=weight, bias=bias, relu=False), [x.abs() for x in inputs])
