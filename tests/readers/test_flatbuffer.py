from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_py.errors import ArtifactError
from runtime_py.readers.flatbuffer import FlatBuffer, Table


def small_table() -> bytes:
    """Root table with field 0 = int32 -5, field 1 absent, field 2 = string "dp", field 3 = vector of two int16."""
    vtable = struct.pack("<HHHHHH", 12, 16, 4, 0, 8, 12)
    start = 4 + len(vtable)
    # The table: distance back to the vtable, the int, then two references forward.
    text_at, numbers_at = start + 16, start + 16 + 8
    table = struct.pack("<iiII", len(vtable), -5, text_at - (start + 8), numbers_at - (start + 12))
    text = struct.pack("<I", 2) + b"dp\0\0"
    numbers = struct.pack("<Ihh", 2, 300, -2)
    return struct.pack("<I", start) + vtable + table + text + numbers


def root(data: bytes) -> Table:
    return FlatBuffer(data, "test file").root()


def read_all(data: bytes) -> None:
    table = root(data)
    table.integer(0)
    table.text(2)
    table.numbers(3, "int16")


def test_fields_of_a_table_written_by_hand() -> None:
    table = root(small_table())
    assert table.integer(0) == -5
    assert table.integer(1, default=7) == 7
    assert not table.has(1)
    assert table.text(2) == "dp"
    np.testing.assert_array_equal(table.numbers(3, "int16"), [300, -2])
    assert table.integer(9, default=3) == 3


def test_fields_as_the_flatbuffers_package_writes_them() -> None:
    flatbuffers = pytest.importorskip("flatbuffers")
    builder = flatbuffers.Builder(64)
    name = builder.CreateString("größe")
    builder.StartObject(3)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependFloat32Slot(1, 0.25, 0.0)
    builder.PrependBoolSlot(2, True, False)
    builder.Finish(builder.EndObject())
    table = root(bytes(builder.Output()))
    assert (table.text(0), table.real(1), table.boolean(2)) == ("größe", 0.25, True)


def test_every_cut_is_reported_with_its_place() -> None:
    whole = small_table()
    for length in range(len(whole)):
        with pytest.raises(ArtifactError, match="test file is damaged or cut short"):
            read_all(whole[:length])


def test_a_vector_longer_than_the_file_is_refused_before_it_is_allocated() -> None:
    whole = bytearray(small_table())
    struct.pack_into("<I", whole, len(whole) - 8, 0xFFFFFFFF)
    with pytest.raises(ArtifactError, match="field 3 of the root table"):
        root(bytes(whole)).numbers(3, "int16")


@given(st.binary(max_size=80))
def test_arbitrary_bytes_give_values_or_an_artifact_error(data: bytes) -> None:
    try:
        table = root(data)
        table.integer(0, "q")
        table.text(1)
        table.numbers(2, "float32")
        table.tables(3, "child")
        table.table(4, "child")
    except ArtifactError:
        pass
