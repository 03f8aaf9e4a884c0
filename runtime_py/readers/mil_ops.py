"""The operations of MIL that are read, each with its translator into operations of a Program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from runtime_py.program import Quant
from runtime_py.readers import mil_arithmetic as arithmetic
from runtime_py.readers import mil_moves as moves
from runtime_py.readers import mil_spatial as spatial
from runtime_py.readers.assembly import grid
from runtime_py.readers.mil_call import Call


def _cast(call: Call) -> None:
    """To the declared type; a change between half and full floats is a change of storage only."""
    call.emit("cast", (call.tensor("x"),))


def _grid(call: Call, dtype: str) -> Quant:
    """The grid of a quantised tensor; uint8 becomes int8 with a zero point lower by 128, which is the same grid."""
    scale = call.array("scale")
    call.require(scale.size == 1, f"has {scale.size} scales; only tensors quantised as a whole are supported")
    real = call.real("scale")
    call.require(bool(np.isfinite(real) and np.float32(real) > 0), f"has the scale {real}")
    zero_point = call.integer("zero_point", 0) - (128 if dtype == "uint8" else 0)
    call.require(-128 <= zero_point <= 127, f"has zero point {zero_point} for {dtype}")
    return grid(real, zero_point)


def _quantize(call: Call) -> None:
    dtype = call.output.dtype
    call.require(dtype in ("int8", "uint8"), f"quantises to {dtype}")
    call.emit("quantize", (call.tensor("input"),), quant=_grid(call, dtype))


def _dequantize(call: Call) -> None:
    """On the grid that is given here, which need not be the one that the integers were made for."""
    index = call.tensor("input")
    given = call.assembly[index]
    call.require(given.dtype == "int8", f"takes values of type {given.dtype}")
    quant = _grid(call, "uint8" if call.is_unsigned("input") else "int8")
    if given.quant is None and index in call.scope.images:
        call.scope.set_image_grid(index, quant)
    known = call.assembly[index].quant
    if known is not None and known.scale == quant.scale and known.zero_point == quant.zero_point:
        call.emit("dequantize", (index,))
        return
    whole = call.inner("cast", (index,), given.shape)
    centred = call.inner("sub", (whole, call.number(float(quant.zero_point[0]))), given.shape, activation="none")
    call.emit("mul", (centred, call.number(float(quant.scale[0]))), activation="none")


OPERATIONS: Mapping[str, Callable[[Call], None]] = {
    "abs": arithmetic.unary("absolute"),
    "add": arithmetic.binary("add"),
    "avg_pool": spatial.avg_pool,
    "batch_norm": arithmetic.batch_norm,
    "cast": _cast,
    "ceil": arithmetic.unary("ceiling"),
    "clip": arithmetic.unary("clamp", low="alpha", high="beta"),
    "concat": moves.concat,
    "conv": spatial.conv,
    "conv_transpose": spatial.conv_transpose,
    "cos": arithmetic.unary("cosine"),
    "crop": moves.crop,
    "depth_to_space": spatial.depth_to_space,
    "dequantize": _dequantize,
    "elu": arithmetic.unary("elu", alpha="alpha"),
    "exp": arithmetic.unary("exponential"),
    "expand_dims": moves.reshaped,
    "floor": arithmetic.unary("floor"),
    "gelu": arithmetic.gelu,
    "identity": moves.reshaped,
    "instance_norm": arithmetic.instance_norm,
    "layer_norm": arithmetic.layer_norm,
    "leaky_relu": arithmetic.unary("leaky_relu", alpha="alpha"),
    "linear": arithmetic.linear,
    "log": arithmetic.shifted("logarithm", 1e-45),
    "matmul": arithmetic.matmul,
    "max_pool": spatial.max_pool,
    "maximum": arithmetic.binary("maximum"),
    "minimum": arithmetic.binary("minimum"),
    "mul": arithmetic.binary("mul"),
    "pad": moves.pad,
    "pixel_shuffle": spatial.pixel_shuffle,
    "pixel_unshuffle": spatial.pixel_unshuffle,
    "pow": arithmetic.power,
    "prelu": arithmetic.prelu,
    "quantize": _quantize,
    "real_div": arithmetic.binary("div"),
    "reduce_mean": arithmetic.reduce_mean,
    "reduce_sum": arithmetic.reduce_sum,
    "relu": arithmetic.unary("relu"),
    "relu6": arithmetic.unary("relu6"),
    "reshape": moves.reshaped,
    "resize_bilinear": spatial.resize_bilinear,
    "resize_nearest_neighbor": spatial.resize_nearest,
    "reverse": moves.reverse,
    "round": arithmetic.unary("round"),
    "rsqrt": arithmetic.shifted("reciprocal_square_root", 1e-12),
    "sigmoid": arithmetic.unary("logistic"),
    "sigmoid_hard": arithmetic.unary("hard_sigmoid", alpha="alpha", beta="beta"),
    "silu": arithmetic.silu,
    "sin": arithmetic.unary("sine"),
    "slice_by_index": moves.slice_by_index,
    "slice_by_size": moves.slice_by_size,
    "softmax": arithmetic.softmax,
    "space_to_depth": spatial.depth_to_space,
    "split": moves.split,
    "sqrt": arithmetic.unary("square_root"),
    "square": arithmetic.unary("square"),
    "squeeze": moves.reshaped,
    "stack": moves.stack,
    "sub": arithmetic.binary("sub"),
    "tanh": arithmetic.unary("tanh"),
    "thresholded_relu": arithmetic.unary("thresholded_relu", threshold="alpha"),
    "transpose": moves.transpose,
    "upsample_bilinear": spatial.upsample_bilinear,
    "upsample_nearest_neighbor": spatial.resize_nearest,
}
"""Every operation that is read, by its name in MIL."""
