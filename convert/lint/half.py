"""What float16 does to a student: values and sums beyond its range, weights that it flushes to zero."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from convert.lint.measure import Reach
from runtime_py.lint.artifact import FLUSHED, SMALLEST_NORMAL
from runtime_py.lint.finding import Finding, Status
from training.graph import Layer, StudentGraph

LARGEST = float(torch.finfo(torch.float16).max)

MARGIN = 4.0
"""How much further than on the inputs that were tried an activation may reach before it is worth a warning: what
calibration scenes of another seed differ by is far less."""

COMPUTES_IN_HALF = (
    ("coreml", "fp16"),
    ("coreml", "int8-weights"),
    ("onnx", "fp16"),
    ("litert", "fp16"),
    ("executorch-coreml", "fp16"),
    ("executorch-vulkan", "fp16"),
)
"""Targets and precisions that compute in float16, on some device at least."""

INSTEAD = "rescale the layer's weights and undo it in the next, or export fp32 or int8"


def findings(graph: StudentGraph, reach: Reach, pairs: list[tuple[str, str]]) -> Iterator[Finding]:
    """On every layer, for the (target, precision) `pairs` that compute or store weights in float16."""
    computing = [pair for pair in pairs if pair in COMPUTES_IN_HALF]
    storing = [pair for pair in pairs if pair[1] == "fp16"]
    for layer in graph.layers:
        if layer.name in reach.activation:
            activation, partial = reach.activation[layer.name], reach.partial.get(layer.name, 0.0)
            yield from _of_values(layer, activation, partial, computing)
        yield from _of_weights(layer, storing)


def _of_values(layer: Layer, activation: float, partial: float, pairs: list[tuple[str, str]]) -> Iterator[Finding]:
    if activation > LARGEST:
        what = f"activations reach {activation:.3g}: beyond float16's 65504 they are infinite"
        yield from _each("refused", layer, what, pairs)
    elif activation > LARGEST / MARGIN:
        what = f"activations reach {activation:.3g} of float16's 65504"
        yield from _each("warning", layer, what, pairs)
    elif partial > LARGEST:
        what = f"partial sums may reach {partial:.3g}: infinite where a device accumulates in float16"
        yield from _each("warning", layer, what, pairs)


def _of_weights(layer: Layer, pairs: list[tuple[str, str]]) -> Iterator[Finding]:
    for name, tensor in (("weights", layer.weight), ("biases", layer.bias)):
        if tensor is None:
            continue
        size = tensor.double().abs()
        if float(size.max()) > LARGEST:
            what = f"{name} reach {float(size.max()):.3g}, beyond float16's 65504"
            yield from _each("refused", layer, what, pairs)
        small = size < SMALLEST_NORMAL
        if name == "weights" and float(size[small].sum()) > FLUSHED * float(size.sum()):
            share = float(((size > 0) & small).double().mean())
            what = f"{share:.0%} of the weights are subnormal in float16: devices may take them for 0"
            yield from _each("warning", layer, what, pairs)


def _each(status: Status, layer: Layer, what: str, pairs: list[tuple[str, str]]) -> Iterator[Finding]:
    """One finding per precision, naming its targets."""
    for precision in dict.fromkeys(p for _, p in pairs):
        targets = ", ".join(t for t, p in pairs if p == precision)
        yield Finding("float16", status, layer.name, layer.where, what, INSTEAD, targets, precision)
