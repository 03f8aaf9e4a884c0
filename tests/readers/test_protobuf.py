"""The view of Protocol Buffers bytes, on messages written out by hand after the encoding's documentation."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from runtime_py.errors import ArtifactError
from runtime_py.readers.protobuf import DEEPEST, Message


def view(data: bytes) -> Message:
    return Message(data, "file.onnx")


def test_scalars_are_read_by_field_number() -> None:
    message = view(
        b"\x08\x96\x01\x15" + struct.pack("<f", 0.5) + b"\x19" + struct.pack("<d", -2.0) + b"\x22\x07testing"
    )
    assert message.integer(1) == 150
    assert message.real(2) == 0.5
    assert message.double(3) == -2.0
    assert message.text(4) == "testing"
    assert not message.has(5)
    assert message.integer(5, 7) == 7


def test_negative_integers_take_ten_bytes() -> None:
    assert view(b"\x08" + b"\xff" * 9 + b"\x01").integer(1) == -1


def test_of_repeated_single_values_the_last_counts() -> None:
    assert view(b"\x08\x01\x08\x02").integer(1) == 2


def test_lists_are_read_packed_or_not() -> None:
    packed, single = b"\x0a\x06\x03\x8e\x02\x9e\xa7\x05", b"\x08\x03\x08\x8e\x02\x08\x9e\xa7\x05"
    for data in (packed, single, packed[:1] + b"\x01\x03" + single[2:]):
        np.testing.assert_array_equal(view(data).integers(1), [3, 270, 86942])
    reals = struct.pack("<3f", 1, 2, 3)
    np.testing.assert_array_equal(view(b"\x0a\x0c" + reals).numbers(1, "float32"), [1, 2, 3])
    one_by_one = b"".join(b"\x0d" + reals[i : i + 4] for i in (0, 4, 8))
    np.testing.assert_array_equal(view(one_by_one).numbers(1, "float32"), [1, 2, 3])


def test_maps_are_lists_of_keys_and_values() -> None:
    entry = b"\x0a\x01a\x12\x02\x08\x05"
    found = view(b"\x0a" + bytes([len(entry)]) + entry).mapping(1, "entry")
    assert found["a"].integer(1) == 5


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x08", "breaks off at byte 1"),
        (b"\x08" + b"\xff" * 11, "has no end"),
        (b"\x0a\x05ab", "needs bytes 2 to 7 of 4"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "field number 0"),
    ],
)
def test_damaged_bytes_are_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(ArtifactError, match=r"file\.onnx") as caught:
        view(data)
    assert sentence in str(caught.value)


def test_a_field_of_another_type_is_refused() -> None:
    with pytest.raises(ArtifactError, match="wire type"):
        view(b"\x08\x01").text(1)
    with pytest.raises(ArtifactError, match="damaged list"):
        view(b"\x0a\x02\x80\x80").integers(1)


def test_messages_lie_only_so_deep() -> None:
    data = b""
    for _ in range(20):
        data = b"\x0a" + bytes([len(data)]) + data
    message = Message(data, "file.onnx", depth=DEEPEST - 10)
    for _ in range(10):
        message = message.required(1, "a part")
    with pytest.raises(ArtifactError, match="deep"):
        message.message(1, "a part")
