"""An integer program as the payload of an XNNPACK delegate: its values and nodes, written one by one.

ExecuTorch's own lowering takes torch's NCHW operations: it has no form for pixels as channels, transposes an image at
every change of layout, and joins one-channel views pixel by pixel. A program is NHWC, as XNNPACK is, so that each of
its operations is a node or three (`convert.pixel_blocks` says which are fast).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from executorch.backends.xnnpack.serialization import xnnpack_graph_schema as schema
from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import serialize_xnnpack_binary
from numpy.typing import NDArray

from convert.torch_view import pads_of
from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Quant

TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)

INPUT, OUTPUT = 1, 2
"""XNN_VALUE_FLAG_EXTERNAL_INPUT and XNN_VALUE_FLAG_EXTERNAL_OUTPUT."""

ABSENT = (1 << 32) - 1
"""XNN_INVALID_VALUE_ID."""

RELU = schema.OutputMinMax(0.0, "inf")

ALIGNMENT = 16
"""Bytes; of constants, as ExecuTorch aligns them."""

TYPES = {
    ("float32", False): schema.XNNDatatype.xnn_datatype_fp32,
    ("int8", False): schema.XNNDatatype.xnn_datatype_qint8,
    ("int8", True): schema.XNNDatatype.xnn_datatype_qcint8,
    ("int32", True): schema.XNNDatatype.xnn_datatype_qcint32,
}
"""By dtype, and whether there is one scale per channel: of constants, even where there is one channel."""


def to_payload(program: Program) -> bytes:
    """The payload of a delegate that takes and gives the inputs and outputs of `program` in its order, as NCHW.

    The same program gives the same bytes. Raises DpocketError for an operation that is not in NODES.
    """
    writer = _Writer(program)
    inputs = [writer.external(i, INPUT) for i in program.inputs]
    outputs = [writer.external(i, OUTPUT) for i in program.outputs]
    for number, index in zip(inputs, program.inputs, strict=True):
        writer.relaid(number, writer.number(index), writer.shape(index), TO_NHWC)
    for op in program.ops:
        if op.kind not in NODES:
            raise DpocketError(f"there is no XNNPACK node for {op.kind} ({op.where}); report it as a defect")
        NODES[op.kind](writer, op)
    for number, index in zip(outputs, program.outputs, strict=True):
        n, h, w, c = writer.shape(index)
        writer.relaid(writer.number(index), number, (n, c, h, w), TO_NCHW)
    return writer.payload(inputs, outputs)


class _Writer:
    """Values, nodes and constants as they grow; `number` finds the value of a tensor of the program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._values: list[Any] = []
        self._nodes: list[Any] = []
        self._entries = [schema.ConstantDataOffset(0, 0)]
        self._constants = bytearray()
        self._numbers: dict[int, int] = {}

    def shape(self, index: int) -> tuple[int, ...]:
        return self._program.tensors[index].shape

    def number(self, index: int) -> int:
        """The value of a tensor, made when first asked for."""
        if index not in self._numbers:
            self._numbers[index] = self.view(index, self.shape(index))
        return self._numbers[index]

    def numbers(self, op: Op) -> tuple[int, ...]:
        """The values of the inputs and then of the outputs of `op`."""
        return tuple(self.number(i) for i in (*op.inputs, *op.outputs))

    def external(self, index: int, flag: int) -> int:
        n, h, w, c = self.shape(index)
        return self.view(index, (n, c, h, w), flag)

    def view(self, index: int, shape: Sequence[int], flag: int = 0) -> int:
        """A new value on the grid of a tensor: external where it has a flag, a constant where the tensor is one."""
        tensor, number = self._program.tensors[index], len(self._values)
        is_constant = tensor.data is not None
        stored: Any = schema.XNNTensorValue(
            datatype=TYPES[tensor.dtype, is_constant],
            num_dims=len(shape),
            dims=list(shape),
            constant_buffer_idx=0 if tensor.data is None else self._constant(tensor.data),
            external_id=number if flag else ABSENT,
            flags=flag,
            id_out=number,
        )
        if tensor.quant is not None:
            stored = schema.XNNQuantizedTensorValue(stored, self._steps(tensor.quant, is_constant))
        self._values.append(schema.XValue(stored))
        return number

    def _steps(self, quant: Quant, per_channel: bool) -> Any:
        if not per_channel:
            return schema.PerTensorQuant(float(quant.scale[0]), int(quant.zero_point[0]))
        return schema.PerChannelQuant([], quant.axis, self._constant(quant.scale), quant.scale.size)

    def _constant(self, data: NDArray[Any]) -> int:
        content = np.ascontiguousarray(data, data.dtype.newbyteorder("<")).tobytes()
        self._constants += bytes(-len(self._constants) % ALIGNMENT)
        # Without a name, even an empty one: ExecuTorch would look for the constant under it.
        self._entries.append(schema.ConstantDataOffset(len(self._constants), len(content), None))
        self._constants += content
        return len(self._entries) - 1

    def node(self, content: Any, limits: Any = None) -> None:
        self._nodes.append(schema.XNode(content, len(self._nodes), limits))

    def activated(self, content: Any, op: Op) -> None:
        """A node with the ReLU of `op`; below zero point -128 there is nothing, quantising is the ReLU."""
        quant = self._program.tensors[op.outputs[0]].quant
        implied = quant is not None and int(quant.zero_point[0]) == -128
        is_relu = op.attrs.get("activation") == "relu" and not implied
        self.node(content, RELU if is_relu else None)

    def reshape(self, given: int, out: int, shape: Sequence[int]) -> None:
        self.node(schema.XNNStaticReshape(len(shape), list(shape), given, out, 0))

    def transpose(self, given: int, out: int, order: Sequence[int]) -> None:
        self.node(schema.XNNStaticTranspose(len(order), list(order), given, out, 0))

    def relaid(self, given: int, out: int, shape: Sequence[int], order: Sequence[int]) -> None:
        """An image in the other layout, of `shape`; one channel is the same bytes in both."""
        if shape[3 if order == TO_NHWC else 1] == 1:
            self.reshape(given, out, shape)
        else:
            self.transpose(given, out, order)

    def payload(self, inputs: list[int], outputs: list[int]) -> bytes:
        count = len(inputs) + len(outputs)
        graph = schema.XNNGraph("0", self._nodes, self._values, count, inputs, outputs, self._entries)
        return bytes(serialize_xnnpack_binary(graph, self._constants))


