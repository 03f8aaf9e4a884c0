"""What addition and subtraction share: operands brought to a common fine grid, added, and brought to the output's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runtime_py.arithmetic import (
    ACTIVATION_RANGES,
    activation_limits,
    multiply_by_quantized,
    quantize_multiplier,
)
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.tables import binary_kernel

Grid = tuple[np.float32, int]
Rule = Callable[[Array, Array], Array]


def broadcast_shape(node: Node) -> Shape:
    """The shape to which inputs 0 and 1 broadcast."""
    first, second = node.input(0).shape, node.input(1).shape
    try:
        return tuple(int(n) for n in np.broadcast_shapes(first, second))
    except ValueError as e:
        raise node.error(f"cannot combine the shapes {first} and {second}") from e


def bind_sum(node: Node, sign: int) -> Kernel:
    """`first + sign * second`: int8 by the dialect's rule, float32 plainly; `sign` is 1 or -1."""
    activation = node.attr("activation")
    match node.dtypes():
        case "int8", "int8", "int8":
            grids = (node.grid(node.input(0)), node.grid(node.input(1)), node.grid(node.output))
            if node.dialect.name == "onnx-qdq":
                return binary_kernel(_in_file_signs(grids, sign, node.unsigned_step))
            rule = node.rule(RULES)(*grids, sign)
            limits = activation_limits(activation, *grids[2], node.dialect.round_limit)
            return binary_kernel(lambda a, b: np.clip(rule(a, b), *limits))
        case "float32", "float32", "float32":
            low, high = ACTIVATION_RANGES[activation]
            return lambda arrays: (np.clip(arrays[0] + np.float32(sign) * arrays[1], low, high),)
        case _:
            raise node.unsupported()


def reference_rule(first: Grid, second: Grid, out: Grid, sign: int) -> Rule:
    """TFLite `reference_integer_ops::Add`: operands shifted left by 20 bits, fixed-point factors at or below 1/2."""
    twice = 2 * np.float64(max(first[0], second[0]))
    factors = [quantize_multiplier(np.float64(scale) / twice) for scale, _ in (first, second)]
    last = quantize_multiplier(twice / np.float64(np.float32(1 << 20) * out[0]))

    def rule(a: Array, b: Array) -> Array:
        fine_a = multiply_by_quantized((a - first[1]) << 20, *factors[0])
        fine_b = multiply_by_quantized((b - second[1]) << 20, *factors[1])
        return multiply_by_quantized(fine_a + sign * fine_b, *last) + out[1]

    return rule


def xnnpack_rule(first: Grid, second: Grid, out: Grid, sign: int) -> Rule:
    """XNNPACK `xnn_qs8_vadd` (minmax, fixed point): 21-bit factors, one rounding shift.

    LiteRT gives scale ratios outside [2**-10, 2**8) to its own kernel.
    """
    ratios = [np.float32(grid[0] / out[0]) for grid in (first, second)]
    if not all(2.0**-10 <= ratio < 2.0**8 for ratio in ratios):
        return reference_rule(first, second, out, sign)
    shift = 20 - (int(np.frexp(max(ratios))[1]) - 1)
    factor_a, factor_b = (int(np.rint(np.float64(ratio) * 2.0**shift)) for ratio in ratios)

    def rule(a: Array, b: Array) -> Array:
        fine: Array = factor_a * (a - first[1]) + sign * factor_b * (b - second[1])
        return ((fine + (1 << (shift - 1))) >> shift) + out[1]

    return rule


def onnx_rule(first: Grid, second: Grid, out: Grid, sign: int) -> Rule:
    """ONNX Runtime's QLinearAdd on x86: two fused multiply-adds in float32, the zero points in their offset.

    Source: MLAS `MlasQLinearAdd` (qladd.cpp), its order measured. It has no subtraction between grids.
    """
    ratio_a, ratio_b = np.float32(first[0] / out[0]), np.float32(sign) * np.float32(second[0] / out[0])
    offset = np.float32(out[1]) - np.float32(ratio_a * np.float32(first[1]) + ratio_b * np.float32(second[1]))

    def rule(a: Array, b: Array) -> Array:
        # A float64 sum of an exact product, rounded to float32, is what one fused multiply-add gives.
        inner = (np.float64(ratio_b) * b + np.float64(offset)).astype(np.float32)
        return np.rint((np.float64(ratio_a) * a + inner).astype(np.float32))

    return rule


def _in_file_signs(grids: tuple[Grid, Grid, Grid], sign: int, step: int) -> Rule:
    first, second, out = ((scale, zero_point + step) for scale, zero_point in grids)
    rule = onnx_rule(first, second, out, sign)
    return lambda a, b: rule(a + step, b + step) - step


RULES: dict[str, Callable[[Grid, Grid, Grid, int], Rule]] = {
    "xnnpack": xnnpack_rule,
    "litert-reference": reference_rule,
}
