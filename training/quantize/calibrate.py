"""Post-training calibration: from the ranges of a student's tensors to its grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph
from training.quantize.grid import OUTPUT_STEPS, Grid, Steps
from training.quantize.ranges import observed_ranges

BIAS_LIMIT = 2.0**21
"""Bias magnitude in steps that survives a product and a quotient by a scale in float32 (|error| < 0.5)."""


def calibrate(
    graph: StudentGraph,
    batches: Iterable[Mapping[str, Tensor]],
    *,
    input_scale: float,
    method: str = "minmax",
    output_scale: float | None = None,
) -> Grid:
    """The grid of a trained student from representative float32 NCHW inputs.

    Inputs and outputs are symmetric (zero point 0): inputs at `input_scale` (limit / 127), outputs at `output_scale` or
    from what was seen; outputs in `OUTPUT_STEPS` have the steps given there. All that a concatenation or a pooling
    joins shares one grid, because a rescale between them rounds differently in LiteRT and in ExecuTorch. `method` is
    "minmax", "percentile" (all but `TAIL` at each side) or "mse" (least squared error over symmetric shrinkings of the
    range).
    """
    ranges = observed_ranges(graph, batches, method)
    fixed = dict.fromkeys(graph.inputs, _symmetric(input_scale))
    if output_scale is not None:
        fixed |= dict.fromkeys(graph.outputs, _symmetric(output_scale))
    fixed |= {name: OUTPUT_STEPS[name] for name in graph.outputs if name in OUTPUT_STEPS}
    tensors = _steps(graph, ranges, fixed)
    return Grid(tensors, grid_of_weights(graph, tensors), method)


def grid_of_weights(graph: StudentGraph, tensors: Mapping[str, Steps]) -> dict[str, tuple[float, ...]]:
    """`weight_scales` of every layer that has weights, by its name."""
    return {
        layer.name: tuple(float(s) for s in weight_scales(layer, tensors[layer.inputs[0]].scale))
        for layer in graph.layers
        if layer.weight is not None
    }


def weight_scales(layer: Layer, input_scale: float) -> NDArray[np.float32]:
    """Symmetric scales, one per output channel, that keep weights in ±127 and the bias under `BIAS_LIMIT`."""
    if layer.weight is None:
        raise DpocketError(f"layer '{layer.name}' has no weights")
    axis = 1 if layer.kind == "transpose_conv2d" else 0
    weight = layer.weight.double().transpose(0, axis).flatten(1).abs().amax(1).numpy()
    bias = np.zeros_like(weight) if layer.bias is None else layer.bias.double().abs().numpy()
    # A channel that training switched off still needs a scale: a tiny share of the layer's largest.
    floor = max(float(weight.max()) * 2.0**-12, 2.0**-24)
    reach = np.maximum.reduce([weight, bias / (input_scale * BIAS_LIMIT) * 127, np.full_like(weight, floor)])
    return np.asarray(reach / 127, np.float32)


def _groups(graph: StudentGraph) -> dict[str, str]:
    """Tensor name to the name that stands for all tensors sharing its grid."""
    parent = {name: name for name in graph.shapes}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for layer in graph.layers:
        if layer.kind in ("concat", "max_pool2d"):
            for name in layer.inputs:
                parent[root(name)] = root(layer.name)
    return {name: root(name) for name in graph.shapes}


def _steps(
    graph: StudentGraph, ranges: Mapping[str, tuple[float, float]], fixed: Mapping[str, Steps]
) -> dict[str, Steps]:
    group = _groups(graph)
    spans: dict[str, tuple[float, float]] = {}
    for name, (lo, hi) in ranges.items():
        old = spans.get(group[name], (0.0, 0.0))
        spans[group[name]] = (min(lo, old[0]), max(hi, old[1]))
    for name in graph.outputs:
        reach = max(abs(v) for v in spans[group[name]])
        spans[group[name]] = (-reach, reach)
    frozen: dict[str, Steps] = {}
    for name, steps in fixed.items():
        if frozen.setdefault(group[name], steps) != steps:
            raise DpocketError(f"'{name}' is joined by a concat with a tensor of other given steps; give both the same")
        spans[group[name]] = ((-128 - steps.zero_point) * steps.scale, (127 - steps.zero_point) * steps.scale)
    _widen(graph, group, spans, set(frozen))
    symmetric = {group[name] for name in graph.outputs}
    made = {root: frozen.get(root) or _affine(*span, root in symmetric) for root, span in spans.items()}
    return {name: made[group[name]] for name in graph.shapes}


def _symmetric(scale: float) -> Steps:
    return Steps(float(np.float32(scale)), 0)


def _affine(lo: float, hi: float, symmetric: bool) -> Steps:
    if symmetric:
        return _symmetric(hi / 127)
    scale = float(np.float32((hi - lo) / 255))
    return Steps(scale, int(np.clip(np.rint(-128 - lo / scale), -128, 127)))


def _widen(
    graph: StudentGraph, group: Mapping[str, str], spans: dict[str, tuple[float, float]], frozen: set[str]
) -> None:
    """Widen ranges that are too small for the kernels.

    XNNPACK takes an add only when 2⁻¹⁰ <= input scale / output scale < 2⁸, and a convolution only below
    256; a tensor that calibration saw (nearly) constant would break either.
    """

    def at_least(root: str, least: float) -> bool:
        lo, hi = spans[root]
        if root in frozen or hi - lo >= least * 0.999:
            return False
        spans[root] = (lo * least / (hi - lo), hi * least / (hi - lo)) if hi - lo > least * 1e-6 else (0.0, least)
        return True

    widest = max(hi - lo for lo, hi in spans.values())
    for root in spans:
        at_least(root, max(widest * 2.0**-12, 1e-6))
    changed = True
    while changed:
        changed = False
        for layer in (layer for layer in graph.layers if layer.kind == "add"):
            out = group[layer.name]
            for root in (group[name] for name in layer.inputs):
                changed |= at_least(root, (spans[out][1] - spans[out][0]) * 2.0**-9)
                changed |= at_least(out, (spans[root][1] - spans[root][0]) * 2.0**-7)
