"""A bounds-checked view of Protocol Buffers bytes: scalars, strings, sub-messages and lists by field number.

Wire format ("Encoding" in the Protocol Buffers documentation): a message is a run of (tag, value); the tag is a varint
of `field number << 3 | wire type`; a value is a varint, 8 bytes, a length followed by so many bytes, or 4 bytes.
Numbers of a list stand one by one or packed into one value. Nothing is copied but what is asked for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

DEEPEST = 64
"""Levels of messages within messages; more is taken for damage."""

MOST_FIELDS = 1 << 22
"""Values in one message; more is taken for damage, since each takes Python time."""

Raw = int | memoryview
"""A varint as stored (below 2**64), or the bytes of any other value."""


@dataclass(frozen=True)
class _Value:
    wire: int
    raw: Raw


class Message:
    """One message. A field that is absent gives the default, of repeated single values the last counts.

    `place` names the message in errors, `source` the file. Raises ArtifactError where the bytes break off or have an
    unknown wire type.
    """

    def __init__(self, data: bytes | memoryview, source: str, place: str = "the file", depth: int = 0) -> None:
        self.source = source
        self.place = place
        self._depth = depth
        self._bytes = memoryview(data)
        if depth > DEEPEST:
            raise self.error(f"lies more than {DEEPEST} messages deep")
        self._fields: dict[int, list[_Value]] = {}
        position, count = 0, 0
        while position < len(self._bytes):
            tag, position = self._varint(position)
            field, wire = tag >> 3, tag & 7
            if field == 0:
                raise self.error(f"has field number 0 at byte {position}")
            raw, position = self._raw(field, wire, position)
            self._fields.setdefault(field, []).append(_Value(wire, raw))
            count += 1
            if count > MOST_FIELDS:
                raise self.error(f"has more than {MOST_FIELDS} values")

    def has(self, field: int) -> bool:
        """Whether the field is stored; tells members of a "oneof" apart."""
        return field in self._fields

    def integer(self, field: int, default: int = 0) -> int:
        """A field of an integer type (not "sint" and not "fixed"), a boolean or an enumeration."""
        raw = self._last(field, VARINT)
        if raw is None:
            return default
        value = int(raw) if isinstance(raw, int) else 0
        return value - (1 << 64) if value >> 63 else value

    def boolean(self, field: int, default: bool = False) -> bool:
        """A boolean field."""
        return self.integer(field, int(default)) != 0

    def real(self, field: int, default: float = 0.0) -> float:
        """A float field."""
        raw = self._last(field, FIXED32)
        return default if raw is None or isinstance(raw, int) else float(struct.unpack("<f", raw)[0])

    def double(self, field: int, default: float = 0.0) -> float:
        """A double field."""
        raw = self._last(field, FIXED64)
        return default if raw is None or isinstance(raw, int) else float(struct.unpack("<d", raw)[0])

    def data(self, field: int) -> memoryview:
        """A bytes field as a view over the file, empty when absent."""
        raw = self._last(field, BYTES)
        return raw if isinstance(raw, memoryview) else memoryview(b"")

    def text(self, field: int) -> str:
        """A string field, empty when absent; bytes that are not UTF-8 are shown as replacement characters."""
        return bytes(self.data(field)).decode("utf-8", errors="replace")

    def texts(self, field: int) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(bytes(raw).decode("utf-8", errors="replace") for raw in self.datas(field))

    def datas(self, field: int) -> tuple[memoryview, ...]:
        """A list of bytes fields, as views over the file."""
        return tuple(raw for raw in self._all(field, BYTES) if isinstance(raw, memoryview))

    def message(self, field: int, place: str) -> Message | None:
        """A sub-message, None when absent."""
        raw = self._last(field, BYTES)
        return Message(raw, self.source, place, self._depth + 1) if isinstance(raw, memoryview) else None

    def required(self, field: int, place: str) -> Message:
        """A sub-message; raises ArtifactError when it is absent."""
        found = self.message(field, place)
        if found is None:
            raise self.error(f"lacks {place}")
        return found

    def messages(self, field: int, place: str) -> tuple[Message, ...]:
        """A list of sub-messages; element i is called "`place` i"."""
        raws = self.datas(field)
        return tuple(Message(raw, self.source, f"{place} {i}", self._depth + 1) for i, raw in enumerate(raws))

    def mapping(self, field: int, place: str) -> dict[str, Message]:
        """A map from strings to messages; an entry is called "`place` 'key'"."""
        entries = {entry.text(1): entry for entry in self.messages(field, place)}
        found = {key: entry.message(2, f"{place} '{key}'") for key, entry in entries.items()}
        return {
            key: Message(b"", self.source, f"{place} '{key}'", self._depth + 1) if value is None else value
            for key, value in found.items()
        }

    def integers(self, field: int) -> NDArray[np.int64]:
        """A list of integers (not "sint" and not "fixed"), packed or not."""
        parts = []
        for value in self._fields.get(field, []):
            if isinstance(value.raw, memoryview) and value.wire == BYTES:
                parts.append(self._unpacked(field, value.raw))
            elif isinstance(value.raw, int):
                parts.append(np.array([value.raw], np.uint64).view(np.int64))
            else:
                raise self._mismatch(field, value.wire)
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def numbers(self, field: int, dtype: str) -> NDArray[Any]:
        """A list of fixed-size numbers ("float32", "float64", "int64", …), packed or not; read-only."""
        stored = np.dtype(dtype).newbyteorder("<")
        wire = FIXED32 if stored.itemsize == 4 else FIXED64
        raws = []
        for value in self._fields.get(field, []):
            if value.wire not in (BYTES, wire) or not isinstance(value.raw, memoryview):
                raise self._mismatch(field, value.wire)
            if len(value.raw) % stored.itemsize:
                raise self.error(f"has {len(value.raw)} bytes of {dtype} in field {field}")
            raws.append(value.raw)
        return np.frombuffer(raws[0] if len(raws) == 1 else b"".join(raws), stored)

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.source} cannot be used: {self.place} {sentence}")

    def _last(self, field: int, wire: int) -> Raw | None:
        values = self._fields.get(field)
        if not values:
            return None
        if values[-1].wire != wire:
            raise self._mismatch(field, values[-1].wire)
        return values[-1].raw

    def _all(self, field: int, wire: int) -> list[Raw]:
        values = self._fields.get(field, [])
        for value in values:
            if value.wire != wire:
                raise self._mismatch(field, value.wire)
        return [value.raw for value in values]

    def _mismatch(self, field: int, wire: int) -> ArtifactError:
        return self.error(f"has field {field} in wire type {wire}, which is not its own")

    def _raw(self, field: int, wire: int, position: int) -> tuple[Raw, int]:
        if wire == VARINT:
            return self._varint(position)
        if wire == BYTES:
            size, position = self._varint(position)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise self.error(f"has wire type {wire} in field {field}, which is not supported")
        if position + size > len(self._bytes):
            raise self.error(
                f"is damaged or cut short: field {field} needs bytes {position} to {position + size} of "
                f"{len(self._bytes)}; get or convert the file again"
            )
        return self._bytes[position : position + size], position + size

    def _varint(self, position: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= len(self._bytes):
                raise self.error(f"is damaged or cut short: a number breaks off at byte {position}")
            byte = self._bytes[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & ((1 << 64) - 1), position
        raise self.error(f"is damaged: a number before byte {position} has no end")

    def _unpacked(self, field: int, raw: memoryview) -> NDArray[np.int64]:
        """All varints of a packed list at once."""
        stored = np.frombuffer(raw, np.uint8)
        ends = np.flatnonzero(stored < 0x80)
        if stored.size == 0:
            return np.empty(0, np.int64)
        starts = np.concatenate(([0], ends[:-1] + 1))
        if ends.size == 0 or ends[-1] != stored.size - 1 or int((ends - starts).max()) > 9:
            raise self.error(f"has a damaged list of numbers in field {field}")
        place = np.arange(stored.size) - np.repeat(starts, ends - starts + 1)
        shifted = (stored & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64)
        return np.add.reduceat(shifted, starts).view(np.int64)
