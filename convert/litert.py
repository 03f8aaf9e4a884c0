"""A program as a .tflite file, written table by table: the file holds the program's numbers and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.tflite_metadata import METADATA_KEY, metadata_buffer, with_contract_file
from runtime_py.contract import CONTRACT_KEY, Contract
from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Quant, Tensor

ALIGNMENT = 16
"""Bytes; the schema asks for it, and kernels read weights in vectors."""

IDENTIFIER = b"TFL3"


def to_tflite(program: Program, contract: Contract) -> bytes:
    """The .tflite file of `program`: NHWC, signature "serving_default", with TFLite metadata and the contract.

    Any precision: float32, float16 constants behind DEQUANTIZE, int8 weights with float activations (which LiteRT
    quantises at run time), or int8. The same program gives the same bytes.
    """
    import flatbuffers

    writer = _Writer(program)
    for op in program.ops:
        writer.operator(op)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(writer.model(contract).Pack(builder), IDENTIFIER)
    return with_contract_file(bytes(builder.Output()), contract)


class _Buffer:
    """Stands for the schema's BufferT, whose Python form forgets the alignment."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def Pack(self, builder: Any) -> int:  # noqa: N802 (the object API's name)
        from ai_edge_litert import schema_py_generated as schema

        vector = None
        if self.data:
            builder.StartVector(1, len(self.data), ALIGNMENT)
            builder.head = builder.Head() - len(self.data)
            builder.Bytes[builder.Head() : builder.Head() + len(self.data)] = self.data
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


class _Quantization:
    """Stands for the schema's QuantizationParametersT, whose Python form writes equal zero points again and again.

    Per-channel zero points are int64 zeros, a seventh of a small student's file; tables may share one vector.
    """

    def __init__(self, quant: Quant, zero_points: dict[bytes, int]) -> None:
        self.quant, self.zero_points = quant, zero_points

    def Pack(self, builder: Any) -> int:  # noqa: N802 (the object API's name)
        from ai_edge_litert import schema_py_generated as schema

        zeros = np.asarray(self.quant.zero_point, np.int64)
        if zeros.tobytes() not in self.zero_points:
            self.zero_points[zeros.tobytes()] = builder.CreateNumpyVector(zeros)
        scale = builder.CreateNumpyVector(np.asarray(self.quant.scale, np.float32))
        schema.QuantizationParametersStart(builder)
        schema.QuantizationParametersAddScale(builder, scale)
        schema.QuantizationParametersAddZeroPoint(builder, self.zero_points[zeros.tobytes()])
        schema.QuantizationParametersAddQuantizedDimension(builder, self.quant.axis)
        return int(schema.QuantizationParametersEnd(builder))


