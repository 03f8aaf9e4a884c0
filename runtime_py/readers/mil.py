"""ML programs in program form: the types, values and operations of MIL.proto, parsed and not yet understood.

Field numbers are those of coremltools' MIL.proto. Values are numpy arrays, or tuples of strings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.readers.mil_blob import BITS, BlobFile, unpacked
from runtime_py.readers.protobuf import Message

Literal = NDArray[Any] | tuple[str, ...]
"""The value of a constant."""

Blobs = Callable[[str], BlobFile]
"""The blob file of a given name, as the program writes it ("@model_path/weights/weight.bin")."""

DTYPES: Mapping[int, str] = {
    1: "bool", 2: "string", 10: "float16", 11: "float32", 12: "float64", 21: "int8", 22: "int16", 23: "int32",
    24: "int64", 25: "int4", 31: "uint8", 32: "uint16", 33: "uint32", 34: "uint64", 35: "uint4", 36: "uint2",
    37: "uint1", 38: "uint6", 39: "uint3",
}  # fmt: skip
"""Data types by number; bfloat16 and the 8-bit floats are not read."""

LARGEST_TENSOR = 1 << 29
"""Bytes; a tensor that claims more is taken for damage instead of being allocated."""

IMMEDIATES: Mapping[int, str] = {1: "float32", 6: "float64"}
"""Lists of fixed-size numbers in an immediate tensor, by field."""


@dataclass(frozen=True)
class Named:
    """A name with its tensor type."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """One operation: each operand is the name of a value or the value itself; `place` begins every error."""

    type: str
    operands: Mapping[str, tuple[str | Literal, ...]]
    outputs: tuple[Named, ...]
    place: str


@dataclass(frozen=True)
class Function:
    """A function of one block."""

    inputs: tuple[Named, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class MilReader:
    """Reads messages of MIL.proto. Raises ArtifactError with the place for what is damaged or not supported."""

    blobs: Blobs

    def function(self, program: Message) -> Function:
        """The function "main", or the only one."""
        functions = program.mapping(2, "function")
        if len(functions) != 1 and "main" not in functions:
            raise program.error(f"has the functions {', '.join(functions) or 'none'}, but no 'main'")
        function = functions.get("main") or next(iter(functions.values()))
        blocks = function.mapping(3, "block")
        block = blocks.get(function.text(2))
        if block is None:
            raise function.error(f"is for '{function.text(2)}' and has blocks for {', '.join(blocks) or 'nothing'}")
        inputs = tuple(self._named(m) for m in function.messages(1, "input"))
        operations = tuple(self._operation(m) for m in block.messages(3, "operation"))
        return Function(inputs, operations, block.texts(2))

    def _operation(self, message: Message) -> Operation:
        outputs = tuple(self._named(m) for m in message.messages(3, "output"))
        kind = message.text(1)
        place = f"{message.source}, {kind} '{outputs[0].name if outputs else ''}'"
        operands: dict[str, tuple[str | Literal, ...]] = {
            key: (self._value(value, f"{place}, {key}"),)
            for key, value in message.mapping(5, "attribute").items()
            if key != "name"
        }
        for key, argument in message.mapping(2, "operand").items():
            operands[key] = tuple(self._binding(m, f"{place}, {key}") for m in argument.messages(1, "binding"))
        return Operation(kind, operands, outputs, place)

    def _binding(self, message: Message, place: str) -> str | Literal:
        return message.text(1) if message.has(1) else self._value(message.required(2, "a value"), place)

    def _named(self, message: Message) -> Named:
        return self._typed(message.text(1), message.required(2, "its type"))

    def _typed(self, name: str, message: Message) -> Named:
        tensor = message.message(1, f"the type of '{name}'")
        if tensor is None:
            raise message.error(f"of '{name}' is no tensor (a list, tuple or state), which is not supported")
        code = tensor.integer(1)
        if code not in DTYPES:
            raise tensor.error(f"is number {code}; supported are {', '.join(DTYPES.values())}")
        shape = tuple(self._dimension(m, name) for m in tensor.messages(3, f"size of '{name}'"))
        size = 1 if DTYPES[code] in BITS or DTYPES[code] == "string" else np.dtype(DTYPES[code]).itemsize
        if len(shape) > 8 or math.prod(shape) * size > LARGEST_TENSOR:
            raise tensor.error(f"has the impossible shape {list(shape)}")
        return Named(name, DTYPES[code], shape)

    def _dimension(self, message: Message, name: str) -> int:
        constant = message.message(1, f"a size of '{name}'")
        if constant is None:
            raise message.error("is flexible; only fixed shapes are supported: convert the model with fixed inputs")
        size = constant.integer(1)
        if not 0 <= size <= LARGEST_TENSOR:
            raise constant.error(f"is {size}")
        return size

    def _value(self, message: Message, place: str) -> Literal:
        kind = self._typed(place, message.required(2, "its type"))
        blob = message.message(5, f"the blob of {place}")
        if blob is not None:
            return self.blobs(blob.text(1)).read(blob.integer(2), kind.dtype, kind.shape, place)
        tensor = message.required(3, "a value").message(1, f"the tensor of {place}")
        if tensor is None:
            raise message.error(f"({place}) is no tensor, which is not supported")
        return self._immediate(tensor, kind, place)

    def _immediate(self, message: Message, kind: Named, place: str) -> Literal:
        if message.has(7):
            stored = message.required(7, "bytes").data(1)
            return unpacked(stored, kind.dtype, kind.shape, place)
        if message.has(4):
            return message.required(4, "strings").texts(1)
        values: NDArray[Any] = np.empty(0)
        for field, dtype in IMMEDIATES.items():
            if message.has(field):
                values = message.required(field, dtype).numbers(1, dtype)
        for field in (2, 3, 5):
            if message.has(field):
                values = message.required(field, "integers").integers(1)
        if values.size != math.prod(kind.shape):
            raise message.error(f"({place}) has {values.size} values for the shape {list(kind.shape)}")
        if kind.dtype == "string" or kind.dtype in BITS:
            raise message.error(f"({place}) holds numbers as {kind.dtype}")
        with np.errstate(all="ignore"):
            return values.astype(kind.dtype).reshape(kind.shape)
