"""The TFLite operators that are read: number in the schema, kind in a Program, and how options become attributes.

Operands that only parametrise an operator (paddings, axes, sizes) become attributes and leave the inputs; they must
be constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runtime_py.errors import ArtifactError
from runtime_py.program import Tensor
from runtime_py.readers.flatbuffer import Table

Attrs = dict[str, Any]
Decoded = tuple[tuple[int, ...], Attrs]

ACTIVATIONS = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
PADDINGS = {0: "same", 1: "valid"}


@dataclass(frozen=True)
class OpSource:
    """One operator as stored; `where` begins every error."""

    where: str
    options: Table | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: tuple[Tensor, ...]

    def integer(self, field: int, code: str = "i", default: int = 0) -> int:
        return default if self.options is None else self.options.integer(field, code, default)

    def boolean(self, field: int) -> bool:
        return self.options is not None and self.options.boolean(field)

    def real(self, field: int) -> float:
        return 0.0 if self.options is None else self.options.real(field)

    def pair(self, height_field: int, width_field: int, default: int = 0) -> tuple[int, int]:
        """(h, w) of two int32 fields, both positive."""
        h, w = self.integer(height_field, default=default), self.integer(width_field, default=default)
        if h < 1 or w < 1:
            raise self.error(f"has the impossible stride, dilation or window {h} x {w}")
        return h, w

    def activation(self, field: int) -> str:
        code = self.integer(field, "b")
        if code not in ACTIVATIONS:
            raise self.error(f"has fused activation number {code}; known are: {', '.join(ACTIVATIONS.values())}")
        return ACTIVATIONS[code]

    def padding(self, field: int) -> str:
        code = self.integer(field, "b")
        if code not in PADDINGS:
            raise self.error(f"has padding number {code}; known are: {', '.join(PADDINGS.values())}")
        return PADDINGS[code]

    def at(self, position: int, role: str) -> int:
        """The tensor number of an input that must be there."""
        if position >= len(self.inputs) or self.inputs[position] < 0:
            raise self.error(f"has no {role} (input {position})")
        return self.inputs[position]

    def constant(self, position: int, role: str) -> list[Any]:
        """The values of a constant operand, nested as its shape."""
        tensor = self.tensors[self.at(position, role)]
        if tensor.data is None:
            raise self.error(f"computes its {role} while running, which is not supported: it must be a constant")
        if tensor.dtype not in ("int32", "int64"):
            raise self.error(f"has a {role} of type {tensor.dtype}, expected int32 or int64")
        values: list[Any] = tensor.data.reshape(-1 if not tensor.shape else tensor.shape).tolist()
        return values

    def integers(self, position: int, role: str, count: int | None = None) -> tuple[int, ...]:
        """The values of a constant operand of rank 0 or 1; `count` is how many there must be."""
        values = self.constant(position, role)
        if any(isinstance(v, list) for v in values) or (count is not None and len(values) != count):
            raise self.error(f"has the {role} {values}")
        return tuple(values)

    def delegated(self, bias: int) -> Attrs:
        """States, where it is so, that LiteRT keeps XNNPACK from a convolution: its bias has no scale."""
        index = self.inputs[bias] if bias < len(self.inputs) else -1
        without = index >= 0 and self.tensors[index].dtype == "int32" and self.tensors[index].quant is None
        return {"delegated": False} if without else {}

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.where} {sentence}")


def _plain(source: OpSource) -> Decoded:
    return source.inputs, {}


def _conv2d(source: OpSource) -> Decoded:
    attrs = {
        "stride": source.pair(2, 1),
        "dilation": source.pair(5, 4, default=1),
        "padding": source.padding(0),
        "activation": source.activation(3),
    }
    return source.inputs, attrs | source.delegated(2)


def _depthwise(source: OpSource) -> Decoded:
    attrs = {
        "stride": source.pair(2, 1),
        "dilation": source.pair(6, 5, default=1),
        "padding": source.padding(0),
        "activation": source.activation(4),
    }
    return source.inputs, attrs | source.delegated(2)


def _transpose_conv(source: OpSource) -> Decoded:
    """The first operand, the output's shape, says nothing that the output tensor does not."""
    attrs = {
        "stride": source.pair(2, 1),
        "dilation": (1, 1),
        "padding": source.padding(0),
        "activation": source.activation(3),
    }
    return (source.at(2, "input"), source.at(1, "weights"), *source.inputs[3:]), attrs | source.delegated(3)


def _activated(source: OpSource) -> Decoded:
    return source.inputs, {"activation": source.activation(0)}


def _concat(source: OpSource) -> Decoded:
    return source.inputs, {"axis": source.integer(0), "activation": source.activation(1)}


def _pool(source: OpSource) -> Decoded:
    attrs = {
        "stride": source.pair(2, 1),
        "window": source.pair(4, 3),
        "padding": source.padding(0),
        "activation": source.activation(5),
    }
    return source.inputs, attrs


