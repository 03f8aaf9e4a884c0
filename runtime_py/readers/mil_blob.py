"""MIL blob storage: the file of weights beside an ML program, and values of fewer than 8 bits.

Layout (coremltools, mlmodel/src/MILBlob/Blob/StorageFormat.hpp): a header of 64 bytes (count of blobs, version 2);
each blob is a record of 64 bytes (sentinel, type, size in bytes, position of the data, bits of padding) and its data.
All little-endian; an ML program names a blob by the position of its record.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError

Array = NDArray[Any]

SENTINEL = 0xDEADBEEF
VERSION = 2
RECORD_BYTES = 64

NUMBERS: Mapping[str, int] = {
    "float16": 1, "float32": 2, "uint8": 3, "int8": 4, "int16": 6, "uint16": 7, "int4": 8, "uint1": 9, "uint2": 10,
    "uint4": 11, "uint3": 12, "uint6": 13, "int32": 14, "uint32": 15,
}  # fmt: skip
"""Number of each data type in a record."""

BITS: Mapping[str, int] = {"int4": 4, "uint1": 1, "uint2": 2, "uint3": 3, "uint4": 4, "uint6": 6}
"""Types that are packed, by the bits that one value takes."""


@dataclass(frozen=True)
class BlobFile:
    """The bytes of one blob file; `source` names it in errors."""

    data: bytes
    source: str

    def read(self, position: int, dtype: str, shape: tuple[int, ...], place: str) -> Array:
        """The values of the blob whose record is at `position`; packed types come as int8 or uint8.

        Raises ArtifactError, naming `place`, when there is none or it does not hold such a tensor.
        """
        self._check_header()
        if position < RECORD_BYTES or position + RECORD_BYTES > len(self.data):
            raise self._error(f"{place} is at byte {position}, the file has {len(self.data)}")
        sentinel, number, size, start, _ = struct.unpack_from("<IIQQQ", self.data, position)
        if sentinel != SENTINEL:
            raise self._error(f"{place} is at byte {position}, where no blob begins")
        if number != NUMBERS.get(dtype):
            raise self._error(f"{place} is {dtype}, its blob at byte {position} has type number {number}")
        if start + size > len(self.data):
            raise self._error(f"{place} needs bytes {start} to {start + size}, the file has {len(self.data)}")
        return unpacked(memoryview(self.data)[start : start + size], dtype, shape, f"{self.source}: {place}")

    def _check_header(self) -> None:
        if len(self.data) < RECORD_BYTES:
            raise self._error(f"it has {len(self.data)} bytes, fewer than its header")
        (version,) = struct.unpack_from("<I", self.data, 4)
        if version != VERSION:
            raise self._error(f"it has version {version} of the storage format, version {VERSION} is known")

    def _error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.source} cannot be used: {sentence}")


def unpacked(stored: memoryview, dtype: str, shape: tuple[int, ...], place: str) -> Array:
    """An array of stored bytes, which must be exactly as many as it takes; read-only unless the type is packed."""
    if dtype == "string":
        raise ArtifactError(f"{place} is text, stored as if it were numbers")
    bits = BITS.get(dtype)
    count = math.prod(shape)
    needed = -(-count * bits // 8) if bits else count * np.dtype(dtype).itemsize
    if len(stored) != needed:
        raise ArtifactError(f"{place} of type {dtype} and shape {list(shape)} needs {needed} bytes, has {len(stored)}")
    if not bits:
        return np.frombuffer(stored, np.dtype(dtype).newbyteorder("<")).reshape(shape)
    values = bit_fields(np.frombuffer(stored, np.uint8), bits, count)
    # Sign extension of a 4-bit number.
    signed = ((values.astype(np.int8) ^ 8) - 8).astype(np.int8) if dtype == "int4" else values
    return signed.reshape(shape)


def bit_fields(stored: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint8]:
    """`count` numbers of `bits` bits each, packed from the lowest bit of the first byte on."""
    if bits == 8:
        return stored[:count]
    each = np.unpackbits(stored, count=bits * count, bitorder="little").reshape(count, bits)
    whole: NDArray[np.uint8] = np.packbits(each, axis=1, bitorder="little").reshape(count)
    return whole