class _Writer:
    """Collects the tables of one model; the tensors keep the program's indices, additions follow them."""

    def __init__(self, program: Program) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.program = program
        self.buffers = [_Buffer(b"")]
        self.zero_points: dict[bytes, int] = {}
        self.codes: dict[tuple[int, int], int] = {}
        self.operators: list[Any] = []
        self.dequantized: dict[int, int] = {}
        self.tensors = [self.tensor(t) for t in program.tensors]

    def tensor(self, tensor: Tensor) -> Any:
        out = self.schema.TensorT()
        out.name, out.shape, out.hasRank = tensor.name, list(tensor.shape), True
        out.type = getattr(self.schema.TensorType, tensor.dtype.upper())
        out.buffer = self.buffer(tensor.data.tobytes()) if tensor.data is not None else 0
        if tensor.quant is not None:
            out.quantization = _Quantization(tensor.quant, self.zero_points)
        return out

    def buffer(self, data: bytes) -> int:
        self.buffers.append(_Buffer(data))
        return len(self.buffers) - 1

    def constant(self, name: str, data: NDArray[Any]) -> int:
        self.tensors.append(self.tensor(Tensor(name, data.shape, str(data.dtype), data=data)))
        return len(self.tensors) - 1

    def operator(self, op: Op) -> None:
        """Append `op`, behind the DEQUANTIZE of its float16 constants."""
        if op.kind not in OPERATORS:
            raise DpocketError(f"{op.where}: no .tflite operator is written for '{op.kind}'")
        inputs = [self.as_float32(i) for i in op.inputs]
        code, version, inputs, options = OPERATORS[op.kind](self, op, inputs)
        self.emit(code, version, inputs, op.outputs, options)

    def emit(self, code: str, version: int, inputs: list[int], outputs: tuple[int, ...], options: Any) -> None:
        table = self.schema.OperatorT()
        key = (getattr(self.schema.BuiltinOperator, code), version)
        table.opcodeIndex = self.codes.setdefault(key, len(self.codes))
        table.inputs, table.outputs = list(inputs), list(outputs)
        if options is not None:
            table.builtinOptions = options
            kind = type(options).__name__.removesuffix("T")
            table.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
        self.operators.append(table)

    def as_float32(self, index: int) -> int:
        """The tensor itself, or the float32 output of a DEQUANTIZE of a float16 constant."""
        if index < 0 or self.program.tensors[index].dtype != "float16":
            return index
        if index not in self.dequantized:
            half = self.program.tensors[index]
            self.tensors.append(self.tensor(Tensor(f"{half.name}.float32", half.shape, "float32")))
            self.dequantized[index] = len(self.tensors) - 1
            self.emit("DEQUANTIZE", 3, [index], (self.dequantized[index],), self.schema.DequantizeOptionsT())
        return self.dequantized[index]

    def model(self, contract: Contract) -> Any:
        schema, program = self.schema, self.program
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.name = self.tensors, self.operators, "main"
        graph.inputs, graph.outputs = list(program.inputs), list(program.outputs)
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs = [self.named(i) for i in program.inputs]
        signature.outputs = [self.named(i) for i in program.outputs]
        model = schema.ModelT()
        model.version, model.description = 3, f"dpocket {contract.student}"
        model.subgraphs, model.signatureDefs = [graph], [signature]
        # The contract's own entry outlives tools that rewrite the model and drop the zip behind it.
        entries = {
            **program.metadata,
            CONTRACT_KEY: contract.to_json().encode(),
            METADATA_KEY: metadata_buffer(program, contract),
        }
        model.metadata = [self.metadata(name, data) for name, data in entries.items()]
        model.operatorCodes = [self.operator_code(*key) for key in self.codes]
        model.buffers = self.buffers
        return model

    def named(self, index: int) -> Any:
        entry = self.schema.TensorMapT()
        entry.name, entry.tensorIndex = self.program.tensors[index].name, index
        return entry

    def metadata(self, name: str, data: bytes) -> Any:
        entry = self.schema.MetadataT()
        entry.name, entry.buffer = name, self.buffer(data)
        return entry

    def operator_code(self, code: int, version: int) -> Any:
        entry = self.schema.OperatorCodeT()
        entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), version
        return entry

    def dtypes(self, op: Op) -> list[str]:
        return [self.program.tensors[i].dtype for i in op.inputs]

    def window(self, options: Any, op: Op) -> Any:
        """Fill the fields that convolutions and pooling share."""
        options.strideH, options.strideW = op.attrs["stride"]
        options.padding = getattr(self.schema.Padding, op.attrs["padding"].upper())
        return self.activated(options, op)

    def activated(self, options: Any, op: Op) -> Any:
        options.fusedActivationFunction = getattr(
            self.schema.ActivationFunctionType, op.attrs.get("activation", "none").upper()
        )
        return options


Entry = tuple[str, int, list[int], Any]
"""Operator name, version, input tensors in the file's order, options."""


