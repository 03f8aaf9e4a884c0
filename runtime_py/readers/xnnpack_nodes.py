"""The nodes of an XNNPACK delegate: number in the schema's union, and how each becomes operations of a Program."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from runtime_py.arithmetic import ACTIVATION_RANGES
from runtime_py.readers.flatbuffer import Table
from runtime_py.readers.xnnpack_fusions import fuse_clamps, mark_shared_pixels
from runtime_py.readers.xnnpack_node import XNode
from runtime_py.readers.xnnpack_payload import Graph

TRANSPOSED_WEIGHTS, ALIGN_CORNERS, LEGACY_RESIZE, RESHAPE_2D = 1, 8, 4, 4
"""Flags of a fully connected node and of a resize (xnnpack.h)."""


def read_nodes(nodes: tuple[Table, ...], graph: Graph) -> None:
    """Appends the operations of a delegate's nodes, in their order, to the graph's assembly."""
    first = len(graph.assembly.ops)
    unknown = {UNREAD.get(kind, f"node kind {kind}") for kind in _kinds(nodes) - set(NODES)}
    if unknown:
        known = ", ".join(name for name, _ in NODES.values())
        raise graph.error(f"uses {', '.join(sorted(unknown))}; nodes that are known: {known}")
    for i, table in enumerate(nodes):
        name, read = NODES[table.integer(0, "B")]
        fields = table.table(1, f"node {i} of {graph.where}")
        if fields is None:
            raise graph.error(f"has node {i} without content")
        limits = table.table(3, f"the limits of node {i}")
        low, high = (-np.inf, np.inf) if limits is None else (limits.real(0), limits.real(1))
        node = XNode(f"{graph.where}, node {i} ({name})", fields, (low, high), graph)
        if np.isnan(low) or np.isnan(high) or low > high:
            raise node.error(f"clamps to {low} .. {high}")
        read(node)
    fuse_clamps(graph.assembly, graph.assembly.ops[first:], graph.externals)
    mark_shared_pixels(graph.assembly, graph.users)


def _kinds(nodes: tuple[Table, ...]) -> set[int]:
    return {table.integer(0, "B") for table in nodes}


def _binary(kind: str) -> Callable[[XNode], None]:
    def read(node: XNode) -> None:
        node.emit_activated(kind, (node.tensor(0), node.tensor(1)), 2)

    return read


def _plain_binary(kind: str) -> Callable[[XNode], None]:
    def read(node: XNode) -> None:
        node.emit(kind, (node.tensor(0), node.tensor(1)), 2)

    return read


def _unary(kind: str, **attrs: Any) -> Callable[[XNode], None]:
    def read(node: XNode) -> None:
        node.emit(kind, (node.tensor(0),), 1, **attrs)

    return read


def _softmax(node: XNode) -> None:
    node.emit("softmax", (node.tensor(0),), 1, beta=1.0)


def _clamp(node: XNode) -> None:
    low, high = node.limits
    node.limits = ACTIVATION_RANGES["none"]
    node.emit("clamp", (node.tensor(0),), 1, low=low, high=high)


def _leaky_relu(node: XNode) -> None:
    node.emit("leaky_relu", (node.tensor(1),), 2, alpha=node.fields.real(0))


def _elu(node: XNode) -> None:
    node.emit("elu", (node.tensor(1),), 2, alpha=node.fields.real(0))


def _convert(node: XNode) -> None:
    """Between floats and a grid; where the grid is found at run time the consumers quantise by themselves."""
    given, number = node.tensor(0), node.integer(1)
    if node.graph.value(number).datatype == "dynamic int8":
        node.graph.alias(number, given)
        return
    kind = "dequantize" if node.graph.value(number).datatype == "float32" else "quantize"
    node.emit(kind, (given,), 1)


def _transpose(node: XNode) -> None:
    given = node.tensor(2)
    order = node.integers(1, len(node.shape(given)))
    node.emit("transpose", (given,), 3, permutation=order)


def _reshape(node: XNode) -> None:
    """A size of 0 is what is left for it."""
    given = node.tensor(2)
    sizes = node.fields.numbers(1, "uint32")[:9].tolist()
    if sizes.count(0) == 1:
        known = math.prod(n for n in sizes if n)
        sizes[sizes.index(0)] = math.prod(node.shape(given)) // known
    node.emit("reshape", (given,), 3, shape=tuple(sizes))


def _slice(node: XNode) -> None:
    given = node.tensor(3)
    rank = len(node.shape(given))
    node.emit("slice", (given,), 4, begin=node.integers(1, rank), size=node.integers(2, rank))


def _pad(node: XNode) -> None:
    given = node.tensor(3)
    rank = len(node.shape(given))
    paddings = tuple(zip(node.integers(0, rank), node.integers(1, rank), strict=True))
    node.emit("pad", (given,), 4, paddings=paddings, value=node.fields.real(2))


def _resize(node: XNode) -> None:
    flags = node.integer(4)
    corners = {"align_corners": bool(flags & ALIGN_CORNERS)}
    corners["half_pixel_centers"] = not flags & (ALIGN_CORNERS | LEGACY_RESIZE)
    given = node.tensor(2)
    (n, c), (height, width) = node.image(given)[::3], node.pair(0, 1)
    node.emit("resize_bilinear", (given,), 3, shape=(n, height, width, c), **corners)


def _concat(count: int) -> Callable[[XNode], None]:
    def read(node: XNode) -> None:
        inputs = tuple(node.tensor(field) for field in (1, 2, 3, 4, 7)[:count])
        axis = int(node.fields.integer(0, "i"))
        node.emit("concat", inputs, 5, axis=axis)

    return read


def _pool(kind: str) -> Callable[[XNode], None]:
    def read(node: XNode) -> None:
        top, right, bottom, left = (node.integer(field) for field in range(4))
        dilation = node.pair(8, 9) if kind == "max_pool2d" else (1, 1)
        node.emit_activated(
            kind, (node.tensor(10),), 11, window=node.pair(4, 5), stride=node.pair(6, 7),
            dilation=dilation, padding=((top, bottom), (left, right)),
        )  # fmt: skip

    return read


def _global_average(node: XNode) -> None:
    node.emit("mean", (node.tensor(0),), 1, axes=(1, 2), keep_dims=True)


def _fully_connected(node: XNode) -> None:
    flags, weights = node.integer(4), node.tensor(1)
    if flags & TRANSPOSED_WEIGHTS:
        weights = node.assembly.transposed(weights, (1, 0), node.where)
    inputs = (node.tensor(0), weights, *node.optional(2))
    node.graph.note_user(node.integer(0))
    node.emit_activated("fully_connected", inputs, 3, keep_dims=not flags & RESHAPE_2D)


def _batch_matmul(node: XNode) -> None:
    turned = bool(node.integer(3) & TRANSPOSED_WEIGHTS)
    node.emit("batch_matmul", (node.tensor(0), node.tensor(1)), 2, turn_first=False, turn_second=turned)


def _conv(kind: str) -> Callable[[XNode], None]:
    def read(node: XNode) -> None:
        inputs = (node.tensor(15), node.tensor(16), *node.optional(17))
        node.graph.note_user(node.integer(15))
        node.emit_activated(kind, inputs, 18, **_geometry(node))

    return read


def _geometry(node: XNode) -> dict[str, Any]:
    top, right, bottom, left = (node.integer(field) for field in range(4))
    return {"stride": node.pair(6, 7), "dilation": node.pair(8, 9), "padding": ((top, bottom), (left, right))}


def _transposed_conv(node: XNode) -> None:
    """The output is as large as the filters reach, less the padding, plus an adjustment at its end."""
    given, weights = node.tensor(15), _ungrouped(node, node.tensor(16))
    geometry, adjustment = _geometry(node), node.pair(13, 14)
    image, filters = node.image(given), node.image(weights)
    sizes = [
        (image[i + 1] - 1) * geometry["stride"][i]
        + (filters[i + 1] - 1) * geometry["dilation"][i]
        + 1
        + adjustment[i]
        - sum(geometry["padding"][i])
        for i in range(2)
    ]
    shape = (image[0], *sizes, filters[0])
    node.graph.note_user(node.integer(15))
    node.emit_activated("transpose_conv2d", (given, weights, *node.optional(17)), 18, shape=shape, **geometry)


def _ungrouped(node: XNode, weights: int) -> int:
    """Weights of a grouped transposed convolution as those of an ungrouped one, with zeros in between."""
    groups, tensor = node.integer(12), node.assembly[weights]
    if groups <= 1:
        return weights
    if tensor.data is None or len(tensor.shape) != 4 or tensor.shape[0] % groups or tensor.data.size * groups > 1 << 26:
        raise node.error(f"has weights of shape {list(tensor.shape)} in {groups} groups, which is not supported")
    filters, height, width, channels = tensor.shape
    share = filters // groups
    dense = np.zeros((filters, height, width, channels * groups), tensor.data.dtype)
    for g in range(groups):
        those = slice(g * share, (g + 1) * share)
        dense[those, ..., g * channels : (g + 1) * channels] = tensor.data[those]
    return node.assembly.constant(f"{tensor.name}:ungrouped", dense, tensor.quant)


NODES: Mapping[int, tuple[str, Callable[[XNode], None]]] = {
    1: ("Add", _binary("add")),
    2: ("FullyConnected", _fully_connected),
    3: ("Softmax", _softmax),
    4: ("Sigmoid", _unary("logistic")),
    5: ("StaticTranspose", _transpose),
    6: ("Clamp", _clamp),
    7: ("Conv2d", _conv("conv2d")),
    8: ("Div", _binary("div")),
    9: ("StaticResizeBilinear2D", _resize),
    10: ("StaticConstantPad", _pad),
    11: ("AvgPooling2d", _pool("average_pool2d")),
    12: ("Minimum", _plain_binary("minimum")),
    13: ("DepthwiseConv2d", _conv("depthwise_conv2d")),
    14: ("MaxPooling2d", _pool("max_pool2d")),
    15: ("Multiply", _binary("mul")),
    16: ("Subtract", _binary("sub")),
    17: ("Floor", _unary("floor")),
    18: ("Convert", _convert),
    19: ("GlobalAvgPooling2d", _global_average),
    20: ("StaticReshape", _reshape),
    22: ("SquareRoot", _unary("square_root")),
    23: ("Ceiling", _unary("ceiling")),
    24: ("Hardswish", _unary("hard_swish")),
    25: ("LeakyReLU", _leaky_relu),
    26: ("Maximum", _plain_binary("maximum")),
    27: ("Negate", _unary("negate")),
    28: ("Square", _unary("square")),
    29: ("ELU", _elu),
    30: ("Abs", _unary("absolute")),
    31: ("PReLU", _plain_binary("prelu")),
    32: ("Concatenate2", _concat(2)),
    33: ("Concatenate3", _concat(3)),
    34: ("Concatenate4", _concat(4)),
    35: ("StaticSlice", _slice),
    37: ("BatchMatrixMultiply", _batch_matmul),
    38: ("Concatenate5", _concat(5)),
    39: ("ConvTranspose2d", _transposed_conv),
    40: ("ReciprocalSquareRoot", _unary("reciprocal_square_root")),
    41: ("Log", _unary("logarithm")),
    42: ("Gelu", _unary("gelu")),
    43: ("Tanh", _unary("tanh")),
    44: ("Exp", _unary("exponential")),
    45: ("Sin", _unary("sine")),
    46: ("Copy", _unary("reshape")),
    47: ("Cos", _unary("cosine")),
}
"""Every node that is read, by its number in the schema: its name, and what appends its operations."""

UNREAD: Mapping[int, str] = {21: "ArgMaxPooling2d", 36: "ScaledDotProductAttention"}
"""Names of the nodes that are not read, for errors."""
