"""The TFLite operators that are read: number in the schema, kind in a Program, and how they are decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runtime_py.readers import tflite_decode as decode
from runtime_py.readers.tflite_decode import Decoded
from runtime_py.readers.tflite_source import OpSource


@dataclass(frozen=True)
class Builtin:
    """One operator of TFLite; `options` is its number in the schema's union of options, 0 for none."""

    name: str
    kind: str
    options: int
    decode: Callable[[OpSource], Decoded]


BUILTINS: Mapping[int, Builtin] = {
    0: Builtin("ADD", "add", 11, decode.activated),
    1: Builtin("AVERAGE_POOL_2D", "average_pool2d", 5, decode.pool),
    2: Builtin("CONCATENATION", "concat", 10, decode.concat),
    3: Builtin("CONV_2D", "conv2d", 1, decode.conv2d),
    4: Builtin("DEPTHWISE_CONV_2D", "depthwise_conv2d", 2, decode.depthwise),
    5: Builtin("DEPTH_TO_SPACE", "depth_to_space", 94, decode.block),
    6: Builtin("DEQUANTIZE", "dequantize", 0, decode.plain),
    8: Builtin("FLOOR", "floor", 0, decode.plain),
    9: Builtin("FULLY_CONNECTED", "fully_connected", 8, decode.fully_connected),
    14: Builtin("LOGISTIC", "logistic", 0, decode.plain),
    17: Builtin("MAX_POOL_2D", "max_pool2d", 5, decode.pool),
    18: Builtin("MUL", "mul", 21, decode.activated),
    19: Builtin("RELU", "relu", 0, decode.plain),
    20: Builtin("RELU_N1_TO_1", "relu_n1_to_1", 0, decode.plain),
    21: Builtin("RELU6", "relu6", 0, decode.plain),
    22: Builtin("RESHAPE", "reshape", 0, decode.first_only),
    23: Builtin("RESIZE_BILINEAR", "resize_bilinear", 15, decode.resize_bilinear),
    25: Builtin("SOFTMAX", "softmax", 9, decode.softmax),
    26: Builtin("SPACE_TO_DEPTH", "space_to_depth", 19, decode.block),
    28: Builtin("TANH", "tanh", 0, decode.plain),
    34: Builtin("PAD", "pad", 0, decode.pad),
    36: Builtin("GATHER", "gather", 23, decode.gather),
    39: Builtin("TRANSPOSE", "transpose", 0, decode.transpose),
    40: Builtin("MEAN", "mean", 27, decode.reduced),
    41: Builtin("SUB", "sub", 28, decode.activated),
    42: Builtin("DIV", "div", 29, decode.activated),
    43: Builtin("SQUEEZE", "reshape", 0, decode.first_only),
    45: Builtin("STRIDED_SLICE", "strided_slice", 32, decode.strided_slice),
    47: Builtin("EXP", "exponential", 0, decode.plain),
    49: Builtin("SPLIT", "split", 35, decode.split),
    50: Builtin("LOG_SOFTMAX", "log_softmax", 0, decode.plain),
    53: Builtin("CAST", "cast", 0, decode.plain),
    54: Builtin("PRELU", "prelu", 0, decode.plain),
    55: Builtin("MAXIMUM", "maximum", 0, decode.plain),
    56: Builtin("ARG_MAX", "arg_max", 0, decode.arg_extremum),
    57: Builtin("MINIMUM", "minimum", 0, decode.plain),
    58: Builtin("LESS", "less", 0, decode.plain),
    59: Builtin("NEG", "negate", 0, decode.plain),
    60: Builtin("PADV2", "pad", 0, decode.padv2),
    61: Builtin("GREATER", "greater", 0, decode.plain),
    62: Builtin("GREATER_EQUAL", "greater_equal", 0, decode.plain),
    63: Builtin("LESS_EQUAL", "less_equal", 0, decode.plain),
    64: Builtin("SELECT", "select", 0, decode.plain),
    65: Builtin("SLICE", "slice", 0, decode.slice_),
    66: Builtin("SIN", "sine", 0, decode.plain),
    67: Builtin("TRANSPOSE_CONV", "transpose_conv2d", 49, decode.transpose_conv),
    69: Builtin("TILE", "tile", 0, decode.tile),
    70: Builtin("EXPAND_DIMS", "reshape", 0, decode.first_only),
    71: Builtin("EQUAL", "equal", 0, decode.plain),
    72: Builtin("NOT_EQUAL", "not_equal", 0, decode.plain),
    73: Builtin("LOG", "logarithm", 0, decode.plain),
    74: Builtin("SUM", "sum", 27, decode.reduced),
    75: Builtin("SQRT", "square_root", 0, decode.plain),
    76: Builtin("RSQRT", "reciprocal_square_root", 0, decode.plain),
    79: Builtin("ARG_MIN", "arg_min", 0, decode.arg_extremum),
    82: Builtin("REDUCE_MAX", "reduce_max", 27, decode.reduced),
    83: Builtin("PACK", "stack", 59, decode.stack),
    84: Builtin("LOGICAL_OR", "logical_or", 0, decode.plain),
    86: Builtin("LOGICAL_AND", "logical_and", 0, decode.plain),
    87: Builtin("LOGICAL_NOT", "logical_not", 0, decode.plain),
    88: Builtin("UNPACK", "unstack", 64, decode.stack),
    89: Builtin("REDUCE_MIN", "reduce_min", 27, decode.reduced),
    92: Builtin("SQUARE", "square", 0, decode.plain),
    97: Builtin("RESIZE_NEAREST_NEIGHBOR", "resize_nearest", 74, decode.resize_nearest),
    98: Builtin("LEAKY_RELU", "leaky_relu", 75, decode.leaky_relu),
    99: Builtin("SQUARED_DIFFERENCE", "squared_difference", 0, decode.plain),
    100: Builtin("MIRROR_PAD", "mirror_pad", 77, decode.mirror_pad),
    101: Builtin("ABS", "absolute", 0, decode.plain),
    102: Builtin("SPLIT_V", "split", 0, decode.split_v),
    104: Builtin("CEIL", "ceiling", 0, decode.plain),
    105: Builtin("REVERSE_V2", "reverse", 0, decode.reverse),
    108: Builtin("COS", "cosine", 0, decode.plain),
    111: Builtin("ELU", "elu", 0, decode.elu),
    114: Builtin("QUANTIZE", "quantize", 0, decode.plain),
    116: Builtin("ROUND", "round", 0, decode.plain),
    117: Builtin("HARD_SWISH", "hard_swish", 0, decode.plain),
    123: Builtin("SELECT_V2", "select", 0, decode.plain),
    126: Builtin("BATCH_MATMUL", "batch_matmul", 101, decode.batch_matmul),
    130: Builtin("BROADCAST_TO", "broadcast_to", 0, decode.broadcast),
    150: Builtin("GELU", "gelu", 116, decode.gelu),
    152: Builtin("RELU_0_TO_1", "relu_0_to_1", 0, decode.plain),
}
"""Every operator that is read, by its number in the schema."""

BUILTIN_NAMES: Mapping[int, str] = {
    32: "CUSTOM", 37: "BATCH_TO_SPACE_ND", 38: "SPACE_TO_BATCH_ND", 48: "TOPK_V2", 77: "SHAPE", 78: "POW",
    81: "REDUCE_PROD", 94: "FILL", 107: "GATHER_ND", 118: "IF", 119: "WHILE", 128: "CUMSUM", 132: "CONV_3D",
    206: "STABLEHLO_COMPOSITE",
}  # fmt: skip
"""Names of common operators that are not read, for errors."""
