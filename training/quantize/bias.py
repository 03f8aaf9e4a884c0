"""Bias correction: what the rounding of weights shifts a layer's mean output by is taken off its bias.

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2:
weights that are off by e shift the output by e E[x]. Measured here, layer by layer, on what the corrected layers
before hand on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph, run_layer
from training.quantize.fake import on_grid, rounded_weights
from training.quantize.grid import Grid

Corrections = Mapping[str, tuple[float, ...]]
"""Per layer, what is added to the bias of each output channel, in real units of its output."""


@torch.no_grad()
def bias_corrections(
    graph: StudentGraph, grid: Grid, batches: Iterable[Mapping[str, Tensor]]
) -> dict[str, tuple[float, ...]]:
    """Per layer and channel, the mean of what the rounding of weights and bias takes off the output in front of a ReLU.

    `batches` are float32 NCHW inputs; the quantised tensors that a later layer needs are held for all of them. Both
    weights see the same quantised inputs. Comparing with the float student's own tensors instead would also make up
    for what activations lose by being clipped: a few samples far out, whose mean then moves all others (measured:
    docs/QUANTISATION.md). Raises DpocketError for no batches, or a grid of another student.
    """
    held = [{name: on_grid(batch[name], grid.tensors[name]) for name in graph.inputs} for batch in batches]
    if not held:
        raise DpocketError("bias correction needs at least one batch of inputs")
    last_use = {name: i for i, layer in enumerate(graph.layers) for name in layer.inputs}
    corrections: dict[str, tuple[float, ...]] = {}
    for i, (layer, rounded) in enumerate(zip(graph.layers, rounded_weights(graph, grid).layers, strict=True)):
        if layer.bias is not None:
            lost = _mean([run_layer(_difference(layer, rounded), [values[layer.inputs[0]]]) for values in held])
            corrections[layer.name] = tuple(float(v) for v in lost.float())
            rounded = _shifted(rounded, corrections[layer.name])
        for values in held:
            made = run_layer(rounded, [values[name] for name in layer.inputs])
            values[layer.name] = on_grid(made, grid.tensors[layer.name])
            for name in layer.inputs:
                if last_use[name] == i:
                    values.pop(name, None)
    return corrections


def shifted(graph: StudentGraph, corrections: Corrections) -> StudentGraph:
    """`graph` with `corrections` added to its biases. Raises DpocketError for those of another student."""
    if not corrections:
        return graph
    unknown = set(corrections) - {layer.name for layer in graph.layers if layer.bias is not None}
    if unknown:
        raise DpocketError(f"the grid corrects the bias of '{min(unknown)}', which has none here; calibrate anew")
    return replace(graph, layers=tuple(_shifted(layer, corrections.get(layer.name)) for layer in graph.layers))


def _shifted(layer: Layer, correction: tuple[float, ...] | None) -> Layer:
    if correction is None or layer.bias is None:
        return layer
    if len(correction) != layer.bias.numel():
        raise DpocketError(f"the grid has {len(correction)} bias corrections for '{layer.name}'; calibrate anew")
    return replace(layer, bias=layer.bias + torch.tensor(correction))


def _difference(layer: Layer, rounded: Layer) -> Layer:
    """The layer that computes what `layer` does less what `rounded` does: both are linear in front of the ReLU."""
    if layer.weight is None or rounded.weight is None or layer.bias is None or rounded.bias is None:
        raise DpocketError(f"layer '{layer.name}' has no weights and bias to correct")
    return replace(layer, relu=False, weight=layer.weight - rounded.weight, bias=layer.bias - rounded.bias)


def _mean(values: Sequence[Tensor]) -> Tensor:
    """Per channel over samples and pixels, float64."""
    total = torch.stack([value.sum((0, 2, 3), dtype=torch.float64) for value in values]).sum(0)
    return total / sum(value.numel() // value.shape[1] for value in values)
