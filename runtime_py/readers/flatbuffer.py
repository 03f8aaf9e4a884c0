"""A bounds-checked view of FlatBuffers bytes: tables, vectors, strings and scalars by field number.

Layout (FlatBuffers "internals" document): a table starts with a signed 32-bit distance back to its vtable; the vtable
holds its own size, the table's size and one 16-bit offset per field (0: the field has its default); references are
unsigned 32-bit distances forward; a vector is a 32-bit count followed by its elements. All little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError

Number = int | float


@dataclass(frozen=True)
class FlatBuffer:
    """Bytes of one FlatBuffer; `source` names the file in errors."""

    data: bytes
    source: str

    def root(self) -> Table:
        """The root table; raises ArtifactError when the bytes cannot hold one."""
        return Table(self, self.follow(0, "the root"), "the root table")

    def identifier(self) -> bytes:
        """The four-byte file identifier, empty when the file is too short to have one."""
        return self.data[4:8]

    def number(self, code: str, position: int, place: str) -> Number:
        """The scalar of `struct` type `code` at a byte position."""
        size = struct.calcsize("<" + code)
        self.require(position, size, place)
        value: Number = struct.unpack_from("<" + code, self.data, position)[0]
        return value

    def follow(self, position: int, place: str) -> int:
        """The byte position that the forward reference at `position` points to."""
        return position + int(self.number("I", position, place))

    def require(self, position: int, size: int, place: str) -> None:
        """Raises ArtifactError unless `size` bytes from `position` lie inside the file."""
        if position < 0 or size < 0 or position + size > len(self.data):
            raise ArtifactError(
                f"{self.source} is damaged or cut short: {place} needs bytes {position} to {position + size}, "
                f"the file has {len(self.data)}; get or convert the file again"
            )


class Table:
    """One table of a FlatBuffer. A field that is absent gives the default; `place` names the table in errors."""

    def __init__(self, buffer: FlatBuffer, position: int, place: str) -> None:
        self.buffer = buffer
        self.place = place
        self._start = position
        self._vtable = position - int(buffer.number("i", position, place))
        self._vtable_size = int(buffer.number("H", self._vtable, f"the vtable of {place}"))
        buffer.require(self._vtable, max(self._vtable_size, 4), f"the vtable of {place}")

    def has(self, field: int) -> bool:
        """Whether the field is stored (and does not merely have its default)."""
        return self._position(field) is not None

    def integer(self, field: int, code: str = "i", default: int = 0) -> int:
        """An integer field of `struct` type `code`."""
        at = self._position(field)
        return default if at is None else int(self.buffer.number(code, at, self._named(field)))

    def real(self, field: int, default: float = 0.0, code: str = "f") -> float:
        """A floating-point field of `struct` type `code`."""
        at = self._position(field)
        return default if at is None else float(self.buffer.number(code, at, self._named(field)))

    def boolean(self, field: int, default: bool = False) -> bool:
        """A boolean field."""
        return self.integer(field, "B", int(default)) != 0

    def text(self, field: int) -> str:
        """A string field, empty when absent; bytes that are not UTF-8 are shown as replacement characters."""
        return self.numbers(field, "uint8").tobytes().decode("utf-8", errors="replace")

    def table(self, field: int, place: str) -> Table | None:
        """A sub-table (or the value of a union), None when absent."""
        at = self._position(field)
        return None if at is None else Table(self.buffer, self.buffer.follow(at, place), place)

    def tables(self, field: int, place: str) -> tuple[Table, ...]:
        """A vector of tables, empty when absent; element i is called "`place` i"."""
        start, count = self._vector(field, 4)
        follow = self.buffer.follow
        return tuple(Table(self.buffer, follow(start + 4 * i, f"{place} {i}"), f"{place} {i}") for i in range(count))

    def numbers(self, field: int, dtype: str) -> NDArray[Any]:
        """A vector of scalars as a read-only array over the file's bytes, empty when absent."""
        stored = np.dtype(dtype).newbyteorder("<")
        start, count = self._vector(field, stored.itemsize)
        return np.frombuffer(self.buffer.data, stored, count, start) if count else np.empty(0, stored)

    def _vector(self, field: int, item_size: int) -> tuple[int, int]:
        at = self._position(field)
        if at is None:
            return 0, 0
        place = self._named(field)
        start = self.buffer.follow(at, place)
        count = int(self.buffer.number("I", start, place))
        self.buffer.require(start + 4, count * item_size, place)
        return start + 4, count

    def _position(self, field: int) -> int | None:
        slot = 4 + 2 * field
        if slot + 2 > self._vtable_size:
            return None
        offset = int(self.buffer.number("H", self._vtable + slot, self._named(field)))
        return self._start + offset if offset else None

    def _named(self, field: int) -> str:
        return f"field {field} of {self.place}"
