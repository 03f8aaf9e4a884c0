"""`.onnx` files into `Program`s: float graphs, and graphs with QuantizeLinear and DequantizeLinear around operators."""

from __future__ import annotations

import numpy as np

from runtime_py.errors import ArtifactError
from runtime_py.program import Program
from runtime_py.readers.assembly import Assembly
from runtime_py.readers.layout import without_transposes
from runtime_py.readers.onnx_build import Builder, Slot, refusal
from runtime_py.readers.onnx_constants import FOLDS, constant, folded, shape_of
from runtime_py.readers.onnx_graph import DTYPES, OnnxNode, Port, array_of, nodes_of, port_of, single
from runtime_py.readers.onnx_ops import OPERATORS
from runtime_py.readers.onnx_quantised import shifted
from runtime_py.readers.protobuf import Message


def read_onnx(data: bytes, source: str) -> Program:
    """The graph of an `.onnx` file as a Program for the dialect "onnx-qdq"; `source` names the file in errors.

    Inputs and outputs keep the file's names, shapes (N, C, H, W) and types; a batch of unknown size is taken as 1.
    Inside, images are NHWC, uint8 values int8 (less 128) and half floats float32, rounded only where the file casts to
    them, as ONNX Runtime does on a CPU. Metadata is the file's own, name
    to bytes. Raises ArtifactError with the place for anything damaged, foreign or not supported.
    """
    return _Reader(Message(data, source), source, len(data)).program()


def _metadata(model: Message) -> dict[str, bytes]:
    return {entry.text(1): bytes(entry.data(2)) for entry in model.messages(14, "metadata entry")}


class _Reader:
    def __init__(self, model: Message, source: str, size: int) -> None:
        self._model, self._source = model, source
        graph = model.message(7, "the graph")
        if graph is None:
            raise ArtifactError(f"{source} is not an .onnx file: it has no graph")
        self._graph = graph
        self._nodes = nodes_of(graph)
        unknown = [
            n.kind for n in self._nodes if n.kind not in OPERATORS and n.kind not in FOLDS and n.kind not in READ
        ]
        if unknown:
            raise refusal(unknown, list(OPERATORS), source)
        opsets = {m.text(1): m.integer(2) for m in model.messages(8, "operator set")}
        opset = opsets.get("", opsets.get("ai.onnx", 0))
        if not 7 <= opset <= NEWEST_OPSET:
            raise ArtifactError(f"{source} cannot be used: it has opset {opset}, 7 to {NEWEST_OPSET} are known")
        self._outputs = [port_of(m) for m in graph.messages(12, "output")]
        names = [port.name for port in self._outputs]
        self._builder = Builder(Assembly(source, size), self._nodes, names, opset)

    def program(self) -> Program:
        b = self._builder
        for message in self._graph.messages(5, "initializer"):
            self._constant(message.text(8), message)
        ports = [port_of(m) for m in self._graph.messages(11, "input")]
        # Before IR version 4 constants had to be listed among the inputs.
        inputs = [self._input(port) for port in ports if port.name not in b.values]
        if self._graph.has(15):
            raise ArtifactError(f"{self._source} cannot be used: it has sparse constants, which are not supported")
        for node in self._nodes:
            if id(node) not in b.done:
                self._node(node)
        outputs = [self._output(port) for port in self._outputs]
        return without_transposes(b.assembly.program(inputs, outputs, _metadata(self._model)))

    def _constant(self, name: str, message: Message) -> None:
        self._builder.values[name] = self._builder.assembly.constant(name, single(array_of(message)))

    def _input(self, port: Port) -> int:
        b = self._builder
        shape = port.shape
        if shape is not None and shape and shape[0] < 0:
            shape = (1, *shape[1:])
        if shape is None or any(n < 0 for n in shape):
            raise ArtifactError(f"{self._source} cannot be used: input '{port.name}' has no fixed shape; fix it first")
        index = b.assembly.fed(b.assembly.tensor(port.name, shape, port.dtype))
        b.values[port.name] = index
        if port.dtype == "float16":
            b.values[port.name] = b.assembly.tensor(f"{port.name}.single", shape, "float32")
            b.assembly.op("cast", (index,), (b.values[port.name],), f"input '{port.name}'")
        return index

    def _node(self, node: OnnxNode) -> None:
        b = self._builder
        if any(name in b.values or name in b.stored for name in node.outputs if name):
            raise node.error(f"writes '{node.outputs[0]}' a second time")
        made = None
        if node.kind == "Constant":
            made = constant(node)
        elif node.kind == "Shape":
            made = shape_of(node, b[b.any(node.input(0), node)].shape)
        elif node.kind in FOLDS and not any(name in b.stored for name in node.inputs):
            arrays = [b.constant(name, node) for name in node.inputs if name]
            known = [array for array in arrays if array is not None]
            made = folded(node, known) if len(known) == len(arrays) and known else None
        if made is not None:
            self._keep(node, made)
        elif node.kind in OPERATORS:
            OPERATORS[node.kind](b, node)
        else:
            raise node.error("computes while running what is supported for constants only")

    def _keep(self, node: OnnxNode, made: np.ndarray) -> None:
        made = single(made)
        if str(made.dtype) not in DTYPES.values():
            raise node.error(f"makes a constant of type {made.dtype}")
        self._builder.values[node.output] = self._builder.assembly.constant(node.output, made)

    def _output(self, port: Port) -> int:
        """The output's tensor, back in the file's type."""
        b = self._builder
        asked = OnnxNode("output", (port.name,), (), {}, f"{self._source}, output '{port.name}'")
        index = b.any(port.name, asked)
        tensor = b[index]
        if tensor.dtype == port.dtype and tensor.data is None and index not in self._fed():
            return index
        b.assembly.rename(index, f"{port.name}.inner")
        if port.dtype == "uint8" and tensor.dtype == "int8" and tensor.quant is not None:
            return b.emit("quantize", (index,), Slot(port.name, "uint8", shifted(tensor.quant)), asked)
        kind = "cast" if port.dtype != tensor.dtype else "reshape"
        return b.emit(kind, (index,), Slot(port.name, port.dtype, tensor.quant), asked, tensor.shape)

    def _fed(self) -> set[int]:
        ports = self._graph.messages(11, "input")
        return {self._builder.values[p.text(1)] for p in ports if p.text(1) in self._builder.values}


READ = ("Constant", "Shape")
"""Operators whose value is known while reading."""

NEWEST_OPSET = 24
"""Later ones may change what an operator means."""
