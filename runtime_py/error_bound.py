"""How far dialect "coreml-fp16" may be from exact arithmetic: a bound for each operation, derived and tested.

With unit roundoff u (2⁻¹¹ for float16, 2⁻²⁴ for float32), for the same stored operands:

* storing a real y in float16 costs at most u₁₆ |y| + 2⁻²⁵ (half a step of the subnormal numbers);
* a sum of n rounded products costs at most γₙ Σ |x w|, γₙ = n u / (1 - n u), in whatever order it is added
  (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). Σ |x w| is the same operation on
  absolute values;
* a function that is computed with a few roundings costs so many times u |y|.

What a result inherits from errors of its operands is not part of it; see `network_tolerance` for whole networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from runtime_py.dialects import DIALECTS
from runtime_py.errors import DpocketError
from runtime_py.ops import OPS
from runtime_py.ops.elementwise import UNARY
from runtime_py.ops.half import COPIES, widened
from runtime_py.ops.node import Array, Node
from runtime_py.program import Op, Program, Tensor

ROUNDOFF: Mapping[str, float] = {"float16": 2.0**-11, "float32": 2.0**-24}
"""Unit roundoff of each type."""

SUBNORMAL_HALF_STEP: Mapping[str, float] = {"float16": 2.0**-25, "float32": 2.0**-150}

LARGEST_HALF = 65520.0
"""From here on a value rounds to infinity in float16."""

WALK = 4.0
"""Standard deviations that `network_tolerance` allows for."""


@dataclass(frozen=True)
class Case:
    """An operation on float32 operands, its result in float32 and the roundoff of its arithmetic."""

    node: Node
    operands: tuple[Array, ...]
    result: Array
    roundoff: float


def error_bound(
    op: Op, tensors: Sequence[Tensor], inputs: Sequence[Array], accumulator: str = "float32"
) -> tuple[Array, ...]:
    """For each output, a float64 array of its shape: how far its values may be from exact ones.

    `inputs` are the operands as stored, constants too; `tensors` is the program's table. `accumulator` is the type in
    which sums are held: "float32" for this dialect, "float16" for a device that adds in half floats. A bound is
    infinite where float16 overflows. Raises DpocketError for an operation without a bound.
    """
    if op.kind not in BOUNDS:
        raise DpocketError(f"there is no error bound for '{op.kind}'; there is one for: {', '.join(BOUNDS)}")
    if accumulator not in ROUNDOFF:
        raise DpocketError(f"sums are held in float32 or float16, not in '{accumulator}'")
    operands = tuple(a.astype(np.float32) if a.dtype == np.float16 else a for a in inputs)
    taken = tuple(tensors[i] if i >= 0 else None for i in op.inputs)
    stored = Node(op, taken, tuple(tensors[i] for i in op.outputs), DIALECTS["coreml-fp16"])
    node = widened(stored)
    with np.errstate(all="ignore"):
        results = OPS[op.kind].bind(node)(operands)
        arithmetic = [BOUNDS[op.kind](Case(node, operands, r, ROUNDOFF[accumulator])) for r in results]
        return tuple(
            _stored(r, np.asarray(e, np.float64), t.dtype)
            for r, e, t in zip(results, arithmetic, stored.outputs, strict=True)
        )


def network_tolerance(program: Program) -> float:
    """What a whole float16 network may be off by, as a share of its output's range. A rule, not a proof.

    Every rounding to float16, of a result or of a set of weights, adds an independent error of relative size u₁₆
    that the layers after it neither amplify nor damp: a random walk of WALK standard deviations. A proof by adding up
    `error_bound` through the layers would allow for thousands of times more than ever happens.
    """
    halves = sum(t.dtype == "float16" and (t.data is None or t.data.ndim > 1) for t in program.tensors)
    return WALK * ROUNDOFF["float16"] * math.sqrt(halves)


def _stored(result: Array, arithmetic: Array, dtype: str) -> Array:
    """The error of the arithmetic and that of storing its result, nothing for an exact result that is a half float."""
    if dtype != "float16":
        return np.broadcast_to(arithmetic, result.shape)
    size = np.abs(result.astype(np.float64)) + arithmetic
    bound: Array = arithmetic + ROUNDOFF["float16"] * size + SUBNORMAL_HALF_STEP["float16"]
    kept = (arithmetic == 0) & (result.astype(np.float16) == result)
    return np.where(kept, 0.0, np.where(size < LARGEST_HALF, bound, np.inf))


def _nothing(case: Case) -> Array:
    return np.zeros(case.result.shape)


def _roundings(count: int) -> Callable[[Case], Array]:
    """So many roundings, each relative to the result; float32 also has a smallest step."""

    def bound(case: Case) -> Array:
        return count * (case.roundoff * np.abs(case.result.astype(np.float64)) + SUBNORMAL_HALF_STEP["float32"])

    return bound


def _sum(terms: Callable[[Case], int]) -> Callable[[Case], Array]:
    """γ of the terms, times the operation on absolute values; two more roundings are for a bias and a division."""

    def bound(case: Case) -> Array:
        n = (terms(case) + 2) * case.roundoff
        return (n / (1 - n) if n < 1 else np.inf) * _magnitude(case)

    return bound


def _magnitude(case: Case) -> Array:
    """The operation on absolute values."""
    absolute = tuple(np.abs(a) for a in case.operands)
    inputs = tuple(
        None if t is None else replace(t, data=None if t.data is None else np.abs(t.data.astype(np.float32)))
        for t in case.node.inputs
    )
    kernel = OPS[case.node.op.kind].bind(replace(case.node, inputs=inputs))
    return kernel(absolute)[0].astype(np.float64)


def _filter_terms(case: Case) -> int:
    """Products that one output of a convolution with weights OHWI adds; of a transposed one, at most so many."""
    return math.prod(case.node.input(1).shape[1:])


def _resize(case: Case) -> Array:
    """Positions are off by 3 u of the size, and each of two passes rounds 4 times."""
    size = sum(case.node.input(0).shape[1:3])
    largest = float(np.abs(case.operands[0]).max(initial=0))
    return np.full(case.result.shape, (8 + 6 * size) * ROUNDOFF["float32"] * largest)


def _softmax(case: Case) -> Array:
    """Differences from the maximum round by u of themselves, which exponentiation turns into a relative error."""
    x = case.operands[0].astype(np.float64) * abs(float(case.node.attr("beta")))
    spread = x.max(-1, keepdims=True) - x
    share = (x.shape[-1] + 6 + 2 * spread + 2 * spread.max(-1, keepdims=True)) * case.roundoff
    bound: Array = share * case.result + SUBNORMAL_HALF_STEP["float32"]
    return bound


def _hard_swish(case: Case) -> Array:
    x = np.abs(case.operands[0].astype(np.float64))
    bound: Array = 4 * case.roundoff * x * (x + 3) / 6
    return bound


def _gelu(case: Case) -> Array:
    """float64 loses digits of the normal distribution's lower end."""
    return _roundings(2)(case) + 2.0**-52 * np.abs(case.operands[0])


