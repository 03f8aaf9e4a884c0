"""`fully_connected`: rows of I values times weights OI, bias O. TFLite FULLY_CONNECTED.

The input is taken as rows of I values whatever its shape; with `keep_dims` the output keeps all axes but the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime_py.arithmetic import round_half_away
from runtime_py.ops.gemm import Arithmetic, float_arithmetic, integer_arithmetic, kernel_requantizer, weight_scales
from runtime_py.ops.hybrid import by_pixel_kernel, hybrid_sum_dtype, symmetric_rows_kernel
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.requantize import Reals, SumGrid


def shape(node: Node) -> tuple[Shape, ...]:
    """(rows, O), or the input's shape with O as its last size."""
    given, weights = node.input(0).shape, node.input(1).shape
    node.require(len(weights) == 2 and min(weights) > 0, f"needs weights of rank 2, has {weights}")
    filters, size = weights
    node.require(len(given) > 0 and math.prod(given) % size == 0, f"cannot cut {given} into rows of {size}")
    bias = node.optional(2)
    node.require(bias is None or bias.shape == (filters,), f"needs one bias for each of {filters} outputs")
    if node.op.attrs.get("keep_dims", False):
        node.require(given[-1] == size, f"cannot keep the axes of {given} with rows of {size}")
        return ((*given[:-1], filters),)
    return ((math.prod(given) // size, filters),)


def bind(node: Node) -> Kernel:
    """int8: exact sums, then XNNPACK's requantisation or the reference kernel's; float32 as float32 sums."""
    weights, data = node.input(1), node.constant(1, "weights")
    match node.input(0).dtype, weights.dtype, node.output.dtype:
        case "int8", "int8", "int8":
            scales = weight_scales(node, weights, 0)
            reference = node.dialect.name == "litert-reference"
            requantizer = float64_requantizer if reference else kernel_requantizer(node, vector=1)
            arithmetic = integer_arithmetic(node, data, scales, 1, requantizer)
        case "float32", "float32", "float32":
            arithmetic = float_arithmetic(node, weights.shape[0], 1)
        case "float32", "int8", "float32":
            return _bind_hybrid(node, data)
        case _:
            raise node.unsupported()
    matrix = np.ascontiguousarray(data.T, arithmetic.sum_dtype)
    out = node.output

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        return (_product(arrays[0].reshape(-1, matrix.shape[0]), matrix, arithmetic, out.dtype).reshape(out.shape),)

    return kernel


def _bind_hybrid(node: Node, weights_OI: Array) -> Kernel:
    """float32 rows on int8 weights, each row quantised by itself."""
    scales = weight_scales(node, node.input(1), 0)
    matrix = np.ascontiguousarray(weights_OI.T, hybrid_sum_dtype(weights_OI))
    if node.dialect.name == "litert-reference":
        return symmetric_rows_kernel(node, matrix, scales)
    return by_pixel_kernel(node, matrix, scales)


def _product(rows: Array, matrix: Array, arithmetic: Arithmetic, dtype: str) -> Array:
    real = rows.astype(arithmetic.sum_dtype)
    if arithmetic.zero_point:
        real -= arithmetic.zero_point
    result = np.empty((rows.shape[0], matrix.shape[1]), dtype)
    arithmetic.finish(np.matmul(real, matrix), result)
    return result


@dataclass(frozen=True)
class Float64Requantizer:
    """`rha(sum * scale) + zero_point` in float64.

    Source: TFLite `reference_integer_ops::FullyConnected` of LiteRT 2.3, which has no fixed point here.
    """

    scale: NDArray[np.float64]
    zero_point: int
    limits: tuple[int, int]

    def __call__(self, sums: Reals, out: Array) -> None:
        scaled = round_half_away(sums.astype(np.float64) * self.scale)
        out[...] = np.clip(scaled + self.zero_point, *self.limits)


def float64_requantizer(grid: SumGrid) -> Float64Requantizer:
    """One float64 factor per output channel."""
    scale = np.float64(grid.input_scale) * grid.weight_scale.astype(np.float64) / np.float64(grid.output_scale)
    return Float64Requantizer(scale, grid.zero_point, grid.limits)
