"""Sound artifacts damaged on purpose: bytes anywhere, and the very numbers that a reader goes by."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from runtime_py.errors import ArtifactError
from runtime_py.readers.flatbuffer import FlatBuffer, Number

Field = tuple[int, int]
"""Position and size of a number that says how the rest is to be read."""


@dataclass(frozen=True)
class Seed:
    """One file of a sound artifact: its bytes and the places of its structural numbers."""

    name: str
    content: bytes
    fields: tuple[Field, ...]


def mutated(rng: random.Random, seed: Seed, others: Sequence[Seed]) -> bytes:
    """The seed's bytes after one to three mutations."""
    data = bytearray(seed.content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        mutation = rng.choices(MUTATIONS, WEIGHTS)[0]
        mutation(rng, data, seed, others)
        if not data:
            break
    return bytes(data)


def _flip_bytes(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)


def _flip_bit(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_field(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    """A number that the reader goes by (an offset, a length, a size, a type) becomes an awkward one."""
    if not seed.fields:
        return
    for _ in range(rng.randint(1, 3)):
        position, size = rng.choice(seed.fields)
        old = int.from_bytes(data[position : position + size], "little")
        value = _awkward(rng, old, size, len(data))
        data[position : position + size] = (value % (1 << (8 * size))).to_bytes(size, "little")


def _awkward(rng: random.Random, old: int, size: int, length: int) -> int:
    bits = 8 * size
    largest = (1 << bits) - 1
    near = (old + 1, old - 1, old + 4, old - 4, old * 2, old << 8)
    ends = (0, 1, largest, largest >> 1, (largest >> 1) + 1, length, length - old)
    return rng.choice(
        (*near, *ends, rng.randrange(256), rng.randrange(1 << 16), rng.randrange(1 << bits), 1 << rng.randrange(bits))
    )


def _swap_fields(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    """Two numbers change places."""
    if len(seed.fields) < 2:
        return
    (first, size), (second, other_size) = rng.choice(seed.fields), rng.choice(seed.fields)
    size = min(size, other_size)
    kept = data[first : first + size]
    data[first : first + size] = data[second : second + size]
    data[second : second + size] = kept


def _set_word(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    """A word at a multiple of four becomes an awkward number."""
    if len(data) >= 4:
        position = 4 * rng.randrange(len(data) // 4)
        old = int.from_bytes(data[position : position + 4], "little")
        data[position : position + 4] = (_awkward(rng, old, 4, len(data)) % (1 << 32)).to_bytes(4, "little")


def _cut(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 2, 4, 8, rng.randrange(1, 64)))]


def _repeat(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    start = rng.randrange(len(data))
    chunk = data[start : start + rng.choice((1, 4, 8, rng.randrange(1, 256)))]
    data[start:start] = chunk * rng.choice((1, 1, 2, 16))


def _splice(rng: random.Random, data: bytearray, seed: Seed, others: Sequence[Seed]) -> None:
    """The rest, or a piece, comes from another artifact."""
    other = rng.choice(others).content
    start = rng.randrange(len(data))
    if rng.random() < 0.5:
        data[start:] = other[min(start, len(other)) :]
    else:
        begin = rng.randrange(len(other))
        piece = other[begin : begin + rng.randrange(1, 200)]
        data[start : start + len(piece)] = piece


Mutation = Callable[[random.Random, bytearray, Seed, Sequence[Seed]], None]

MUTATIONS: tuple[Mutation, ...] = (
    _set_field, _swap_fields, _set_word, _flip_bytes, _flip_bit, _cut, _remove, _repeat, _splice,
)  # fmt: skip
WEIGHTS = (10, 3, 3, 3, 2, 1, 1, 1, 1)
"""How often each is drawn."""


def flatbuffer_seed(name: str, content: bytes, read: Callable[[bytes, str], object]) -> Seed:
    """A seed whose structural numbers are all those that `read` looked at."""
    with _recorded() as seen:
        read(content, name)
    fields = set()
    for data, position, size in seen:
        # A payload inside the file is a buffer of its own.
        start = 0 if data is content else content.find(data)
        if start >= 0:
            fields.add((start + position, size))
    return Seed(name, content, tuple(sorted(fields)))


@contextmanager
def _recorded() -> Iterator[list[tuple[bytes, int, int]]]:
    seen: list[tuple[bytes, int, int]] = []
    plain = FlatBuffer.number
    sizes = {"b": 1, "B": 1, "?": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8, "d": 8}

    def number(self: FlatBuffer, code: str, position: int, place: str) -> Number:
        seen.append((self.data, position, sizes[code]))
        return plain(self, code, position, place)

    FlatBuffer.number = number  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        FlatBuffer.number = plain  # type: ignore[method-assign]


def protobuf_seed(name: str, content: bytes) -> Seed:
    """A seed whose structural numbers are tags, lengths and integers of messages, as far as bytes read as messages."""
    return Seed(name, content, tuple(sorted(set(_message_fields(content, 0, len(content), 0)))))


def _message_fields(data: bytes, start: int, end: int, depth: int) -> list[Field]:
    """Fields of one message; raises ArtifactError where the bytes are none."""
    fields: list[Field] = []
    position = start
    while position < end:
        tag, after = _varint(data, position, end)
        fields += [(p, 1) for p in range(position, after)]
        position = after
        match tag & 7:
            case 0:
                _, after = _varint(data, position, end)
                fields += [(p, 1) for p in range(position, after)]
            case 1:
                after = position + 8
                fields.append((position, 8))
            case 5:
                after = position + 4
                fields.append((position, 4))
            case 2:
                length, inner = _varint(data, position, end)
                fields += [(p, 1) for p in range(position, inner)]
                after = inner + length
                if after <= end and depth < 24:
                    fields += _inner_fields(data, inner, after, depth)
            case _:
                raise ArtifactError("not a message")
        if tag >> 3 == 0 or after > end:
            raise ArtifactError("not a message")
        position = after
    return fields


def _inner_fields(data: bytes, start: int, end: int, depth: int) -> list[Field]:
    if end - start > 1 << 16:
        return []
    try:
        return _message_fields(data, start, end, depth + 1)
    except ArtifactError:
        # Text or packed numbers.
        return [(start, 1)] if end > start else []


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position
    raise ArtifactError("not a message")