def _conv2d(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    options = writer.window(writer.schema.Conv2DOptionsT(), op)
    options.dilationHFactor, options.dilationWFactor = op.attrs["dilation"]
    # 5 is int8 weights with one scale per channel under float activations.
    return "CONV_2D", _weighted_version(writer, op, {"int8": 3, "mixed": 5, "float": 1}), inputs, options


def _depthwise_conv2d(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    options = writer.window(writer.schema.DepthwiseConv2DOptionsT(), op)
    options.dilationHFactor, options.dilationWFactor = op.attrs["dilation"]
    x, weight = (writer.program.tensors[i] for i in op.inputs[:2])
    options.depthMultiplier = weight.shape[3] // x.shape[3]
    version = _weighted_version(writer, op, {"int8": 3, "mixed": 6, "float": 2})
    return "DEPTHWISE_CONV_2D", version, inputs, options


def _transpose_conv2d(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    x, weight, bias = inputs
    shape = np.array(writer.program.tensors[op.outputs[0]].shape, np.int32)
    size = writer.constant(f"{writer.program.tensors[op.outputs[0]].name}.shape", shape)
    # 3: with a bias. 4: with a fused activation.
    version = 4 if op.attrs.get("activation", "none") != "none" else 3
    return "TRANSPOSE_CONV", version, [size, weight, x, bias], writer.window(writer.schema.TransposeConvOptionsT(), op)


def _add(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    return "ADD", _int8_version(writer, op), inputs, writer.activated(writer.schema.AddOptionsT(), op)


def _concat(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    options = writer.schema.ConcatenationOptionsT()
    options.axis = op.attrs["axis"]
    return "CONCATENATION", _int8_version(writer, op), inputs, options


def _max_pool2d(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    options = writer.window(writer.schema.Pool2DOptionsT(), op)
    options.filterHeight, options.filterWidth = op.attrs["window"]
    return "MAX_POOL_2D", _int8_version(writer, op), inputs, options


def _quantize(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    return "QUANTIZE", 1, inputs, writer.schema.QuantizeOptionsT()


def _dequantize(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    # 2 is int8; 3, of float16 constants, is written by `as_float32`.
    return "DEQUANTIZE", 2, inputs, writer.schema.DequantizeOptionsT()


def _reshape(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    out = writer.program.tensors[op.outputs[0]]
    options = writer.schema.ReshapeOptionsT()
    options.newShape = list(out.shape)
    return "RESHAPE", 1, [*inputs, writer.constant(f"{out.name}.shape", np.array(out.shape, np.int32))], options


def _pad(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
    name = f"{writer.program.tensors[op.outputs[0]].name}.paddings"
    paddings = writer.constant(name, np.array(op.attrs["paddings"], np.int32))
    return "PAD", _int8_version(writer, op), [*inputs, paddings], writer.schema.PadOptionsT()


def _blocks(code: str, options_name: str) -> Callable[[_Writer, Op, list[int]], Entry]:
    def write(writer: _Writer, op: Op, inputs: list[int]) -> Entry:
        options = getattr(writer.schema, options_name)()
        options.blockSize = op.attrs["block"]
        # 2 is what LiteRT calls int8, but its reference kernels are registered as 1 alone and take int8 all the same.
        return code, 1, inputs, options

    return write


def _weighted_version(writer: _Writer, op: Op, versions: dict[str, int]) -> int:
    x, weight = writer.dtypes(op)[:2]
    return versions["float" if weight != "int8" else "int8" if x == "int8" else "mixed"]


def _int8_version(writer: _Writer, op: Op) -> int:
    return 2 if writer.dtypes(op)[0] == "int8" else 1


OPERATORS: dict[str, Callable[[_Writer, Op, list[int]], Entry]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "transpose_conv2d": _transpose_conv2d,
    "add": _add,
    "concat": _concat,
    "max_pool2d": _max_pool2d,
    "reshape": _reshape,
    "pad": _pad,
    "space_to_depth": _blocks("SPACE_TO_DEPTH", "SpaceToDepthOptionsT"),
    "depth_to_space": _blocks("DEPTH_TO_SPACE", "DepthToSpaceOptionsT"),
    "quantize": _quantize,
    "dequantize": _dequantize,
}
"""What a .tflite is written from; adding an operation is one function and one line."""
