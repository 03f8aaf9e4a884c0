"""How much room the integers of a program leave: sums, biases, weights and the ratios of scales, from the file alone.

Limits come from the kernels: XNNPACK's requantisation and its conditions for delegation (requantization scale below
256, ADD inputs within [2⁻¹⁰, 2⁸) of the output's scale), int32 accumulators, and float32, which counts whole numbers
up to 2²⁴.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime_py.lint.finding import Finding, LayerAudit, Status
from runtime_py.program import Op, Program, Tensor

INT32 = 2.0**31
"""From here sums wrap around."""

EXACT_FLOAT = 2.0**24
"""From here float32 does not hold every whole number: kernels that sum in float32 (Core ML's) may be a step off."""

ROUNDTRIP_BIAS = 2.0**21
"""Steps up to which a bias survives a product and a quotient by a scale in float32: ExecuTorch carries it as float."""

ADD_RATIOS = (2.0**-10, 2.0**8)
"""XNNPACK takes an addition only with input scale / output scale in this half-open range."""

REQUANTIZED = 2.0**8
"""XNNPACK takes a convolution only with input scale * weight scale / output scale below this."""

COARSE = 32
"""A channel whose largest weight is below this many steps has lost two of its seven bits."""

WEIGHT_AXIS = {"conv2d": 0, "transpose_conv2d": 0, "depthwise_conv2d": 3, "fully_connected": 0}
"""The axis of the output channels."""


@dataclass(frozen=True)
class Judgement:
    """A finding's status and words, yet without its place; `targets`: those it is true of, none for all."""

    check: str
    status: Status
    what: str
    instead: str
    targets: tuple[str, ...] = ()


def audited(program: Program) -> Iterator[tuple[Op, dict[str, float], list[Judgement]]]:
    """Figures and judgements of every integer operation that has any, in order.

    Figures: `sum` (largest |sum| that int8 inputs can make, bias included, in steps), `bias` (largest, in steps),
    `weight` (the largest weight of the channel that has the smallest such, in steps), `spread` (largest weight scale
    over smallest), `ratio` (scale of the input, times that of the weights, over that of the output: the largest).
    """
    for op in program.ops:
        audit = AUDITS.get(op.kind)
        if audit is not None and all(_on_grid(program.tensors[i]) for i in (op.inputs[0], op.outputs[0])):
            figures, judgements = audit(program, op)
            yield op, figures, judgements


def findings_and_audits(program: Program, place: Callable[[Op], str]) -> tuple[list[Finding], list[LayerAudit]]:
    """All of `audited` with the name of each operation's output and its place."""
    findings, audits = [], []
    for op, figures, judgements in audited(program):
        layer = program.tensors[op.outputs[0]].name
        audits.append(LayerAudit(layer, op.kind, place(op), figures))
        findings += [finding for judgement in judgements for finding in placed(judgement, layer, place(op))]
    return findings, audits


def placed(judgement: Judgement, layer: str, place: str, precision: str = "") -> list[Finding]:
    """One finding for each target that a judgement is true of."""
    j = judgement
    return [Finding(j.check, j.status, layer, place, j.what, j.instead, t, precision) for t in j.targets or ("",)]


def largest_sums(weight: NDArray[np.int8], bias: NDArray[np.int64], zero_point: int, op: Op) -> NDArray[np.float64]:
    """Per output channel the largest |sum| that int8 inputs can make in any order of adding, bias included.

    `weight` in the program's layout. Each product is largest where its input is at one end of int8. The pixels of a
    transposed convolution each see the taps of one phase of its stride only; the largest phase counts.
    """
    axis = WEIGHT_AXIS[op.kind]
    w = np.moveaxis(weight.astype(np.float64), axis, 0)
    w = w.reshape(*w.shape, *[1] * (4 - w.ndim))
    low, high = -128.0 - zero_point, 127.0 - zero_point
    above = np.maximum(np.maximum(w * low, w * high), 0)
    below = np.maximum(np.maximum(-w * low, -w * high), 0)
    up, across = op.attrs["stride"] if op.kind == "transpose_conv2d" else (1, 1)
    phases = [(i, j) for i in range(up) for j in range(across)]
    ends = [
        side[:, i::up, j::across].reshape(len(w), -1).sum(1) + np.maximum(sign * bias, 0)
        for i, j in phases
        for side, sign in ((above, 1), (below, -1))
    ]
    return np.asarray(np.maximum.reduce(ends))


def _on_grid(tensor: Tensor) -> bool:
    return tensor.dtype == "int8" and tensor.quant is not None and not tensor.quant.per_channel


def _weighted(program: Program, op: Op) -> tuple[dict[str, float], list[Judgement]]:
    x, weight = (program.tensors[i] for i in op.inputs[:2])
    bias = program.tensors[op.inputs[2]] if len(op.inputs) > 2 and op.inputs[2] >= 0 else None
    out = program.tensors[op.outputs[0]]
    if weight.data is None or weight.dtype != "int8" or weight.quant is None or x.quant is None or out.quant is None:
        return {}, []
    channels = weight.shape[WEIGHT_AXIS[op.kind]]
    stored = np.zeros(channels, np.int64)
    if bias is not None and bias.data is not None and bias.data.dtype.kind == "i":
        stored = bias.data.reshape(-1).astype(np.int64)
    per_channel = np.moveaxis(weight.data, WEIGHT_AXIS[op.kind], 0).reshape(channels, -1)
    most = np.abs(per_channel.astype(np.int64)).max(1)
    scale = weight.quant.scale.astype(np.float64)
    figures = {
        "sum": float(largest_sums(weight.data, stored, int(x.quant.zero_point[0]), op).max()),
        "bias": float(np.abs(stored).max(initial=0)),
        "weight": float(most.min()),
        "spread": float(scale.max() / scale.min()),
        "ratio": float(x.quant.scale[0] * scale.max() / out.quant.scale[0]),
    }
    return figures, [*_of_sums(figures), *_of_weights(figures, most, scale)]


def _of_sums(figures: Mapping[str, float]) -> list[Judgement]:
    bits = f"sums may reach 2^{np.log2(max(figures['sum'], 1)):.1f} steps"
    if figures["sum"] >= INT32:
        return [Judgement("accumulator", "refused", f"{bits}, and int32 wraps at 2^31", "use fewer input channels")]
    if figures["sum"] >= EXACT_FLOAT:
        instead = "use fewer input channels or a smaller kernel, or check parity on full-range inputs"
        what = f"{bits}, and float32 sums are whole numbers up to 2^24 only: results may be a step off"
        return [Judgement("accumulator", "warning", what, instead, ("coreml",))]
    return []


def _of_weights(figures: Mapping[str, float], most: NDArray[np.int64], scale: NDArray[np.float64]) -> list[Judgement]:
    found = []
    if figures["bias"] > ROUNDTRIP_BIAS:
        what = f"a bias of 2^{np.log2(figures['bias']):.1f} steps does not survive a float32 product (limit 2^21)"
        found.append(Judgement("bias", "warning", what, "calibrate anew: weight scales are widened for large biases"))
    # A channel of a small scale says little whatever its steps: training has switched it off.
    coarse = (most < COARSE) & (scale * most >= (scale * most).max() * 2.0**-7)
    if coarse.any():
        what = f"{int(coarse.sum())} of {most.size} channels use at most {int(most[coarse].max())} of 127 weight steps"
        found.append(Judgement("weights", "warning", what, "shrink these channels' biases, or calibrate anew"))
    if figures["ratio"] >= REQUANTIZED:
        what = f"input scale * weight scale / output scale is {figures['ratio']:.3g}; XNNPACK takes less than 256"
        instead = "widen the output's range: calibrate on inputs that excite this layer"
        found.append(Judgement("ratio", "refused", what, instead, ("litert", "executorch")))
    return found


def _added(program: Program, op: Op) -> tuple[dict[str, float], list[Judgement]]:
    out = program.tensors[op.outputs[0]].quant
    scales = [program.tensors[i].quant for i in op.inputs]
    if out is None or any(s is None for s in scales):
        return {}, []
    ratios = [float(np.float32(s.scale[0]) / np.float32(out.scale[0])) for s in scales if s is not None]
    outside = [r for r in ratios if not ADD_RATIOS[0] <= r < ADD_RATIOS[1]]
    found = []
    if outside:
        what = f"input scale / output scale is {outside[0]:.3g}; XNNPACK takes 2^-10 up to 2^8"
        instead = "bring the two branches to like ranges: calibrate on inputs that excite both"
        found.append(Judgement("addends", "refused", what, instead, ("litert", "executorch")))
    return {"ratio": max(ratios)}, found


AUDITS: Mapping[str, Callable[[Program, Op], tuple[dict[str, float], list[Judgement]]]] = {
    **dict.fromkeys(WEIGHT_AXIS, _weighted),
    "add": _added,
    "sub": _added,
}
"""What is audited, by kind."""


def untied(program: Program, op: Op) -> Sequence[str]:
    """Names of the inputs whose grid is not the output's, of an operation that copies integers."""
    out = program.tensors[op.outputs[0]]
    names = []
    for i in op.inputs[: len(op.inputs) if op.kind == "concat" else 1]:
        x = program.tensors[i]
        if _on_grid(x) and _on_grid(out) and not _same(x, out):
            names.append(x.name)
    return names


def _same(a: Tensor, b: Tensor) -> bool:
    if a.quant is None or b.quant is None:
        return True
    return bool(a.quant.scale[0] == b.quant.scale[0] and a.quant.zero_point[0] == b.quant.zero_point[0])
