"""Cross-layer equalisation: positive factors on channels that leave the float student as it is and suit eight bits.

A channel multiplied by f > 0 where it is made and divided by f where it is used changes nothing, through ReLUs and
maxima as well, since relu(f x) = f relu(x). What additions join must carry the same factor, concatenations and poolings
hand it on, and inputs and outputs keep theirs. Source: Nagel et al., "Data-Free Quantization Through Weight
Equalization and Bias Correction", ICCV 2019, section 4.1; its pairs of layers become classes of channels here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph

Factors = Mapping[str, tuple[float, ...]]
"""Per tensor, the factor of each of its channels; a tensor without an entry keeps its values."""

SWEEPS = 60
LARGEST = 20.0
"""A factor lies between this and its inverse: a channel that is nearly dead must not blow up what it is used by."""


def equalising_factors(graph: StudentGraph) -> dict[str, tuple[float, ...]]:
    """Factors that make the largest weight by which a channel is made equal to the largest by which it is used.

    Nagel et al. 2019, equations 9 to 11, over all layers at once: half of each correction per sweep, which converges
    where full steps of neighbouring layers would swing. Channels that are never made or never used keep 1.
    """
    classes = channel_classes(graph)
    count = 1 + max(int(ids.max()) for ids in classes.values())
    log_factor = np.zeros(count)
    layers = [(coupling(layer, graph), classes[layer.name], classes[layer.inputs[0]]) for layer in weighted(graph)]
    for _ in range(SWEEPS):
        made, used = np.zeros(count), np.zeros(count)
        factor = np.exp(log_factor)
        for weights, out, into in layers:
            scaled = weights * factor[out][:, None] / factor[into][None, :]
            np.maximum.at(made, out, scaled.max(1))
            np.maximum.at(used, into, scaled.max(0))
        live = (made > 0) & (used > 0)
        live[0] = False
        log_factor[live] += 0.25 * np.log(used[live] / made[live])
        np.clip(log_factor, -np.log(LARGEST), np.log(LARGEST), out=log_factor)
    factor = np.exp(log_factor).astype(np.float32)
    found = {name: tuple(float(f) for f in factor[ids]) for name, ids in classes.items()}
    return {name: factors for name, factors in found.items() if any(f != 1.0 for f in factors)}


def rescaled(graph: StudentGraph, factors: Factors) -> StudentGraph:
    """`graph` with every tensor multiplied by its `factors`; its outputs are the same but for float32 rounding.

    Raises DpocketError for factors that are not of this graph: of other channels, not positive, or different where an
    addition, a concatenation, a pooling, an input or an output needs them alike.
    """
    if not factors:
        return graph
    full = {name: torch.tensor(factors.get(name, (1.0,) * graph.shapes[name][1])) for name in graph.shapes}
    _require_exact(graph, factors, full)
    layers = (
        layer if layer.weight is None else _scaled(layer, full[layer.name], full[layer.inputs[0]])
        for layer in graph.layers
    )
    return replace(graph, layers=tuple(layers))


def channel_classes(graph: StudentGraph) -> dict[str, NDArray[np.int64]]:
    """Per tensor and channel the number of its class: channels of one class carry the same factor, those of 0 none."""
    first, count = {}, 1
    for name, shape in graph.shapes.items():
        first[name], count = count, count + shape[1]
    parent = np.arange(count)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    for a, b in _tied(graph, first):
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return {name: np.array([root(first[name] + c) for c in range(shape[1])]) for name, shape in graph.shapes.items()}


def _tied(graph: StudentGraph, first: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Pairs of channels that carry one factor; 0 stands for the factor 1."""
    for name in (*graph.inputs, *graph.outputs):
        yield from ((0, first[name] + c) for c in range(graph.shapes[name][1]))
    for layer in graph.layers:
        if layer.weight is not None:
            continue
        at = first[layer.name]
        for name in layer.inputs:
            yield from ((at + c, first[name] + c) for c in range(graph.shapes[name][1]))
            at += graph.shapes[name][1] if layer.kind == "concat" else 0


def weighted(graph: StudentGraph) -> Iterator[Layer]:
    return (layer for layer in graph.layers if layer.weight is not None)


def coupling(layer: Layer, graph: StudentGraph) -> NDArray[np.float64]:
    """Largest magnitude of the weights from each input channel (columns) to each output channel (rows)."""
    if layer.weight is None:
        raise DpocketError(f"layer '{layer.name}' has no weights")
    weight = layer.weight.transpose(0, 1) if layer.kind == "transpose_conv2d" else layer.weight
    largest = np.asarray(weight.abs().double().flatten(2).amax(2).numpy(), np.float64)
    if layer.kind != "depthwise_conv2d":
        return largest
    made, used = largest.shape[0], graph.shapes[layer.inputs[0]][1]
    spread = np.zeros((made, used))
    spread[np.arange(made), np.arange(made) // (made // used)] = largest[:, 0]
    return spread


def _require_exact(graph: StudentGraph, factors: Factors, full: Mapping[str, Tensor]) -> None:
    classes = channel_classes(graph)
    of_class: dict[int, float] = {0: 1.0}
    for name, row in factors.items():
        if name not in classes or len(row) != classes[name].size:
            raise DpocketError(f"the grid equalises '{name}', which this student does not have so; calibrate it anew")
    for name, ids in classes.items():
        for number, factor in zip(ids.tolist(), full[name].tolist(), strict=True):
            if not 0 < factor < float("inf") or of_class.setdefault(number, factor) != factor:
                raise DpocketError(f"the factors of '{name}' would change what the student computes; calibrate it anew")


def _scaled(layer: Layer, out: Tensor, into: Tensor) -> Layer:
    if layer.weight is None:
        return layer
    bias = None if layer.bias is None else layer.bias * out
    if layer.kind == "depthwise_conv2d":
        ratio = (out / into.repeat_interleave(out.numel() // into.numel())).reshape(-1, 1, 1, 1)
    else:
        ratio = out[:, None] / into[None, :]
        ratio = (ratio.T if layer.kind == "transpose_conv2d" else ratio)[:, :, None, None]
    return replace(layer, weight=layer.weight * ratio, bias=bias)
