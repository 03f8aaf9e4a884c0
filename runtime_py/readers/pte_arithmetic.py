"""ExecuTorch's portable kernels that compute, as operations of a Program.

Positions of arguments are those of the operator's schema with its `out` argument last (ATen's
native_functions.yaml, ExecuTorch's kernels/portable/functions.yaml).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from runtime_py.program import Quant
from runtime_py.readers.assembly import grid
from runtime_py.readers.pte_calls import Call
from runtime_py.readers.pte_values import TENSOR

Read = Callable[[Call], None]


def _unary(kind: str) -> Read:
    return lambda call: call.emit(kind, (call.tensor(0),), 1)


def _sum(kind: str) -> Read:
    """add.out and sub.out: the second operand is multiplied by a factor first."""

    def read(call: Call) -> None:
        factor, second = call.real(2, 1), call.tensor(1)
        if factor != 1:
            given = (second, call.assembly.splat(f"{call.where}:alpha", factor))
            second = call.assembly.made("mul", given, call[1].shape, call.where, activation="none")
        call.emit(kind, (call.tensor(0), second), 3, activation="none")

    return read


def _sum_with_number(kind: str) -> Read:
    def read(call: Call) -> None:
        number = call.assembly.splat(f"{call.where}:other", call.real(1) * call.real(2, 1))
        call.emit(kind, (call.tensor(0), number), 3, activation="none")

    return read


def _product(call: Call) -> None:
    call.emit("mul", (call.tensor(0), call.tensor(1)), 2, activation="none")


def _product_with_number(call: Call) -> None:
    call.emit("mul", (call.tensor(0), call.number(1, "float32")), 2, activation="none")


def _binary(kind: str) -> Read:
    return lambda call: call.emit(kind, (call.tensor(0), call.tensor(1)), 2, activation="none")


def _quotient_by_number(call: Call) -> None:
    call.emit("div", (call.tensor(0), call.number(1, "float32")), 2, activation="none")


def _power(call: Call) -> None:
    kind = {2.0: "square", 0.5: "square_root", -0.5: "reciprocal_square_root"}.get(call.real(1))
    if kind is None:
        raise call.error(f"raises to the power {call.real(1)}, which is not supported")
    call.emit(kind, (call.tensor(0),), 2)


def _relu(call: Call) -> None:
    call.emit_copy("relu", call.tensor(0), 1)


def _clamp(call: Call) -> None:
    low = -math.inf if call.absent(1) else call.real(1)
    high = math.inf if call.absent(2) else call.real(2)
    call.inherit(call.tensor(0), call.target(3))
    call.emit("clamp", (call.tensor(0),), 3, low=low, high=high)


def _leaky_relu(call: Call) -> None:
    call.emit("leaky_relu", (call.tensor(0),), 2, alpha=call.real(1, 0.01))


def _elu(call: Call) -> None:
    if (call.real(2, 1), call.real(3, 1)) != (1, 1):
        raise call.error("scales its input or output, which is not supported")
    call.emit("elu", (call.tensor(0),), 4, alpha=call.real(1, 1))


def _gelu(call: Call) -> None:
    if call.scalar(1) not in (None, "none"):
        raise call.error(f"approximates by '{call.scalar(1)}', which is not supported")
    call.emit("gelu", (call.tensor(0),), 2)


def _softmax(call: Call) -> None:
    given, rank = call.tensor(0), len(call[0].shape)
    axis = call.axis(1, rank)
    order = [*(i for i in range(rank) if i != axis), axis]
    if order == list(range(rank)):
        call.emit("softmax", (given,), 3, beta=1.0)
        return
    last = call.assembly.transposed(given, order, call.where)
    made = call.assembly.made("softmax", (last,), call.assembly[last].shape, call.where, beta=1.0)
    call.emit("transpose", (made,), 3, permutation=tuple(int(i) for i in np.argsort(order)))


def _linear(call: Call) -> None:
    bias = () if call.absent(2) else (call.tensor(2),)
    _product_of_matrices(call, call.tensor(0), call.tensor(1), bias, 3)


def _addmm(call: Call) -> None:
    """bias + rows times matrix; the matrix is the transpose of what `fully_connected` takes."""
    if (call.real(3, 1), call.real(4, 1)) != (1, 1):
        raise call.error("scales its bias or product, which is not supported")
    weights = call.assembly.transposed(call.tensor(2), (1, 0), call.where)
    _product_of_matrices(call, call.tensor(1), weights, (call.tensor(0),), 5)


def _mm(call: Call) -> None:
    weights = call.assembly.transposed(call.tensor(1), (1, 0), call.where)
    _product_of_matrices(call, call.tensor(0), weights, (), 2)


def _product_of_matrices(call: Call, rows: int, weights: int, bias: tuple[int, ...], out: int) -> None:
    call.emit("fully_connected", (rows, weights, *bias), out, activation="none", keep_dims=True)


def _quantize(call: Call) -> None:
    call.assembly.set_grid(call.target(6), _grid(call), call.where)
    if (call.integer(3), call.integer(4)) != (-128, 127):
        raise call.error(f"quantises to {call.integer(3)} .. {call.integer(4)}; supported is -128 .. 127")
    call.emit("quantize", (call.tensor(0),), 6)


def _dequantize(call: Call) -> None:
    # An optional type of the result came into the schema before `out`.
    out = 7 if call.values.kind(call.arguments[6], call.where) != TENSOR else 6
    call.assembly.set_grid(call.tensor(0), _grid(call), call.where)
    call.emit("dequantize", (call.tensor(0),), out)


def _grid(call: Call) -> Quant:
    scale, zero_point = call.real(1), call.integer(2)
    if not (math.isfinite(scale) and np.float32(scale) > 0 and -128 <= zero_point <= 255):
        raise call.error(f"has scale {scale} and zero point {zero_point}")
    return grid(scale, zero_point)


def _reduction(kind: str, out: int) -> Read:
    """Over some axes, or over all where none are named."""

    def read(call: Call) -> None:
        axes = call.integers(1) or tuple(range(len(call[0].shape)))
        call.emit(kind, (call.tensor(0),), out, axes=axes, keep_dims=call.boolean(2))

    return read


def _compared_with_number(kind: str) -> Read:
    return lambda call: call.emit(kind, (call.tensor(0), call.number(1, call[0].dtype)), 2)


def _comparison(kind: str) -> Read:
    return lambda call: call.emit(kind, (call.tensor(0), call.tensor(1)), 2)


ARITHMETIC_KERNELS: Mapping[str, Read] = {
    "aten::_softmax.out": _softmax,
    "aten::abs.out": _unary("absolute"),
    "aten::add.Scalar_out": _sum_with_number("add"),
    "aten::add.out": _sum("add"),
    "aten::addmm.out": _addmm,
    "aten::amax.out": _reduction("reduce_max", 3),
    "aten::amin.out": _reduction("reduce_min", 3),
    "aten::bmm.out": lambda call: call.emit(
        "batch_matmul", (call.tensor(0), call.tensor(1)), 2, turn_first=False, turn_second=False
    ),
    "aten::ceil.out": _unary("ceiling"),
    "aten::clamp.out": _clamp,
    "aten::cos.out": _unary("cosine"),
    "aten::div.Scalar_out": _quotient_by_number,
    "aten::div.out": _binary("div"),
    "aten::elu.out": _elu,
    "aten::eq.Scalar_out": _compared_with_number("equal"),
    "aten::eq.Tensor_out": _comparison("equal"),
    "aten::exp.out": _unary("exponential"),
    "aten::floor.out": _unary("floor"),
    "aten::ge.Scalar_out": _compared_with_number("greater_equal"),
    "aten::ge.Tensor_out": _comparison("greater_equal"),
    "aten::gelu.out": _gelu,
    "aten::gt.Scalar_out": _compared_with_number("greater"),
    "aten::gt.Tensor_out": _comparison("greater"),
    "aten::hardtanh.out": _clamp,
    "aten::le.Scalar_out": _compared_with_number("less_equal"),
    "aten::le.Tensor_out": _comparison("less_equal"),
    "aten::leaky_relu.out": _leaky_relu,
    "aten::linear.out": _linear,
    "aten::log.out": _unary("logarithm"),
    "aten::logical_and.out": _comparison("logical_and"),
    "aten::logical_not.out": _unary("logical_not"),
    "aten::logical_or.out": _comparison("logical_or"),
    "aten::lt.Scalar_out": _compared_with_number("less"),
    "aten::lt.Tensor_out": _comparison("less"),
    "aten::maximum.out": _binary("maximum"),
    "aten::mean.out": _reduction("mean", 4),
    "aten::minimum.out": _binary("minimum"),
    "aten::mm.out": _mm,
    "aten::mul.Scalar_out": _product_with_number,
    "aten::mul.out": _product,
    "aten::ne.Scalar_out": _compared_with_number("not_equal"),
    "aten::ne.Tensor_out": _comparison("not_equal"),
    "aten::neg.out": _unary("negate"),
    "aten::pow.Tensor_Scalar_out": _power,
    "aten::relu.out": _relu,
    "aten::rsqrt.out": _unary("reciprocal_square_root"),
    "aten::sigmoid.out": _unary("logistic"),
    "aten::sin.out": _unary("sine"),
    "aten::sqrt.out": _unary("square_root"),
    "aten::sub.Scalar_out": _sum_with_number("sub"),
    "aten::sub.out": _sum("sub"),
    "aten::sum.IntList_out": _reduction("sum", 4),
    "aten::tanh.out": _unary("tanh"),
    "quantized_decomposed::dequantize_per_tensor.out": _dequantize,
    "quantized_decomposed::quantize_per_tensor.out": _quantize,
}
"""Every kernel that is read here, by operator and overload."""