def _first_only(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {}


def _pad(source: OpSource) -> Decoded:
    pairs = source.constant(1, "paddings")
    if not all(isinstance(pair, list) and len(pair) == 2 and min(pair) >= 0 for pair in pairs):
        raise source.error(f"has paddings {pairs}, expected a pair of counts for each axis")
    return (source.at(0, "input"),), {"paddings": tuple(tuple(pair) for pair in pairs)}


def _fully_connected(source: OpSource) -> Decoded:
    if source.integer(1, "b") != 0:
        raise source.error("has shuffled weights, which are not supported")
    attrs = {"activation": source.activation(0), "keep_dims": source.boolean(2)}
    return source.inputs, attrs | source.delegated(2)


def _mean(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"axes": source.integers(1, "axes"), "keep_dims": source.boolean(0)}


def _resize_bilinear(source: OpSource) -> Decoded:
    attrs = {"align_corners": source.boolean(2), "half_pixel_centers": source.boolean(3)}
    return (source.at(0, "input"),), attrs


def _resize_nearest(source: OpSource) -> Decoded:
    attrs = {"align_corners": source.boolean(0), "half_pixel_centers": source.boolean(1)}
    return (source.at(0, "input"),), attrs


def _leaky_relu(source: OpSource) -> Decoded:
    return source.inputs, {"alpha": source.real(0)}


def _softmax(source: OpSource) -> Decoded:
    return source.inputs, {"beta": source.real(0)}


def _slice(source: OpSource) -> Decoded:
    attrs = {"begin": source.integers(1, "begin"), "size": source.integers(2, "size")}
    return (source.at(0, "input"),), attrs


def _strided_slice(source: OpSource) -> Decoded:
    if source.integer(2) or source.integer(3) or source.boolean(5):
        raise source.error("uses an ellipsis, a new axis or offsets, which are not supported")
    attrs: Attrs = {name: source.integers(i, name) for i, name in enumerate(("begin", "end", "stride"), start=1)}
    attrs |= {"begin_mask": source.integer(0), "end_mask": source.integer(1), "shrink_mask": source.integer(4)}
    return (source.at(0, "input"),), attrs


def _transpose(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"permutation": source.integers(1, "permutation")}


def _split(source: OpSource) -> Decoded:
    (axis,) = source.integers(0, "axis", count=1)
    return (source.at(1, "input"),), {"axis": axis, "count": source.integer(0)}


def _block(source: OpSource) -> Decoded:
    return source.inputs, {"block": source.integer(0)}


@dataclass(frozen=True)
class Builtin:
    """One operator of TFLite; `options` is its number in the schema's union of options, 0 for none."""

    name: str
    kind: str
    options: int
    decode: Callable[[OpSource], Decoded]


BUILTINS: Mapping[int, Builtin] = {
    0: Builtin("ADD", "add", 11, _activated),
    1: Builtin("AVERAGE_POOL_2D", "average_pool2d", 5, _pool),
    2: Builtin("CONCATENATION", "concat", 10, _concat),
    3: Builtin("CONV_2D", "conv2d", 1, _conv2d),
    4: Builtin("DEPTHWISE_CONV_2D", "depthwise_conv2d", 2, _depthwise),
    5: Builtin("DEPTH_TO_SPACE", "depth_to_space", 94, _block),
    6: Builtin("DEQUANTIZE", "dequantize", 0, _plain),
    9: Builtin("FULLY_CONNECTED", "fully_connected", 8, _fully_connected),
    14: Builtin("LOGISTIC", "logistic", 0, _plain),
    17: Builtin("MAX_POOL_2D", "max_pool2d", 5, _pool),
    18: Builtin("MUL", "mul", 21, _activated),
    19: Builtin("RELU", "relu", 0, _plain),
    21: Builtin("RELU6", "relu6", 0, _plain),
    22: Builtin("RESHAPE", "reshape", 0, _first_only),
    23: Builtin("RESIZE_BILINEAR", "resize_bilinear", 15, _resize_bilinear),
    25: Builtin("SOFTMAX", "softmax", 9, _softmax),
    26: Builtin("SPACE_TO_DEPTH", "space_to_depth", 19, _block),
    28: Builtin("TANH", "tanh", 0, _plain),
    34: Builtin("PAD", "pad", 0, _pad),
    39: Builtin("TRANSPOSE", "transpose", 0, _transpose),
    40: Builtin("MEAN", "mean", 27, _mean),
    41: Builtin("SUB", "sub", 28, _activated),
    43: Builtin("SQUEEZE", "reshape", 0, _first_only),
    45: Builtin("STRIDED_SLICE", "strided_slice", 32, _strided_slice),
    49: Builtin("SPLIT", "split", 35, _split),
    65: Builtin("SLICE", "slice", 0, _slice),
    67: Builtin("TRANSPOSE_CONV", "transpose_conv2d", 49, _transpose_conv),
    70: Builtin("EXPAND_DIMS", "reshape", 0, _first_only),
    97: Builtin("RESIZE_NEAREST_NEIGHBOR", "resize_nearest", 74, _resize_nearest),
    98: Builtin("LEAKY_RELU", "leaky_relu", 75, _leaky_relu),
    114: Builtin("QUANTIZE", "quantize", 0, _plain),
    117: Builtin("HARD_SWISH", "hard_swish", 0, _plain),
}
"""Every operator that is read, by its number in the schema."""

BUILTIN_NAMES: Mapping[int, str] = {
    32: "CUSTOM", 36: "GATHER", 37: "BATCH_TO_SPACE_ND", 38: "SPACE_TO_BATCH_ND", 42: "DIV", 47: "EXP", 53: "CAST",
    54: "PRELU", 55: "MAXIMUM", 57: "MINIMUM", 59: "NEG", 60: "PADV2", 69: "TILE", 74: "SUM", 75: "SQRT", 76: "RSQRT",
    82: "REDUCE_MAX", 83: "PACK", 88: "UNPACK", 99: "SQUARED_DIFFERENCE", 100: "MIRROR_PAD", 101: "ABS",
    107: "GATHER_ND", 111: "ELU", 126: "BATCH_MATMUL", 150: "GELU", 206: "STABLEHLO_COMPOSITE",
}  # fmt: skip
"""Names of common operators that are not read, for errors."""
