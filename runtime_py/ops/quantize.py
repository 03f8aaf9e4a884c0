"""`quantize`: real numbers, or int8 on another grid, onto the output's int8 grid. TFLite QUANTIZE."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from runtime_py.arithmetic import INT8_MAX, INT8_MIN, multiply_by_quantized, quantize_multiplier, round_half_away
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.tables import look_up, unary_kernel, unary_table

Grid = tuple[np.float32, int]


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """float32 to int8, or int8 to int8, each by the dialect's rule."""
    out = node.grid(node.output)
    match node.dtypes():
        case "float32", "int8":
            return node.rule(FROM_FLOAT)(out)
        case ("uint8", "int8") | ("int8", "uint8"):
            return _between_signs(node)
        case "int8", "int8":
            return node.rule(FROM_INT8)(node.grid(node.input(0)), out)
        case _:
            raise node.unsupported()


def _between_signs(node: Node) -> Kernel:
    """The same grid with 128 more or less, in every dialect: the top bit turns over."""
    (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
    step = 128 if node.output.dtype == "uint8" else -128
    node.require(out_scale == scale and out_zero == zero_point + step, "changes the grid between uint8 and int8")
    return lambda arrays: ((arrays[0].view(np.uint8) ^ np.uint8(0x80)).view(node.output.dtype),)


def _xnnpack_from_float(out: Grid) -> Kernel:
    """XNNPACK `xnn_f32_qs8_vcvt`: multiplies by the float32 reciprocal and rounds half to even."""
    scale, zero_point = out
    inverse = np.float32(1) / scale
    return lambda arrays: (_stored(np.rint(arrays[0] * inverse), zero_point),)


def _reference_from_float(out: Grid) -> Kernel:
    """TFLite `AffineQuantize`: divides and rounds half away from zero."""
    scale, zero_point = out
    return lambda arrays: (_stored(round_half_away(arrays[0] / scale), zero_point),)


def _nearest_even(out: Grid) -> Kernel:
    """MIL `quantize` and ONNX QuantizeLinear: divides, rounds half to even; NaN is the least integer."""
    scale, zero_point = out
    least = np.float32(INT8_MIN - zero_point)
    return lambda arrays: (_stored(np.fmax(np.rint(arrays[0] / scale), least), zero_point),)


def _stored(rounded: Array, zero_point: int) -> Array:
    limited = np.clip(rounded, INT8_MIN - zero_point, INT8_MAX - zero_point)
    return (limited + np.float32(zero_point)).astype(np.int8)


def _reference_from_int8(given: Grid, out: Grid) -> Kernel:
    """TFLite `reference_ops::Requantize`."""
    return unary_kernel(_fixed_point(given, out))


def _fixed_point(given: Grid, out: Grid) -> Callable[[Array], Array]:
    factor = quantize_multiplier(np.float64(given[0]) / np.float64(out[0]))
    return lambda q: multiply_by_quantized(q - given[1], *factor) + out[1]


def _xnnpack_from_int8(given: Grid, out: Grid) -> Kernel:
    """XNNPACK `xnn_qs8_vcvt`: a factor with only 8 fraction bits. Other ratios go to LiteRT's own kernel."""
    ratio = np.float32(given[0] / out[0])
    if not 2.0**-8 <= ratio <= 2.0**7:
        return _optimized_from_int8(given, out)
    factor = int(np.rint(np.float64(ratio) * 256))
    return unary_kernel(lambda q: (((q - given[1]) * factor + 128) >> 8) + out[1])


def _optimized_from_int8(given: Grid, out: Grid) -> Kernel:
    """TFLite `optimized_ops::Requantize`: 16 at a time with ties upwards, the rest as the reference kernel."""
    multiplier, exponent = (int(part) for part in quantize_multiplier(np.float64(given[0]) / np.float64(out[0])))
    left, right = max(exponent, 0), max(-exponent, 0)
    half = (1 << right) >> 1

    def vectorised(q: Array) -> Array:
        high = ((((q - given[1]) << left) * multiplier * 2) + (1 << 31)) >> 32
        shifted: Array = ((high + half) >> right) + out[1]
        return shifted

    body, tail = unary_table(vectorised), unary_table(_fixed_point(given, out))

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        flat = np.ascontiguousarray(arrays[0]).reshape(-1)
        whole = flat.size - flat.size % 16
        parts = (look_up(body, flat[:whole]), look_up(tail, flat[whole:]))
        return (np.concatenate(parts).reshape(arrays[0].shape),)

    return kernel


FROM_FLOAT: dict[str, Callable[[Grid], Kernel]] = {
    "xnnpack": _xnnpack_from_float,
    "litert-reference": _reference_from_float,
    "coreml-fp16": _nearest_even,
    "onnx-qdq": _nearest_even,
}
FROM_INT8: dict[str, Callable[[Grid, Grid], Kernel]] = {
    "xnnpack": _xnnpack_from_int8,
    "litert-reference": _reference_from_int8,
}
