"""`reduce_max`, `reduce_min` and `sum` over `axes`, which stay as size 1 with `keep_dims`. TFLite REDUCE_MAX, SUM."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from runtime_py.arithmetic import INT8_MAX, INT8_MIN, multiply_by_quantized, quantize_multiplier
from runtime_py.ops.mean import reduced_axes, reduced_shape
from runtime_py.ops.node import Array, Kernel, Node, Shape

Grid = tuple[np.float32, int]
Rule = Callable[[Array], Array]


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape without the axes, or with 1 in their place."""
    return (reduced_shape(node),)


def bind(node: Node) -> Kernel:
    """Extrema of any one type on one grid; sums of float32 and, by the dialect's rule, of int8."""
    axes, out, given = reduced_axes(node), node.output, node.input(0)
    count = int(np.prod([given.shape[i] for i in axes]))
    node.require(count > 0, "reduces over nothing")
    if node.op.kind in EXTREMA:
        node.require(given.dtype == out.dtype, "changes the type of its values")
        node.require(given.dtype != "int8" or node.same_grid(given, out), "changes the grid of its values")
        extremum = EXTREMA[node.op.kind]
        return lambda arrays: (extremum(arrays[0], axis=axes).reshape(out.shape),)
    match node.dtypes():
        case "int8", "int8":
            rule = node.rule(RULES)(node.grid(given), node.grid(out), count)
            return lambda arrays: (
                rule(np.asarray(_int8_sum(node, arrays[0], axes))).astype(np.int8).reshape(out.shape),
            )
        case ("float32", "float32") | ("int32", "int32") | ("int64", "int64"):
            return lambda arrays: (np.sum(arrays[0], axis=axes, dtype=out.dtype).reshape(out.shape),)
        case _:
            raise node.unsupported()


def _int8_sum(node: Node, array: Array, axes: tuple[int, ...]) -> Array:
    """The exact sum; LiteRT's reference kernel takes the bytes for unsigned ones."""
    stored = array.view(np.uint8) if node.dialect.name == "litert-reference" else array
    return np.asarray(np.sum(stored, axis=axes, dtype=np.int64))


def reference_rule(given: Grid, out: Grid, count: int) -> Rule:
    """TFLite `reference_ops::QuantizedMeanOrSum` as LiteRT 2.3 calls it for int8: limits and bytes are uint8's."""
    factor = quantize_multiplier(np.float64(given[0]) / np.float64(out[0]))

    def rule(sums: Array) -> Array:
        scaled = multiply_by_quantized(sums - count * given[1], *factor) + out[1]
        return np.clip(scaled, 0, 255).astype(np.uint8).view(np.int8)

    return rule


def xnnpack_rule(given: Grid, out: Grid, count: int) -> Rule:
    """XNNPACK `xnn_qs8_rsum`: scale and offset in float32, rounded half to even."""
    scale = np.float32(given[0] / out[0])
    offset = np.float32(np.float32(out[1]) - np.float32(np.float32(count * given[1]) * scale))
    return lambda sums: np.clip(np.rint(sums.astype(np.float32) * scale + offset), INT8_MIN, INT8_MAX)


RULES: Mapping[str, Callable[[Grid, Grid, int], Rule]] = {
    "xnnpack": xnnpack_rule,
    "litert-reference": reference_rule,
}

EXTREMA: Mapping[str, Callable[..., Array]] = {"reduce_max": np.max, "reduce_min": np.min}
