"""The values of an ExecuTorch execution plan. Field numbers are those of ExecuTorch's program.fbs (`ET12`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from runtime_py.errors import ArtifactError
from runtime_py.readers.assembly import LARGEST_TENSOR, Assembly
from runtime_py.readers.flatbuffer import Table

SCALAR_TYPES = {
    0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64", 11: "bool",
}  # fmt: skip
"""Tensor types by their number in scalar_type.fbs; the others are not read."""

NULL, INT, BOOL, DOUBLE, TENSOR, STRING, INTS, DOUBLES, BOOLS, TENSORS, OPTIONAL_TENSORS = range(1, 12)

LONGEST_LIST = 1 << 12
"""Numbers in one list of an operator's arguments; more is taken for damage."""

Stored = Callable[[int, int, str], memoryview]
"""(constant number, bytes, place) to the constant's bytes."""

Place = tuple[int, int]
"""Number of a planned buffer, and byte offset in it."""

Scalar = int | float | bool | str | None


@dataclass(frozen=True)
class TensorValue:
    """A tensor of the plan: its number in the Program, and the order in which its axes lie in memory.

    `place` is the planned memory that it lies in, None when the caller or the file provides it.
    """

    index: int
    order: tuple[int, ...]
    place: Place | None


class Values:
    """The value table of one plan. Tensors enter the assembly when they are first asked for."""

    def __init__(self, tables: tuple[Table, ...], assembly: Assembly, stored: Stored) -> None:
        self._tables = tables
        self._assembly = assembly
        self._stored = stored
        self._tensors: dict[int, TensorValue] = {}
        self._places: dict[int, Place] = {}
        self._holders: dict[Place, int] = {}

    def kind(self, index: int, where: str) -> int:
        return self._table(index, where).integer(0, "B")

    def is_null(self, index: int, where: str) -> bool:
        return self.kind(index, where) == NULL

    def tensor(self, index: int, where: str) -> TensorValue:
        """Raises ArtifactError when the value is not a tensor that can be read."""
        if index not in self._tensors:
            made = self._read_tensor(index, self._content(index, where, TENSOR))
            self._tensors[index] = made
            if made.place is not None:
                self._places[made.index] = made.place
        return self._tensors[index]

    def readable(self, index: int, where: str) -> TensorValue:
        """As `tensor`, for a tensor that is about to be read.

        ExecuTorch leaves out views: what they show lies, under another shape, where the last tensor was written.
        """
        value = self.tensor(index, where)
        base = None if value.place is None else self._holders.get(value.place)
        if base is None or self._assembly.is_written(value.index):
            return value
        quant = self._assembly[base].quant
        if quant is not None:
            self._assembly.set_grid(value.index, quant, where)
        self._assembly.op("reshape", (base,), (value.index,), f"the view of value {index}")
        return value

    def note_written(self, indices: Iterable[int]) -> None:
        """States which of the Program's tensors lie in their places from now on."""
        for index in indices:
            if index in self._places:
                self._holders[self._places[index]] = index

    def scalar(self, index: int, where: str) -> Scalar:
        """A number, truth value or text; None for the null value."""
        table = self._table(index, where)
        content = table.table(1, f"value {index}")
        kind = table.integer(0, "B")
        if kind == NULL or (content is None and kind in (INT, BOOL, DOUBLE, STRING)):
            return None
        if content is not None:
            if kind == INT:
                return content.integer(0, "q")
            if kind == BOOL:
                return content.boolean(0)
            if kind == DOUBLE:
                return content.real(0, code="d")
            if kind == STRING:
                return content.text(0)
        raise self._assembly.error(f"{where} expects a number in value {index}, its kind is {kind}")

    def integers(self, index: int, where: str) -> tuple[int, ...]:
        """A list of integers, whose items are values themselves."""
        items = self._items(index, where, INTS, "int64")
        numbers = [self.scalar(item, where) for item in items]
        if not all(isinstance(n, int) for n in numbers):
            raise self._assembly.error(f"{where} expects integers in the list of value {index}")
        return tuple(int(n) for n in numbers if isinstance(n, int))

    def reals(self, index: int, where: str) -> tuple[float, ...]:
        content = self._content(index, where, DOUBLES)
        return tuple(content.numbers(0, "float64")[:LONGEST_LIST].tolist())

    def tensors(self, index: int, where: str) -> tuple[int, ...]:
        """Numbers in this table of the tensors in a list."""
        return self._items(index, where, TENSORS, "int32")

    def _items(self, index: int, where: str, kind: int, dtype: str) -> tuple[int, ...]:
        items = self._content(index, where, kind).numbers(0, dtype)
        if items.size > LONGEST_LIST:
            raise self._assembly.error(f"{where} has a list of {items.size} values")
        return tuple(items.tolist())

    def _table(self, index: int, where: str) -> Table:
        if not 0 <= index < len(self._tables):
            raise self._assembly.error(f"{where} names value {index}, there are {len(self._tables)}")
        return self._tables[index]

    def _content(self, index: int, where: str, kind: int) -> Table:
        table = self._table(index, where)
        content = table.table(1, f"value {index}")
        if table.integer(0, "B") != kind or content is None:
            raise self._assembly.error(
                f"{where} expects a value of kind {kind} in value {index}, its kind is {table.integer(0, 'B')}"
            )
        return content

    def _read_tensor(self, index: int, table: Table) -> TensorValue:
        place = f"value {index}"
        code = table.integer(0, "b")
        if code not in SCALAR_TYPES:
            raise self._error(f"{place} has scalar type {code}; supported are {', '.join(SCALAR_TYPES.values())}")
        dtype = SCALAR_TYPES[code]
        shape = tuple(table.numbers(2, "int32")[:9].tolist())
        order = tuple(table.numbers(3, "uint8")[:9].tolist()) or tuple(range(len(shape)))
        if sorted(order) != list(range(len(shape))):
            raise self._error(f"{place} of shape {list(shape)} has its axes in the order {list(order)}")
        if table.integer(1) != 0:
            raise self._error(f"{place} starts inside its storage, which is not supported")
        extra = table.table(9, f"the extra information of {place}")
        if extra is not None and extra.integer(2, "b") != 0:
            raise self._error(f"{place} lies in another file (.ptd), which is not supported")
        number = table.integer(5, "I")
        if number == 0:
            return TensorValue(self._assembly.tensor(place, shape, dtype), order, _memory(table))
        if table.has(6):
            raise self._error(f"{place} is a state that is kept between runs, which is not supported")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if any(n < 0 for n in shape) or size > LARGEST_TENSOR:
            raise self._error(f"{place} has the impossible shape {list(shape)}")
        stored = np.frombuffer(self._stored(number, size, place), np.dtype(dtype).newbyteorder("<"))
        data = stored.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))
        return TensorValue(self._assembly.constant(place, data), order, None)

    def _error(self, sentence: str) -> ArtifactError:
        return self._assembly.error(sentence)


def _memory(table: Table) -> Place | None:
    planned = table.table(6, f"the memory of {table.place}")
    if planned is None:
        return None
    return planned.integer(0, "I"), planned.integer(1, "I") + (planned.integer(2, "I") << 32)
