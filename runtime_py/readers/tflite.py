"""`.tflite` files into `Program`s. Field numbers are those of TFLite's schema.fbs, version 3."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError
from runtime_py.program import Op, Program, Quant, Tensor
from runtime_py.readers.flatbuffer import FlatBuffer, Table
from runtime_py.readers.tflite_ops import BUILTIN_NAMES, BUILTINS
from runtime_py.readers.tflite_source import OpSource

DTYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8", 10: "float64",
    12: "uint64", 15: "uint32", 16: "uint16",
}  # fmt: skip
"""Tensor types by their number in the schema; strings, resources and sub-byte types are not read."""

LARGEST_TENSOR = 1 << 29
"""Bytes; an activation that claims more is taken for damage instead of being allocated."""


def read_tflite(data: bytes, source: str) -> Program:
    """The first subgraph of a `.tflite` file as a Program; `source` names the file in errors.

    Inputs and outputs are called as in the file's signature where it has one, otherwise as their tensors; names that
    occur twice get "#" and the tensor's number. Metadata is the file's own, name to bytes. Raises ArtifactError with
    the place for anything damaged, foreign or not supported.
    """
    buffer = FlatBuffer(data, source)
    if buffer.identifier() != b"TFL3":
        raise ArtifactError(f"{source} is not a .tflite file: bytes 4 to 8 are {buffer.identifier()!r}, not b'TFL3'")
    return _Reader(buffer).program()


class _Reader:
    def __init__(self, buffer: FlatBuffer) -> None:
        self._data, self._source = buffer.data, buffer.source
        self._buffer = buffer
        self._model = buffer.root()
        subgraphs = self._model.tables(2, "subgraph")
        if not subgraphs:
            raise self._error("it has no subgraph")
        self._graph = subgraphs[0]
        self._buffers = self._model.tables(4, "buffer")
        self._codes = tuple(_builtin_code(t) for t in self._model.tables(1, "operator code"))

    def program(self) -> Program:
        tensors = tuple(self._tensor(i, t) for i, t in enumerate(self._graph.tables(0, "tensor")))
        inputs = self._indices(self._graph.numbers(1, "int32"), len(tensors), "the graph's inputs", optional=False)
        outputs = self._indices(self._graph.numbers(2, "int32"), len(tensors), "the graph's outputs", optional=False)
        tables = self._graph.tables(3, "operator")
        self._refuse_unknown(tables)
        ops = tuple(self._op(i, t, tensors) for i, t in enumerate(tables))
        self._check_order(tensors, ops, inputs, outputs)
        named = self._named(tensors, (*inputs, *outputs))
        return Program(named, ops, inputs, outputs, self._metadata(), self._source)

    def _error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self._source} cannot be used: {sentence}")

    def _indices(self, raw: NDArray[Any], count: int, place: str, optional: bool) -> tuple[int, ...]:
        for index in raw.tolist():
            if not (-1 if optional else 0) <= index < count:
                raise self._error(f"{place} name tensor {index}, there are {count}")
        return tuple(raw.tolist())

    def _tensor(self, index: int, table: Table) -> Tensor:
        name = table.text(3)
        place = f"tensor {index} '{name}'"
        code = table.integer(1, "b")
        if code not in DTYPES:
            raise self._error(f"{place} has type number {code}; supported are {', '.join(DTYPES.values())}")
        if table.has(6) or table.boolean(5):
            raise self._error(f"{place} is sparse or variable, which is not supported")
        shape = tuple(int(n) for n in table.numbers(0, "int32"))
        size = math.prod(shape) * np.dtype(DTYPES[code]).itemsize
        # Sizes are bounded even where one of them is 0, which numpy multiplies all the same.
        largest = math.prod(max(n, 1) for n in shape) * np.dtype(DTYPES[code]).itemsize
        if any(n < 0 for n in shape) or len(shape) > 8 or largest > LARGEST_TENSOR:
            raise self._error(f"{place} has the impossible shape {list(shape)}")
        stored = self._stored(table.integer(2, "I"), place)
        data = None
        if stored:
            if len(stored) != size:
                raise self._error(f"{place} of shape {list(shape)} needs {size} bytes, its buffer has {len(stored)}")
            data = np.frombuffer(stored, np.dtype(DTYPES[code]).newbyteorder("<")).reshape(shape)
        quant = self._quant(table.table(4, f"the quantisation of {place}"), DTYPES[code], shape, place)
        return Tensor(name, shape, DTYPES[code], quant, data)

    def _stored(self, index: int, place: str) -> memoryview:
        """The bytes of a buffer: inside the FlatBuffer, or behind it as files above 2 GB have them."""
        if index >= len(self._buffers):
            raise self._error(f"{place} is in buffer {index}, there are {len(self._buffers)}")
        table = self._buffers[index]
        offset, size = table.integer(1, "Q"), table.integer(2, "Q")
        if offset > 1:
            self._buffer.require(offset, size, f"the data of {place}")
            return memoryview(self._data)[offset : offset + size]
        return memoryview(table.numbers(0, "uint8").data)

    def _quant(self, table: Table | None, dtype: str, shape: tuple[int, ...], place: str) -> Quant | None:
        if table is None:
            return None
        scale, zero_point = table.numbers(2, "float32"), table.numbers(3, "int64")
        if scale.size == 0 or dtype not in ("int8", "uint8", "int16", "int32"):
            return None
        if not bool(np.all(np.isfinite(scale) & (scale > 0))):
            if dtype == "int32":
                return None
            raise self._error(f"{place} has a scale that is not a positive number")
        if zero_point.size == 0:
            zero_point = np.zeros(scale.size, np.int64)
        axis = table.integer(6)
        per_channel = scale.size > 1
        if zero_point.size != scale.size or (per_channel and not 0 <= axis < len(shape)):
            raise self._error(f"{place} has {scale.size} scales, {zero_point.size} zero points and axis {axis}")
        if per_channel and shape[axis] != scale.size:
            raise self._error(f"{place} of shape {list(shape)} has {scale.size} scales along axis {axis}")
        limits = np.iinfo(dtype)
        if bool(np.any((zero_point < limits.min) | (zero_point > limits.max))):
            raise self._error(f"{place} has a zero point outside {dtype}")
        return Quant(scale.astype(np.float32), zero_point.astype(np.int64), axis if per_channel else 0)

    def _refuse_unknown(self, tables: tuple[Table, ...]) -> None:
        unknown = []
        for i, table in enumerate(tables):
            code = table.integer(0, "I")
            if code >= len(self._codes):
                raise self._error(f"operator {i} has code {code}, there are {len(self._codes)}")
            number, custom = self._codes[code]
            if number not in BUILTINS:
                unknown.append(custom or BUILTIN_NAMES.get(number, f"number {number}"))
        if unknown:
            known = ", ".join(b.name for b in BUILTINS.values())
            raise self._error(f"it uses {', '.join(sorted(set(unknown)))}; operators that are known: {known}")

    def _op(self, index: int, table: Table, tensors: tuple[Tensor, ...]) -> Op:
        builtin = BUILTINS[self._codes[table.integer(0, "I")][0]]
        place = f"operator {index} ({builtin.name})"
        inputs = self._indices(table.numbers(1, "int32"), len(tensors), f"the inputs of {place}", optional=True)
        outputs = self._indices(table.numbers(2, "int32"), len(tensors), f"the outputs of {place}", optional=False)
        options = None
        kind_of_options = table.integer(3, "B")
        if builtin.options and kind_of_options not in (0, builtin.options):
            raise self._error(f"{place} carries the options of another operator (number {kind_of_options})")
        if builtin.options and kind_of_options:
            options = table.table(4, f"the options of {place}")
        source = OpSource(f"{self._source}, {place}", options, inputs, outputs, tensors)
        kept, attrs = builtin.decode(source)
        return Op(builtin.kind, kept, outputs, attrs, place)

    def _check_order(
        self, tensors: tuple[Tensor, ...], ops: tuple[Op, ...], inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> None:
        """Every tensor must be written once, before it is read."""
        written = {*inputs, *(i for i, t in enumerate(tensors) if t.data is not None), -1}
        for op in ops:
            missing = set(op.inputs) - written
            if missing:
                raise self._error(f"{op.where} reads tensor {min(missing)} before anything writes it")
            again = written & set(op.outputs)
            if again or len(set(op.outputs)) != len(op.outputs):
                raise self._error(f"{op.where} writes tensor {min(again or set(op.outputs))} a second time")
            written |= set(op.outputs)
        if not outputs or set(outputs) - written:
            raise self._error("its outputs are never written")

    def _named(self, tensors: tuple[Tensor, ...], first: tuple[int, ...]) -> tuple[Tensor, ...]:
        wanted = signature_names(self._model)
        order = [*dict.fromkeys(first), *(i for i in range(len(tensors)) if i not in set(first))]
        names: dict[int, str] = {}
        taken: set[str] = set()
        for i in order:
            name = wanted.get(i, tensors[i].name)
            names[i] = f"{name}#{i}" if name in taken or not name else name
            taken.add(names[i])
        return tuple(replace(tensor, name=names[i]) for i, tensor in enumerate(tensors))

    def _metadata(self) -> dict[str, bytes]:
        entries = self._model.tables(6, "metadata entry")
        return {t.text(0): bytes(self._stored(t.integer(1, "I"), t.place)) for t in entries}


def signature_names(model: Table) -> dict[int, str]:
    """Tensor number to name, from the first signature of the first subgraph; empty when the file has none."""
    for signature in model.tables(7, "signature"):
        if signature.integer(4, "I") == 0:
            entries = (*signature.tables(0, "signature input"), *signature.tables(1, "signature output"))
            return {t.integer(1, "I"): t.text(0) for t in entries if t.text(0)}
    return {}


def _builtin_code(table: Table) -> tuple[int, str]:
    """Number and custom name; numbers above 127 are stored in the newer of two fields."""
    return max(table.integer(0, "b"), table.integer(3, "i")), table.text(1)
