"""`mean`: the mean over `axes`, which stay as size 1 with `keep_dims`. TFLite MEAN."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from runtime_py.arithmetic import INT8_MAX, INT8_MIN, multiply_by_quantized, quantize_multiplier
from runtime_py.ops.node import Array, Kernel, Node, Shape

Grid = tuple[np.float32, int]
Rule = Callable[[Array], Array]


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape without the axes, or with 1 in their place."""
    return (reduced_shape(node),)


def bind(node: Node) -> Kernel:
    """int8 by the dialect's rule for the exact sum; float32 as float32 sums."""
    axes, out = reduced_axes(node), node.output
    count = math.prod(node.input(0).shape[i] for i in axes)
    node.require(count > 0, "averages over nothing")
    match node.dtypes():
        case "int8", "int8":
            rule = node.rule(RULES)(node.grid(node.input(0)), node.grid(out), count)

            def kernel(arrays: Sequence[Array]) -> tuple[Array]:
                mean = rule(np.asarray(np.sum(arrays[0], axis=axes, dtype=np.int64)))
                return (np.clip(mean, INT8_MIN, INT8_MAX).astype(np.int8).reshape(out.shape),)

            return kernel
        case "float32", "float32":
            return lambda arrays: (np.mean(arrays[0], axis=axes, dtype=np.float32).reshape(out.shape),)
        case _:
            raise node.unsupported()


def reference_rule(given: Grid, out: Grid, count: int) -> Rule:
    """TFLite `reference_ops::QuantizedMeanOrSum`: the count is divided out of the fixed-point factor."""
    multiplier, exponent = (int(v) for v in quantize_multiplier(np.float64(given[0]) / np.float64(out[0])))
    shift = min(count.bit_length() - 1, 32, 31 + exponent)
    multiplier = (multiplier << shift) // count
    return lambda sums: multiply_by_quantized(sums - count * given[1], multiplier, exponent - shift) + out[1]


def xnnpack_rule(given: Grid, out: Grid, count: int) -> Rule:
    """XNNPACK `xnn_qs8_rsum` and its mean: scale and offset in float32, rounded half to even."""
    one = np.float32(1)
    scale = np.float32(np.float32(given[0] / out[0]) * np.float32(one / np.float32(count)))
    offset = np.float32(np.float32(out[1]) - np.float32(np.float32(count * given[1]) * scale))
    return lambda sums: np.rint(sums.astype(np.float32) * scale + offset)


def onnx_rule(given: Grid, out: Grid, count: int) -> Rule:
    """ONNX Runtime's QLinearGlobalAveragePool (MLAS qlgavgpool.cpp): one float32 factor, rounded half to even."""
    scale = np.float32(given[0] / np.float32(out[0] * np.float32(count)))
    return lambda sums: np.rint((sums - count * given[1]).astype(np.float32) * scale) + out[1]


RULES: dict[str, Callable[[Grid, Grid, int], Rule]] = {
    "xnnpack": xnnpack_rule,
    "litert-reference": reference_rule,
    "onnx-qdq": onnx_rule,
}


def reduced_shape(node: Node) -> Shape:
    """The input's shape without the attribute's axes, or with 1 in their place."""
    given, axes = node.input(0).shape, reduced_axes(node)
    if node.attr("keep_dims"):
        return tuple(1 if i in axes else n for i, n in enumerate(given))
    return tuple(n for i, n in enumerate(given) if i not in axes)


def reduced_axes(node: Node) -> tuple[int, ...]:
    """The attribute's axes, counted from the first, each once."""
    rank = len(node.input(0).shape)
    axes = node.attr("axes")
    node.require(all(-rank <= a < rank for a in axes), f"has axes {axes} for rank {rank}")
    return tuple(sorted({a % rank for a in axes}))
