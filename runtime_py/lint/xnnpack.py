"""What LiteRT's XNNPACK delegate leaves to LiteRT's own kernels, and why: the conditions of its `Visit…Node` functions.

Held against the delegate itself by a test. XNNPACK's conditions on scales are those that the reference runtime's
kernels also go by (`runtime_py/ops`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from runtime_py.lint.headroom import ADD_RATIOS
from runtime_py.program import Op, Program, Tensor

MOST_JOINED = 5
"""Inputs of a concatenation that the delegate takes."""

DTYPES = ("float16", "float32", "int8", "uint8")

CONVOLUTIONS = ("conv2d", "depthwise_conv2d", "transpose_conv2d", "fully_connected")

INT8 = {
    *CONVOLUTIONS, "add", "batch_matmul", "concat", "depth_to_space", "dequantize", "elu", "leaky_relu", "logistic",
    "max_pool2d", "mean", "mul", "pad", "quantize", "reduce_max", "reduce_min", "reshape", "resize_bilinear", "slice",
    "space_to_depth", "split", "strided_slice", "sub", "sum", "tanh", "transpose",
}  # fmt: skip
"""Kinds with an int8 form in the delegate."""

FLOAT_ONLY = {
    "absolute", "average_pool2d", "ceiling", "clamp", "cosine", "div", "exponential", "floor", "gelu", "hard_swish",
    "logarithm", "maximum", "minimum", "negate", "prelu", "reciprocal_square_root", "relu", "relu6", "relu_n1_to_1",
    "round", "sine", "softmax", "square", "square_root", "squared_difference",
}  # fmt: skip
"""Kinds that it takes with floats only."""

UNTAKEN = ("EXPAND_DIMS", "PADV2", "SPLIT_V", "SQUEEZE")
"""Operators of the file that it does not take, though it takes others of the same kind."""


def outside(program: Program, op: Op) -> str | None:
    """Why LiteRT's XNNPACK delegate does not take an operation of a .tflite file; None where it does."""
    x, out = (program.tensors[i] for i in (op.inputs[0], op.outputs[0]))
    is_int8 = "int8" in (x.dtype, out.dtype)
    strange = [t.dtype for t in (x, out) if t.dtype not in DTYPES]
    if strange:
        return f"computes on {strange[0]}"
    name = re.search(r"\((\w+)\)$", op.where)
    if op.kind not in INT8 | FLOAT_ONLY or (name and name[1] in UNTAKEN):
        return "has no form in XNNPACK"
    if is_int8 and op.kind in FLOAT_ONLY:
        return "has a float form in XNNPACK, and none in int8"
    check = CHECKS.get(op.kind)
    return check(program, op, is_int8) if check else None


def scale_ratio(x: Tensor, out: Tensor) -> float | None:
    """Scale of one over scale of the other, None where one has no grid of its own."""
    if x.quant is None or out.quant is None or x.quant.per_channel or out.quant.per_channel:
        return None
    return float(x.quant.scale[0] / out.quant.scale[0])


def _ratio(program: Program, op: Op, low: float, high: float) -> str | None:
    for i in op.inputs:
        ratio = scale_ratio(program.tensors[i], program.tensors[op.outputs[0]])
        if ratio is not None and not low <= ratio <= high:
            return f"has input scale / output scale {ratio:.3g}, XNNPACK takes {low:g} to {high:g}"
    return None


def _sum(program: Program, op: Op, is_int8: bool) -> str | None:
    return _ratio(program, op, ADD_RATIOS[0], ADD_RATIOS[1] * (1 - 2.0**-24)) if is_int8 else None


def _quantize(program: Program, op: Op, is_int8: bool) -> str | None:
    between = program.tensors[op.inputs[0]].dtype == program.tensors[op.outputs[0]].dtype == "int8"
    return _ratio(program, op, 2.0**-8, 2.0**7) if between else None


