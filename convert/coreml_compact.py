"""The protobuf of an ML program and its blob file, brought to their least size: the same operations and numbers.

coremltools keeps every list of ten numbers and more in the blob file, where it takes 64 bytes of record and is padded
to 64, names every operation once more in an attribute, and gives every constant a speaking name of its own. A student
of 99 thousand parameters has 60 such lists and 230 operations. What is left away here, others leave away in what runs
on Core ML: Chromium's WebNN (services/webnn/coreml/graph_builder_coreml.cc) writes no operation's name, and ONNX
Runtime's provider (onnxruntime/core/providers/coreml/builders/model_builder.cc, `AddConstant`) writes lists of any
length into the program; coremltools' loader takes the name for optional.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from runtime_py.errors import DpocketError
from runtime_py.readers.mil_blob import RECORD_BYTES, SENTINEL
from runtime_py.readers.mil_blob import VERSION as BLOB_VERSION

LARGEST_IMMEDIATE = 512
"""Bytes of a float constant up to which it stands in the program: a number for each of 128 channels. Weights stay in
the blob file, which devices map into memory."""

ALIGNMENT = 64

FLOAT16, FLOAT32 = 10, 11
"""Data types of MIL.proto."""


def compact(spec: Any, blobs: bytes) -> bytes:
    """Rewrites `spec` (a Model protobuf with an ML program of one block) in place; returns its new blob file.

    Every tensor keeps its name; constants are c0, c1 … in order. Raises DpocketError for a blob file that is not one.
    """
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    for operation in block.operations:
        operation.attributes.pop("name", None)
    _number_constants(block, {value.name for value in function.inputs})
    packed = BlobPacker(blobs)
    for value in _values(block):
        if value.WhichOneof("value") == "blobFileValue":
            packed.move(value)
    return packed.file()


def _number_constants(block: Any, inputs: set[str]) -> None:
    constants = [op.outputs[0].name for op in block.operations if op.type == "const"]
    taken = inputs | {output.name for op in block.operations for output in op.outputs} - set(constants)
    free = (name for name in (f"c{i}" for i in range(len(constants) + len(taken))) if name not in taken)
    short = dict(zip(constants, free, strict=False))
    for operation in block.operations:
        for output in operation.outputs:
            output.name = short.get(output.name, output.name)
        for argument in operation.inputs.values():
            for binding in argument.arguments:
                if binding.WhichOneof("binding") == "name":
                    binding.name = short.get(binding.name, binding.name)


def _values(block: Any) -> Iterator[Any]:
    """Every constant of the program: a `const`'s, and the parts of compressed constants."""
    for operation in block.operations:
        yield from operation.attributes.values()
        for argument in operation.inputs.values():
            yield from (b.value for b in argument.arguments if b.WhichOneof("binding") == "value")


class BlobPacker:
    """Moves values out of one blob file: small ones into the program, the others, equal ones once, into a new file.

    The layout is that of `runtime_py/readers/mil_blob.py`.
    """

    def __init__(self, blobs: bytes) -> None:
        self._old = blobs
        self._records: list[bytes] = []
        self._offsets: dict[tuple[int, bytes], int] = {}
        self._end = ALIGNMENT

    def move(self, value: Any) -> None:
        number, data, padding_bits = self._read(value.blobFileValue.offset)
        dtype = value.type.tensorType.dataType
        if len(data) <= LARGEST_IMMEDIATE and dtype in (FLOAT16, FLOAT32):
            value.ClearField("blobFileValue")
            immediate = value.immediateValue.tensor
            if dtype == FLOAT32:
                immediate.floats.values.extend(np.frombuffer(data, "<f4").tolist())
            else:
                immediate.bytes.values = data
            return
        key = number, data
        if key not in self._offsets:
            self._offsets[key] = self._append(number, data, padding_bits)
        value.blobFileValue.offset = self._offsets[key]

    def file(self) -> bytes:
        """The new blob file; a program without a blob keeps an empty one, which its package names."""
        header = struct.pack("<II", len(self._offsets), BLOB_VERSION).ljust(ALIGNMENT, b"\0")
        return header + b"".join(self._records)

    def _read(self, offset: int) -> tuple[int, bytes, int]:
        if offset + RECORD_BYTES > len(self._old):
            raise DpocketError(f"coremltools wrote a blob at byte {offset} of a file of {len(self._old)}")
        sentinel, number, size, start, padding_bits = struct.unpack_from("<IIQQQ", self._old, offset)
        if sentinel != SENTINEL or start + size > len(self._old):
            raise DpocketError(f"coremltools wrote no blob at byte {offset}, where its program says that there is one")
        return number, self._old[start : start + size], padding_bits

    def _append(self, number: int, data: bytes, padding_bits: int) -> int:
        offset = self._end
        record = struct.pack("<IIQQQ", SENTINEL, number, len(data), offset + RECORD_BYTES, padding_bits)
        padding = -len(data) % ALIGNMENT
        self._records.append(record.ljust(RECORD_BYTES, b"\0") + data + bytes(padding))
        self._end += RECORD_BYTES + len(data) + padding
        return offset
