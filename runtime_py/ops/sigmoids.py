"""`logistic` and `tanh`: both are 256-entry tables in int8. TFLite LOGISTIC, TANH."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runtime_py.arithmetic import round_half_away
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.tables import unary_kernel

Curve = Callable[[Array], Array]


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """int8 by the dialect's table, float32 plainly. LiteRT's reference logistic insists on scale 1/256, zero -128."""
    kind = node.op.kind
    match node.dtypes():
        case "int8", "int8":
            given, out = node.grid(node.input(0)), node.grid(node.output)
            if node.dialect.name == "onnx-qdq":
                return unary_kernel(lambda q: _onnx_curve(kind, (q - given[1]).astype(np.float32) * given[0], out))
            reference = node.dialect.name == "litert-reference"
            if reference and kind == "logistic":
                node.require(out == (np.float32(1 / 256), -128), "needs the output scale 1/256 and zero point -128")
            curve = (REFERENCE_CURVES if reference else XNNPACK_CURVES)[kind]
            finish = _reference_finish if reference else _xnnpack_finish
            return unary_kernel(
                lambda q: finish(curve((q - given[1]).astype(np.float32) * given[0]), np.float32(1) / out[0], out[1])
            )
        case "float32", "float32":
            return lambda arrays: (REFERENCE_CURVES[kind](arrays[0]),)
        case _:
            raise node.unsupported()


def _onnx_curve(kind: str, real: Array, out: tuple[np.float32, int]) -> Array:
    """ONNX Runtime's QLinearSigmoid (qlinear_lookup_table.cc): a float32 quotient, rounded half to even."""
    rounded: Array = np.rint(XNNPACK_CURVES[kind](real) / out[0]) + out[1]
    return rounded


def _reference_finish(y: Array, inverse: np.float32, zero_point: int) -> Array:
    """TFLite `LUTPopulate` (kernels/internal/common.h)."""
    return round_half_away(y * inverse) + zero_point


def _xnnpack_finish(y: Array, inverse: np.float32, zero_point: int) -> Array:
    """XNNPACK's lookup tables (operators/unary-elementwise-nc.c): the zero point is added before rounding."""
    rounded: Array = np.rint(y * inverse + np.float32(zero_point))
    return rounded


def _float32_sigmoid(x: Array) -> Array:
    one = np.float32(1)
    return one / (one + np.exp(-x.astype(np.float64)).astype(np.float32))


def _float64_sigmoid(x: Array) -> Array:
    """Cut off at ±100, as XNNPACK does."""
    e = np.exp(np.clip(x.astype(np.float64), -100, 100))
    return np.where(x > 100, 1.0, np.where(x < -100, 0.0, e / (1 + e))).astype(np.float32)


def _tanh(x: Array) -> Array:
    return np.tanh(x.astype(np.float64)).astype(np.float32)


REFERENCE_CURVES: dict[str, Curve] = {"logistic": _float32_sigmoid, "tanh": _tanh}
XNNPACK_CURVES: dict[str, Curve] = {"logistic": _float64_sigmoid, "tanh": _tanh}
