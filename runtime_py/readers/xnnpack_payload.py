"""The payload of an XNNPACK delegate. Field numbers are those of the executorch wheel's XNNPACK runtime_schema.fbs.

The payload is a header ("XH00" at byte 4), a FlatBuffer (`XN00`, `XN01`) and constants; newer files keep the constants
as named data of the program. Images are NHWC and their transposes explicit. The call's arguments are the external
values, inputs first, each in ascending order of external number.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from runtime_py.errors import ArtifactError
from runtime_py.program import Quant, Tensor
from runtime_py.readers.assembly import LARGEST_TENSOR, Assembly, grid
from runtime_py.readers.flatbuffer import FlatBuffer, Table
from runtime_py.readers.pte_calls import Externals

DATATYPES = {
    1: "float32", 3: "int8", 5: "int32", 6: "int8", 7: "int32", 9: "dynamic int8", 12: "int32",
}  # fmt: skip
"""xnn_datatype: fp32, qint8, qint32, qcint8 and qcint32 (per channel), qdint8 (at run time), int32."""

PER_CHANNEL, PER_TENSOR, PER_ROW = 1, 2, 3
INPUT, OUTPUT = 1, 2
NONE = (1 << 32) - 1
"""The number of a value that is absent."""


@dataclass(frozen=True)
class Value:
    """One value of the graph as stored; `shape` is in memory order, `external` NONE for inner values."""

    number: int
    datatype: str
    shape: tuple[int, ...]
    constant: int
    external: int
    flags: int
    quant_kind: int
    quant: Table | None


class Payload:
    """Header, FlatBuffer and constants."""

    def __init__(self, data: bytes, named_data: Mapping[str, memoryview], where: str, source: str) -> None:
        self._named_data = named_data
        self._where, self._source = where, source
        start, size, self._constants = 0, len(data), memoryview(b"")
        if data[4:8] == b"XH00":
            if len(data) < 30:
                raise self._error("has a header that is cut short")
            start, size, offset, length = struct.unpack_from("<IIIQ", data, 10)
            self._constants = memoryview(data)[offset : offset + length]
        if start + size > len(data) or data[start + 4 : start + 6] != b"XN":
            raise self._error("is not an XNNPACK graph, or cut short")
        self.graph = FlatBuffer(data[start : start + size], f"{source}, {where}").root()
        self._entries = self.graph.tables(8, "constant")
        self._buffers = self.graph.tables(6, "constant buffer")

    def constant(self, index: int, size: int, place: str) -> memoryview:
        """The first `size` bytes of a constant, which must be all of it but for padding."""
        if index >= max(len(self._entries), len(self._buffers)):
            raise self._error(f"has {place} in constant {index}, there are {len(self._entries) or len(self._buffers)}")
        if not self._entries:
            found = memoryview(self._buffers[index].numbers(0, "uint8").data)
        else:
            entry = self._entries[index]
            key, offset = entry.text(2), entry.integer(0, "Q")
            if key and key not in self._named_data:
                raise self._error(f"has {place} under the key '{key[:80]}', which the file does not hold")
            found = self._named_data[key] if key else self._constants[offset:]
        if len(found) < size:
            raise self._error(f"has {place} of {size} bytes, its constant has {len(found)}")
        return found[:size]

    def values(self) -> dict[int, Value]:
        """All values by number."""
        values = (self._value(t) for t in self.graph.tables(2, "value"))
        return {value.number: value for value in values}

    def _value(self, table: Table) -> Value:
        content = table.table(1, f"the content of {table.place}")
        quant_kind, quant = 0, None
        if content is not None and table.integer(0, "B") == 2:
            quant_kind = content.integer(1, "B")
            quant = content.table(2, f"the quantisation of {table.place}")
            content = content.table(0, f"the tensor of {table.place}")
        if content is None:
            raise self._error(f"has {table.place} without content")
        number, code = content.integer(6, "I"), content.integer(0, "h")
        if code not in DATATYPES:
            raise self._error(f"has value {number} of data type {code}; supported are fp32 and 8-bit quantised values")
        if content.integer(7, "h") not in (0, NONE & 0xFFFF):
            raise self._error(f"quantises value {number} at its boundary, which is not supported")
        shape = tuple(content.numbers(2, "uint32")[:9].tolist())
        external = content.integer(4, "I")
        flags = content.integer(5, "I")
        return Value(
            number, DATATYPES[code], shape, content.integer(3, "I"), external if flags & 3 else NONE, flags,
            quant_kind, quant,
        )  # fmt: skip

    def grid(self, value: Value) -> Quant | None:
        """The grid of a value, None for floats and values that are quantised at run time."""
        place = f"the grid of value {value.number}"
        if value.quant is None or value.datatype not in ("int8", "int32"):
            return None
        if value.quant_kind == PER_TENSOR:
            scale, zero_point = value.quant.real(0), value.quant.integer(1)
            limits = np.iinfo(value.datatype)
            if not (math.isfinite(scale) and scale > 0 and limits.min <= zero_point <= limits.max):
                raise self._error(f"has scale {scale} and zero point {zero_point} as {place}")
            return grid(scale, zero_point)
        if value.quant_kind != PER_CHANNEL:
            raise self._error(f"has {place} of kind {value.quant_kind}, known are one per tensor and one per channel")
        scales, axis = value.quant.numbers(0, "float32"), value.quant.integer(1)
        if not scales.size:
            count = value.quant.integer(3, "I")
            stored = self.constant(value.quant.integer(2, "I"), 4 * min(count, 1 << 24), place)
            scales = np.frombuffer(stored, "<f4")
        if not 0 <= axis < len(value.shape) or scales.size != value.shape[axis]:
            raise self._error(f"has {scales.size} scales along axis {axis} of shape {list(value.shape)} as {place}")
        if not bool(np.all(np.isfinite(scales) & (scales > 0))):
            raise self._error(f"has a scale that is not a positive number in {place}")
        return Quant(scales.astype(np.float32), np.zeros(scales.size, np.int64), axis)

    def _error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self._source} cannot be used: {self._where} {sentence}")


class Graph:
    """The values of a payload as tensors of the Program, made when first asked for."""

    def __init__(self, payload: Payload, externals: Externals) -> None:
        self.where = externals.where
        self.assembly: Assembly = externals.assembly
        self._payload = payload
        self._values = payload.values()
        self._tensors: dict[int, int] = {}
        self.users: dict[int, list[int]] = {}
        """Operations that read each value that is quantised at run time."""
        self._bind(externals)
        self.externals = frozenset(self._tensors.values())

    def _bind(self, externals: Externals) -> None:
        """Inner numbers of the call's arguments."""
        those = [v for v in self._values.values() if v.external != NONE]
        # Inputs come before outputs, since a file numbers them so or numbers them separately.
        those.sort(key=lambda v: (not v.flags & INPUT, v.external))
        if len(those) != len(externals):
            raise self.error(f"has {len(those)} inputs and outputs, it is called with {len(externals)} arguments")
        for position, value in enumerate(those):
            index = externals.argument(position, is_read=bool(value.flags & INPUT))
            quant = self._payload.grid(value)
            given = self.assembly[index]
            if given.shape != value.shape and math.prod(given.shape) != 1:
                raise self.error(f"expects shape {list(value.shape)} as argument {position}, given {list(given.shape)}")
            if given.dtype != value.datatype:
                raise self.error(f"expects {value.datatype} as argument {position}, given is {given.dtype}")
            if quant is not None:
                self.assembly.set_grid(index, quant, self.where)
            self._tensors[value.number] = index

    def tensor(self, number: int) -> int:
        """The Program's number of a value that has been written, or of a constant."""
        if number not in self._tensors:
            self._tensors[number] = self._made(self.value(number))
        return self._tensors[number]

    def output(self, number: int, shape: Callable[[Tensor], tuple[int, ...]]) -> int:
        """The Program's number of a value that a node writes; `shape` infers its shape from one with the stored shape.

        Files store the shapes of inner values carelessly (some NCHW for what lies as NHWC), since XNNPACK infers them.
        """
        if number not in self._tensors:
            value = self.value(number)
            stored = Tensor(f"{self.where}:{number}", value.shape, value.datatype, self._payload.grid(value))
            if value.constant or value.datatype not in ("float32", "int8", "int32"):
                raise self.error(f"writes value {number}, which is a constant or quantised at run time")
            self._tensors[number] = self.assembly.tensor(stored.name, shape(stored), stored.dtype, stored.quant)
        return self._tensors[number]

    def value(self, number: int) -> Value:
        if number not in self._values:
            raise self.error(f"names value {number}, which it does not have")
        return self._values[number]

    def note_user(self, number: int) -> None:
        """States that the next operation reads a value, which may be one that is quantised at run time."""
        if self.value(number).datatype == "dynamic int8":
            self.users.setdefault(number, []).append(len(self.assembly.ops))

    def alias(self, number: int, index: int) -> None:
        """Lets a value that is quantised at run time stand for the floats that it is made from."""
        self._tensors[number] = index

    def error(self, sentence: str) -> ArtifactError:
        return self.assembly.error(f"{self.where} {sentence}")

    def _made(self, value: Value) -> int:
        name = f"{self.where}:{value.number}"
        if value.constant == 0 or value.datatype not in ("float32", "int8", "int32"):
            raise self.error(f"reads value {value.number} before anything writes it")
        size = math.prod(value.shape) * np.dtype(value.datatype).itemsize
        # Sizes are bounded even where one of them is 0, which numpy multiplies all the same.
        if len(value.shape) > 8 or math.prod(max(n, 1) for n in value.shape) * 4 > LARGEST_TENSOR:
            raise self.error(f"has the impossible shape {list(value.shape)} in value {value.number}")
        stored = self._payload.constant(value.constant, size, f"value {value.number}")
        data = np.frombuffer(stored, np.dtype(value.datatype).newbyteorder("<")).reshape(value.shape)
        return self.assembly.constant(name, data, self._payload.grid(value))
