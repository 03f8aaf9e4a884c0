"""`Grid`: the one integer grid of a student, and its calibration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph

BINS = 2048
TAIL = 3e-4
"""Share of the values at each end that "percentile" may clip; chosen on real captures (RESULTS.md, "Calibration")."""
BIAS_LIMIT = 2.0**21
"""Bias magnitude in steps that survives a product and a quotient by a scale in float32 (|error| < 0.5)."""


@dataclass(frozen=True)
class Steps:
    """`real = (q - zero_point) * scale` of one activation; `scale` is a float32 value."""

    scale: float
    zero_point: int
    dtype: str = "int8"


OUTPUT_STEPS: Mapping[str, Steps] = {"confidence": Steps(float(np.float32(1 / 255)), -128)}
"""Outputs whose range is their meaning: a probability has the codes -128 … 127 for 0 … 1, and saturation clips it."""


@dataclass(frozen=True)
class Grid:
    """Steps of every activation, and per layer the weight scales (float32 values, one per output channel, symmetric).

    A layer's bias is int32 in steps of `input scale * weight scale` and needs no entry. Scales are not rounded to
    float16 for Core ML's sake: with 11-bit scales exact rounding ties are a thousand times more frequent, and runtimes
    break ties differently.
    """

    tensors: Mapping[str, Steps]
    weights: Mapping[str, tuple[float, ...]]
    method: str = ""

    def to_json(self) -> str:
        """Readable JSON; scales in the shortest decimal form that gives the same float32 back."""
        steps = {
            name: {"scale": _shortest(s.scale), "zero_point": s.zero_point, "dtype": s.dtype}
            for name, s in self.tensors.items()
        }
        weights = {name: [_shortest(s) for s in scales] for name, scales in self.weights.items()}
        return json.dumps({"method": self.method, "tensors": steps, "weights": weights}, indent=1)

    @staticmethod
    def from_json(text: str | bytes) -> Grid:
        """Raises DpocketError when the text is not a grid."""
        try:
            raw = json.loads(text)
            tensors = {
                name: Steps(float(np.float32(s["scale"])), int(s["zero_point"]), str(s["dtype"]))
                for name, s in raw["tensors"].items()
            }
            weights = {name: tuple(float(np.float32(s)) for s in scales) for name, scales in raw["weights"].items()}
            return Grid(tensors, weights, str(raw["method"]))
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise DpocketError(f"not a readable grid: {type(e).__name__} {e}") from e

    def hash(self) -> str:
        """SHA-256 of the numbers, whatever method found them."""
        return hashlib.sha256(replace(self, method="").to_json().encode()).hexdigest()


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
    if method not in METHODS:
        raise DpocketError(f"no calibration method '{method}'; there are: {', '.join(METHODS)}")
    seen = list(batches)
    if not seen:
        raise DpocketError("calibration needs at least one batch of inputs")
    ranges = _extremes(graph, seen)
    if method != "minmax":
        choose = METHODS[method]
        counts = _histograms(graph, seen, ranges)
        ranges = {name: choose(counts[name], *ranges[name]) for name in ranges}
    fixed = dict.fromkeys(graph.inputs, _symmetric(input_scale))
    if output_scale is not None:
        fixed |= dict.fromkeys(graph.outputs, _symmetric(output_scale))
    fixed |= {name: OUTPUT_STEPS[name] for name in graph.outputs if name in OUTPUT_STEPS}
    tensors = _steps(graph, ranges, fixed)
    weights = {
        layer.name: tuple(float(s) for s in weight_scales(layer, tensors[layer.inputs[0]].scale))
        for layer in graph.layers
        if layer.weight is not None
    }
    return Grid(tensors, weights, method)


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


def _observe(graph: StudentGraph, batches: list[Mapping[str, Tensor]], see: Callable[[str, Tensor], None]) -> None:
    def visit(name: str, value: Tensor) -> Tensor:
        see(name, value)
        return value

    with torch.no_grad():
        for batch in batches:
            graph.run(batch, visit)


def _extremes(graph: StudentGraph, batches: list[Mapping[str, Tensor]]) -> dict[str, tuple[float, float]]:
    ranges: dict[str, tuple[float, float]] = {}

    def see(name: str, value: Tensor) -> None:
        lo, hi = (float(v) for v in torch.aminmax(value))
        if not (np.isfinite(lo) and np.isfinite(hi)):
            raise DpocketError(
                f"calibration met a value that is not finite in '{name}'; check the weights and the inputs"
            )
        old = ranges.get(name, (0.0, 0.0))
        ranges[name] = (min(old[0], lo), max(old[1], hi))

    _observe(graph, batches, see)
    return ranges


def _histograms(
    graph: StudentGraph, batches: list[Mapping[str, Tensor]], ranges: Mapping[str, tuple[float, float]]
) -> dict[str, NDArray[np.float64]]:
    counts = {name: torch.zeros(BINS, dtype=torch.float64) for name in ranges}

    def see(name: str, value: Tensor) -> None:
        lo, hi = ranges[name]
        if hi > lo:
            counts[name] += torch.histc(value, BINS, lo, hi).double()

    _observe(graph, batches, see)
    return {name: c.numpy() for name, c in counts.items()}


def _percentile(counts: NDArray[np.float64], lo: float, hi: float) -> tuple[float, float]:
    total = counts.sum()
    if total == 0:
        return lo, hi
    share = np.cumsum(counts) / total
    edges = np.linspace(lo, hi, BINS + 1)
    low, high = edges[np.searchsorted(share, TAIL, side="right")], edges[np.searchsorted(share, 1 - TAIL) + 1]
    return min(float(low), 0.0), max(float(high), 0.0)


def _least_squares(counts: NDArray[np.float64], lo: float, hi: float) -> tuple[float, float]:
    if counts.sum() == 0:
        return lo, hi
    centres = lo + (np.arange(BINS) + 0.5) * (hi - lo) / BINS

    def error(shrink: float) -> float:
        step = shrink * (hi - lo) / 255
        beyond = centres - np.clip(centres, shrink * lo, shrink * hi)
        # Inside the range rounding errors are uniform: step² / 12.
        return float(np.sum(counts * np.where(beyond != 0, beyond**2, step**2 / 12)))

    best = min(np.geomspace(1 / 64, 1.0, 121), key=lambda shrink: error(float(shrink)))
    return float(best) * lo, float(best) * hi


METHODS: dict[str, Callable[..., tuple[float, float]]] = {
    "minmax": lambda counts, lo, hi: (lo, hi),
    "percentile": _percentile,
    "mse": _least_squares,
}


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


def _shortest(value: float) -> float:
    return float(str(np.float32(value)))