def _convolution(kind: Callable[..., Any]) -> Callable[[_Writer, Op], None]:
    def write(writer: _Writer, op: Op) -> None:
        given, weight = (writer.shape(i) for i in op.inputs[:2])
        height, width = pads_of(op, given, (weight[1], weight[2]))
        groups = given[3] if op.kind == "depthwise_conv2d" else 1
        channels = given[3] // groups, writer.shape(op.outputs[0])[3] // groups
        dilation = op.attrs.get("dilation", (1, 1))
        padding, adjustment = (height, width, height, width), (0, 0)
        sizes = (*padding, *weight[1:3], *op.attrs["stride"], *dilation, *channels, groups, *adjustment)
        writer.activated(kind(*sizes, *writer.numbers(op), 0), op)

    return write


def _max_pool2d(writer: _Writer, op: Op) -> None:
    given, out = writer.numbers(op)
    sizes = (0, 0, 0, 0, *op.attrs["window"], *op.attrs["stride"], 1, 1)
    writer.activated(schema.XNNMaxPooling2d(*sizes, given, out, 0), op)


def _add(writer: _Writer, op: Op) -> None:
    writer.activated(schema.XNNAdd(*writer.numbers(op), 0), op)


def _concat(writer: _Writer, op: Op) -> None:
    *given, out = writer.numbers(op)
    if len(given) not in JOINS:
        raise DpocketError(f"XNNPACK joins 2 to 5 tensors, not {len(given)} ({op.where})")
    first, second, third, fourth, fifth = given + [ABSENT] * (5 - len(given))
    writer.node(JOINS[len(given)](op.attrs["axis"], first, second, third, fourth, out, 0, fifth))


def _convert(writer: _Writer, op: Op) -> None:
    writer.node(schema.XNNConvert(*writer.numbers(op), 0))


def _reshape(writer: _Writer, op: Op) -> None:
    given, out = writer.numbers(op)
    writer.reshape(given, out, writer.shape(op.outputs[0]))


def _transpose(writer: _Writer, op: Op) -> None:
    given, out = writer.numbers(op)
    writer.transpose(given, out, op.attrs["permutation"])


def _pad(writer: _Writer, op: Op) -> None:
    """With 0, which XNNPACK puts on the grid."""
    before, after = (list(sizes) for sizes in zip(*op.attrs["paddings"], strict=True))
    writer.node(schema.XNNStaticConstantPad(before, after, 0.0, *writer.numbers(op), 0))


def _depth_to_space(writer: _Writer, op: Op) -> None:
    block, (given, out) = op.attrs["block"], writer.numbers(op)
    batch, height, width, channels = writer.shape(op.inputs[0])
    apart = (batch * height, width, block, channels // block)
    beside = (batch * height, block, width, channels // block)
    deep, spread = (writer.view(op.inputs[0], shape) for shape in (apart, beside))
    writer.reshape(given, deep, apart)
    writer.transpose(deep, spread, (0, 2, 1, 3))
    writer.reshape(spread, out, writer.shape(op.outputs[0]))


JOINS: Mapping[int, Callable[..., Any]] = {
    2: schema.XNNConcatenate2, 3: schema.XNNConcatenate3, 4: schema.XNNConcatenate4, 5: schema.XNNConcatenate5,
}  # fmt: skip

NODES: Mapping[str, Callable[[_Writer, Op], None]] = {
    "conv2d": _convolution(schema.XNNConv2d),
    "depthwise_conv2d": _convolution(schema.XNNDepthwiseConv2d),
    "transpose_conv2d": _convolution(schema.XNNConvTranspose2d),
    "max_pool2d": _max_pool2d,
    "add": _add,
    "concat": _concat,
    "quantize": _convert,
    "dequantize": _convert,
    "reshape": _reshape,
    "transpose": _transpose,
    "pad": _pad,
    "depth_to_space": _depth_to_space,
}
"""What a payload is written from; adding an operation is one function and one line."""