def _hard_sigmoid(case: Case) -> Array:
    x = np.abs(case.operands[0].astype(np.float64))
    bound: Array = 3 * case.roundoff * (abs(float(case.node.attr("alpha"))) * x + abs(float(case.node.attr("beta"))))
    return bound


EXACT = (*COPIES, "absolute", "cast", "clamp", "max_pool2d", "maximum", "minimum", "negate", "relu", "relu6")

BOUNDS: Mapping[str, Callable[[Case], Array]] = {
    **dict.fromkeys(UNARY, _roundings(2)),
    **dict.fromkeys(EXACT, _nothing),
    **dict.fromkeys(("add", "div", "leaky_relu", "mul", "prelu", "sub"), _roundings(1)),
    "average_pool2d": _sum(lambda case: math.prod(case.node.attr("window"))),
    "conv2d": _sum(_filter_terms),
    "depthwise_conv2d": _sum(lambda case: math.prod(case.node.input(1).shape[1:3])),
    "dequantize": _roundings(2),
    "fully_connected": _sum(lambda case: case.node.input(1).shape[1]),
    "gelu": _gelu,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
    "logistic": _roundings(4),
    "mean": _sum(lambda case: case.operands[0].size // max(case.result.size, 1)),
    "resize_bilinear": _resize,
    "softmax": _softmax,
    "tanh": _roundings(2),
    "transpose_conv2d": _sum(_filter_terms),
}
"""The error of each operation's arithmetic before its result is stored, by kind."""
