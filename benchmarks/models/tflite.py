"""Small .tflite files, written with the schema's object API of the LiteRT wheel, and LiteRT to run them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

TYPE_NUMBERS = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9}


@dataclass
class T:
    """One tensor: `scale` and `zero` are numbers, or arrays along `axis`."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: Any = None
    zero: Any = 0
    axis: int = 0
    data: Array | None = None


@dataclass
class O:  # noqa: E742 - one letter beside T keeps model tables readable
    """One operator: schema name ("CONV_2D"), tensor numbers, options table name and its fields."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass
class Model:
    """A model without metadata, and arrays for its inputs."""

    tensors: list[T]
    ops: list[O]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    arrays: list[Array] = field(default_factory=list)

    def content(self) -> bytes:
        return model(self.tensors, self.ops, self.inputs, self.outputs)

    def float_twin(self) -> Model:
        """The same operation on real numbers: int8 tensors and int32 biases become float32."""
        tensors = [_real(t) for t in self.tensors]
        arrays = [_real_values(a, self.tensors[i]) for a, i in zip(self.arrays, self.inputs, strict=True)]
        return Model(tensors, self.ops, self.inputs, self.outputs, arrays)

    def hybrid_twin(self) -> Model:
        """The same convolution of real numbers on int8 weights, one scale per channel (tensors x, w, b, y)."""
        image, weights, bias, result = (T(**vars(t)) for t in self.tensors[:4])
        channels = weights.shape[weights.axis]
        weights.scale = np.resize(np.array([0.011, 0.007, 0.0193, 0.003], np.float32), channels)
        tensors = [_real(image), weights, _real(bias), _real(result), *self.tensors[4:]]
        arrays = [_real_values(self.arrays[0], image) * np.float32(0.37)]
        return Model(tensors, self.ops, self.inputs, self.outputs, arrays)


def _real(t: T) -> T:
    if t.dtype != "int8" and t.name != "b":
        return t
    return T(t.name, t.shape, "float32", data=None if t.data is None else _real_values(t.data, t))


def _real_values(stored: Array, t: T) -> Array:
    """Small numbers, so that errors relative to 1 mean something whatever the scale."""
    return ((stored.astype(np.float64) - (t.zero if t.name != "b" else 0)) / 64).astype(np.float32)


def constant(name: str, data: Array, scale: Any = None, zero: Any = 0, axis: int = 0) -> T:
    return T(name, data.shape, str(data.dtype), scale, zero, axis, data)


def model(
    tensors: list[T],
    ops: list[O],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    metadata: dict[str, bytes] | None = None,
    signature: dict[str, dict[str, int]] | None = None,
) -> bytes:
    """The bytes of a model; `signature` is {"inputs": {name: tensor}, "outputs": {...}}."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as s

    m = s.ModelT()
    m.version, m.description = 3, "test"
    m.buffers = [s.BufferT()]
    graph = s.SubGraphT()
    graph.inputs, graph.outputs, graph.name = list(inputs), list(outputs), "main"
    graph.tensors = [_tensor(s, m, t) for t in tensors]
    m.operatorCodes = [_code(s, op.name) for op in ops]
    graph.operators = [_operator(s, i, op) for i, op in enumerate(ops)]
    m.subgraphs = [graph]
    m.metadata = []
    for name, content in (metadata or {}).items():
        entry = s.MetadataT()
        entry.name, entry.buffer = name, _store(s, m, np.frombuffer(content, np.uint8))
        m.metadata.append(entry)
    if signature is not None:
        m.signatureDefs = [_signature(s, signature)]
    builder = flatbuffers.Builder(1024)
    builder.Finish(m.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _store(s: Any, m: Any, data: Array) -> int:
    buffer = s.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
    m.buffers.append(buffer)
    return len(m.buffers) - 1


def _tensor(s: Any, m: Any, t: T) -> Any:
    tensor = s.TensorT()
    tensor.name, tensor.shape, tensor.type = t.name, list(t.shape), TYPE_NUMBERS[t.dtype]
    tensor.buffer = 0 if t.data is None else _store(s, m, t.data)
    if t.scale is not None:
        q = s.QuantizationParametersT()
        scale = np.atleast_1d(np.asarray(t.scale, np.float32))
        q.scale = scale.tolist()
        q.zeroPoint = np.broadcast_to(np.asarray(t.zero, np.int64), scale.shape).tolist()
        q.quantizedDimension = t.axis
        tensor.quantization = q
    return tensor


def _code(s: Any, name: str) -> Any:
    code = s.OperatorCodeT()
    number = getattr(s.BuiltinOperator, name)
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
    return code


def _operator(s: Any, index: int, op: O) -> Any:
    operator = s.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = index, list(op.inputs), list(op.outputs)
    if op.options:
        options = getattr(s, op.options + "T")()
        for name, value in op.fields.items():
            if not hasattr(options, name):
                raise AttributeError(f"{op.options} has no field {name}")
            setattr(options, name, value)
        operator.builtinOptionsType = getattr(s.BuiltinOptions, op.options)
        operator.builtinOptions = options
    return operator


def _signature(s: Any, names: dict[str, dict[str, int]]) -> Any:
    definition = s.SignatureDefT()
    definition.signatureKey, definition.subgraphIndex = "serving_default", 0

    def entries(given: dict[str, int]) -> list[Any]:
        made = []
        for name, index in given.items():
            entry = s.TensorMapT()
            entry.name, entry.tensorIndex = name, index
            made.append(entry)
        return made

    definition.inputs, definition.outputs = entries(names["inputs"]), entries(names["outputs"])
    return definition


def run_litert(content: bytes, arrays: list[Array], dialect: str) -> list[Array]:
    """The outputs of LiteRT for inputs in the file's order; "xnnpack" is its default, one thread."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_REF if dialect == "litert-reference" else OpResolverType.AUTO
    runtime = Interpreter(model_content=content, experimental_op_resolver_type=kernels, num_threads=1)
    runtime.allocate_tensors()
    for detail, array in zip(runtime.get_input_details(), arrays, strict=True):
        runtime.set_tensor(detail["index"], array)
    runtime.invoke()
    return [runtime.get_tensor(d["index"]) for d in runtime.get_output_details()]