def _leaky(program: Program, op: Op, is_int8: bool) -> str | None:
    ratio = scale_ratio(program.tensors[op.inputs[0]], program.tensors[op.outputs[0]]) if is_int8 else None
    if ratio is None:
        return None
    below = ratio * float(op.attrs["alpha"])
    if 2.0**-8 <= ratio <= 2.0**7 and abs(below) >= 2.0**-8 and -127.996 <= below <= 128.0:
        return None
    return f"has scales whose quotients {ratio:.3g} and {below:.3g} are beyond XNNPACK's 8 fraction bits"


def _weighted(program: Program, op: Op, is_int8: bool) -> str | None:
    if not op.attrs.get("delegated", True):
        return "has a bias without a scale, which the delegate refuses"
    weight = program.tensors[op.inputs[1]]
    if op.kind == "depthwise_conv2d" and weight.dtype == "int8" and not is_int8:
        return "quantises its input at run time; XNNPACK does so for convolutions that are not depthwise"
    if weight.data is None and op.kind != "fully_connected" and not _stored(program, op.inputs[1]):
        return "has weights that are computed at run time"
    if op.kind == "transpose_conv2d" and op.attrs["padding"] == "same":
        kernel, stride = weight.shape[1:3], op.attrs["stride"]
        if kernel[0] < stride[0] or kernel[1] < stride[1]:
            return f"has a kernel {kernel} smaller than its stride {stride} with SAME padding"
    return None


def _stored(program: Program, index: int) -> bool:
    """Whether a tensor is a constant that is merely dequantised."""
    makers = [op for op in program.ops if index in op.outputs and op.kind == "dequantize"]
    return any(program.tensors[i].data is not None for op in makers for i in op.inputs)


def _concat(program: Program, op: Op, is_int8: bool) -> str | None:
    if len(op.inputs) > MOST_JOINED:
        return f"joins {len(op.inputs)} tensors, XNNPACK at most {MOST_JOINED}"
    return None


def _strided(program: Program, op: Op, is_int8: bool) -> str | None:
    return "has a stride above 1" if any(n != 1 for n in op.attrs["stride"]) else None


def _batch_matmul(program: Program, op: Op, is_int8: bool) -> str | None:
    second = program.tensors[op.inputs[1]].quant
    skewed = is_int8 and second is not None and int(second.zero_point[0]) != 0
    return "has a second operand whose zero point is not 0" if skewed else None


def _softmax(program: Program, op: Op, is_int8: bool) -> str | None:
    return None if op.attrs.get("beta", 1.0) == 1 else "has a factor (beta) other than 1"


def _slice(program: Program, op: Op, is_int8: bool) -> str | None:
    return "leaves a size open (-1)" if any(n < 0 for n in op.attrs["size"]) else None


def _split(program: Program, op: Op, is_int8: bool) -> str | None:
    return "splits into one part" if op.attrs["count"] < 2 else None


def _block(program: Program, op: Op, is_int8: bool) -> str | None:
    return "has blocks of one pixel" if op.attrs["block"] < 2 else None


def _pool(program: Program, op: Op, is_int8: bool) -> str | None:
    apart = any(s > w for s, w in zip(op.attrs["stride"], op.attrs["window"], strict=True))
    return "has a stride larger than its window" if apart else None


CHECKS: Mapping[str, Callable[[Program, Op, bool], str | None]] = {
    **dict.fromkeys(CONVOLUTIONS, _weighted),
    "add": _sum,
    "sub": _sum,
    "quantize": _quantize,
    "leaky_relu": _leaky,
    "concat": _concat,
    "strided_slice": _strided,
    "batch_matmul": _batch_matmul,
    "softmax": _softmax,
    "slice": _slice,
    "split": _split,
    "depth_to_space": _block,
    "space_to_depth": _block,
    "max_pool2d": _pool,
    "average_pool2d": _pool,
}
"""Conditions beyond the kind; adding one is one line."""
