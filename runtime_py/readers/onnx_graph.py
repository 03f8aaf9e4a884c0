"""ONNX's protobuf messages as Python values: nodes with attributes, constants, and typed names.

Field numbers are those of onnx.proto, IR version 3 and later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError
from runtime_py.readers.protobuf import Message

DTYPES: Mapping[int, str] = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
"""Element types by their number in onnx.proto; strings, complex and sub-byte types are not read."""

HIGHEST_RANK = 8


@dataclass(frozen=True)
class OnnxNode:
    """One node; an input or output that is left out has the empty name. `where` begins every error."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Message]
    where: str

    def input(self, position: int) -> str:
        """The name of an input that must be there."""
        name = self.optional(position)
        if not name:
            raise self.error(f"has no input {position}")
        return name

    def optional(self, position: int) -> str:
        """The name of an input, empty when it is left out."""
        return self.inputs[position] if position < len(self.inputs) else ""

    @property
    def output(self) -> str:
        if not self.outputs or not self.outputs[0]:
            raise self.error("has no output")
        return self.outputs[0]

    def has(self, name: str) -> bool:
        return name in self.attributes

    def integer(self, name: str, default: int = 0) -> int:
        return self.attributes[name].integer(3) if name in self.attributes else default

    def real(self, name: str, default: float = 0.0) -> float:
        return self.attributes[name].real(2) if name in self.attributes else default

    def text(self, name: str, default: str = "") -> str:
        return self.attributes[name].text(4) if name in self.attributes else default

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers, None when the attribute is absent."""
        return tuple(self.attributes[name].integers(8).tolist()) if name in self.attributes else None

    def reals(self, name: str) -> tuple[float, ...]:
        """A list of floats, empty when the attribute is absent."""
        return tuple(self.attributes[name].numbers(7, "float32").tolist()) if name in self.attributes else ()

    def tensor(self, name: str) -> NDArray[Any] | None:
        """A constant, None when the attribute is absent."""
        if name not in self.attributes:
            return None
        return array_of(self.attributes[name].required(5, f"attribute '{name}' of {self.where}"))

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.where} {sentence}")


def nodes_of(graph: Message) -> tuple[OnnxNode, ...]:
    """The nodes in the file's order; those of another domain than ONNX's are called "domain.kind"."""
    return tuple(_node(i, message) for i, message in enumerate(graph.messages(1, "node")))


def _node(index: int, message: Message) -> OnnxNode:
    domain = message.text(7)
    kind = message.text(4) if domain in ("", "ai.onnx") else f"{domain}.{message.text(4)}"
    where = f"{message.source}, node {index} ({kind})"
    attributes = {a.text(1): a for a in message.messages(5, f"attribute of node {index} ({kind}) number")}
    return OnnxNode(kind, message.texts(1), message.texts(2), attributes, where)


def array_of(message: Message) -> NDArray[Any]:
    """A TensorProto's values: a view of the file where they are stored raw."""
    code = message.integer(2)
    if code not in DTYPES:
        raise message.error(f"has element type number {code}; supported are {', '.join(DTYPES.values())}")
    if message.integer(14) or message.has(13):
        raise message.error("is stored in another file, which is not supported: save the model with its data inside")
    dtype = np.dtype(DTYPES[code])
    shape = tuple(message.integers(1).tolist())
    if len(shape) > HIGHEST_RANK or any(n < 0 for n in shape):
        raise message.error(f"has the impossible shape {list(shape)}")
    values = _raw(message, dtype) if message.has(9) else _typed(message, dtype)
    if values.size != math.prod(shape):
        raise message.error(f"of shape {list(shape)} has {values.size} values")
    return values.reshape(shape)


def single(values: NDArray[Any]) -> NDArray[Any]:
    """Half floats as float32, anything else as it is."""
    return values.astype(np.float32) if values.dtype == np.float16 else values


def _raw(message: Message, dtype: np.dtype[Any]) -> NDArray[Any]:
    data = message.data(9)
    if len(data) % dtype.itemsize:
        raise message.error(f"has {len(data)} bytes of {dtype}")
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False)


def _typed(message: Message, dtype: np.dtype[Any]) -> NDArray[Any]:
    match dtype.name:
        case "float32":
            return message.numbers(4, "float32")
        case "float64":
            return message.numbers(10, "float64")
        case "int64":
            return message.integers(7)
        case "uint32" | "uint64":
            return message.integers(11).astype(dtype)
        case "float16":
            return message.integers(5).astype(np.uint16).view(np.float16)
        case _:
            return message.integers(5).astype(dtype)


@dataclass(frozen=True)
class Port:
    """An input or output of the graph; sizes that the file leaves open are -1, an unknown shape is None."""

    name: str
    dtype: str
    shape: tuple[int, ...] | None


def port_of(message: Message) -> Port:
    """A ValueInfoProto; only tensors are read."""
    name = message.text(1)
    kind = message.required(2, "its type")
    tensor = kind.message(1, f"the type of '{name}'")
    if tensor is None:
        raise message.error(f"'{name}' is not a tensor")
    code = tensor.integer(1)
    if code not in DTYPES:
        raise message.error(f"'{name}' has element type number {code}; supported are {', '.join(DTYPES.values())}")
    shape = tensor.message(2, f"the shape of '{name}'")
    sizes = None if shape is None else tuple(_size(d) for d in shape.messages(1, f"size of '{name}' number"))
    return Port(name, DTYPES[code], sizes)


def _size(dimension: Message) -> int:
    return dimension.integer(1) if dimension.has(1) else -1
