"""TFLite metadata and the zip behind the model, walked with the flatbuffers package's own table, and by tflite-support
where `make metadata-check` has made its environment."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types, packer
from flatbuffers.encode import Get
from flatbuffers.table import Table

from convert.artifact import Artifact
from convert.meaning import Meaning
from convert.targets import export
from runtime_py.contract import CONTRACT_KEY, Contract
from runtime_py.readers.tflite import read_tflite
from runtime_py.runners import open_runner
from training.graph import StudentGraph
from training.quantize import Grid

Exports = Mapping[tuple[str, str], Artifact]
PRECISIONS = ("int8", "fp32", "fp16", "int8-weights")

READ_BACK = Path(__file__).parent / "tflite_support" / "read_back.py"
SUPPORT = Path(os.environ.get("TFLITE_SUPPORT_PYTHON", "build/tflite-support/bin/python"))


class Walk:
    """Fields of a FlatBuffers table by number, straight from the vtable."""

    def __init__(self, data: bytes, at: int) -> None:
        self.table = Table(data, at)

    @staticmethod
    def root(data: bytes) -> Walk:
        return Walk(data, Get(packer.uoffset, data, 0))

    def at(self, field: int) -> int:
        offset = self.table.Offset(4 + 2 * field)
        return self.table.Pos + offset if offset else 0

    def text(self, field: int) -> str:
        return bytes(self.table.String(self.at(field))).decode() if self.at(field) else ""

    def byte(self, field: int) -> int:
        return int(self.table.Get(number_types.Uint8Flags, self.at(field))) if self.at(field) else 0

    def table_of(self, field: int) -> Walk:
        return Walk(self.table.Bytes, self.table.Indirect(self.at(field)))

    def tables(self, field: int) -> list[Walk]:
        return [Walk(self.table.Bytes, self.table.Indirect(at)) for at in self._items(field)]

    def texts(self, field: int) -> list[str]:
        return [bytes(self.table.String(at)).decode() for at in self._items(field)]

    def reals(self, field: int) -> list[float]:
        return [float(self.table.Get(number_types.Float32Flags, at)) for at in self._items(field)]

    def _items(self, field: int) -> list[int]:
        offset = self.table.Offset(4 + 2 * field)
        if not offset:
            return []
        start = self.table.Vector(offset)
        return [start + 4 * i for i in range(self.table.VectorLen(offset))]


def _metadata(path: Path) -> bytes:
    model = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    entries = {model.Metadata(i).Name(): model.Metadata(i).Buffer() for i in range(model.MetadataLength())}
    return bytes(model.Buffers(entries[b"TFLITE_METADATA"]).DataAsNumpy())


def _tensors(path: Path) -> tuple[list[Walk], list[Walk]]:
    (subgraph,) = Walk.root(_metadata(path)).tables(3)
    return subgraph.tables(2), subgraph.tables(3)


@pytest.fixture(scope="module")
def boundaries(graph: StudentGraph, grid: Grid, tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, Artifact]:
    """The int8 file with an integer (False) and a float32 (True) boundary."""
    out, meaning = tmp_path_factory.mktemp("metadata"), Meaning("tiny", working_width=96, output_stride=2)
    return {
        float_io: export(graph, meaning, ["litert"], "int8", out, grid, float_io=float_io)[0]
        for float_io in (False, True)
    }


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_model_has_a_name_an_author_a_licence_and_a_parser_version(precision: str, exports: Exports) -> None:
    data = _metadata(exports["litert", precision].path)
    assert data[4:8] == b"M001"
    model = Walk.root(data)
    assert model.text(0) == "dpocket tiny"
    assert model.text(4) == "dpocket"
    assert model.text(5).startswith("Apache-2.0")
    assert model.text(7) == "1.0.0"
    assert "1/2 of their height" in model.text(1)


def test_the_version_tells_weights_apart_and_not_boundaries(
    exports: Exports, boundaries: Mapping[bool, Artifact]
) -> None:
    versions = {p: Walk.root(_metadata(exports["litert", p].path)).text(2) for p in PRECISIONS}
    assert len(set(versions.values())) == len(PRECISIONS)
    float_io = Walk.root(_metadata(boundaries[True].path)).text(2)
    assert float_io == versions["int8"] != ""


@pytest.mark.parametrize("precision", PRECISIONS)
def test_tensors_are_told_in_the_order_of_the_graph_with_range_and_dimensions(precision: str, exports: Exports) -> None:
    from ai_edge_litert.interpreter import Interpreter

    artifact = exports["litert", precision]
    interpreter = Interpreter(str(artifact.path), num_threads=1)
    details = (interpreter.get_input_details(), interpreter.get_output_details())
    specs = (artifact.contract.inputs, artifact.contract.outputs)
    for told, found, expected in zip(_tensors(artifact.path), details, specs, strict=True):
        assert [t.text(0) for t in told] == [d["name"] for d in found] == [s.name for s in expected]
        for tensor, spec in zip(told, expected, strict=True):
            assert tensor.texts(2) == ["batch", "height", "width", "channel"]
            assert (tensor.table_of(3).byte(0), tensor.table_of(3).table_of(1).at(0)) == (1, 0)
            (high,), (low,) = tensor.table_of(5).reals(0), tensor.table_of(5).reals(1)
            assert (low, high) == tuple(float(np.float32(limit)) for limit in spec.valid_range)


def test_inputs_are_normalised_already_and_outputs_have_no_process_unit(exports: Exports) -> None:
    inputs, outputs = _tensors(exports["litert", "int8"].path)
    for tensor in inputs:
        (unit,) = tensor.tables(4)
        assert unit.byte(0) == 1
        assert (unit.table_of(1).reals(0), unit.table_of(1).reals(1)) == ([0.0], [1.0])
    assert not any(tensor.at(4) for tensor in outputs)


def test_descriptions_say_preprocessing_unit_sign_and_grid(boundaries: Mapping[bool, Artifact]) -> None:
    scale = boundaries[False].contract.input("left").scale
    for float_io, stored in ((False, "int8, scale"), (True, "float32, int8 inside with scale")):
        (left, _), (disparity,) = _tensors(boundaries[float_io].path)
        assert "linear light" in left.text(1)
        assert "31 x 31 px" in left.text(1)
        assert f"{stored} {scale:.9g}, zero point 0" in left.text(1)
        assert "disparity in px of a view 96 px wide, x_left - x_right" in disparity.text(1)
        assert stored in disparity.text(1)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_zip_behind_the_model_holds_the_contract(precision: str, exports: Exports) -> None:
    artifact = exports["litert", precision]
    (recorded,) = Walk.root(_metadata(artifact.path)).tables(6)
    with zipfile.ZipFile(artifact.path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [recorded.text(0)] == ["contract.json"]
        text = archive.read("contract.json")
    assert recorded.byte(2) == 1
    assert Contract.from_json(text) == artifact.contract
    assert text == read_tflite(artifact.path.read_bytes(), "").metadata[CONTRACT_KEY]


def test_androids_zip_reader_finds_the_contract(exports: Exports) -> None:
    """As org.tensorflow.lite.support.metadata.ZipFile goes about it: the end record is the file's last 22 bytes,
    positions count from the file's start, and as many bytes as the file has unpacked lie there as they are."""
    artifact = exports["litert", "int8"]
    data = artifact.path.read_bytes()
    signature, _, _, _, count, _, directory, comment = struct.unpack("<4s4H2IH", data[-22:])
    assert (signature, count, comment) == (b"PK\x05\x06", 1, 0)
    entry = struct.unpack_from("<4s6H3I5H2I", data, directory)
    assert entry[0] == b"PK\x01\x02"
    method, time, date, size, header = entry[4], entry[5], entry[6], entry[9], entry[16]
    assert (method, time, date) == (0, 0, (0 << 9) | (1 << 5) | 1)
    name_length, extra_length = struct.unpack_from("<2H", data, header + 26)
    start = header + 30 + name_length + extra_length
    assert Contract.from_json(data[start : start + size]) == artifact.contract


@pytest.mark.parametrize("rewritten", ["without its zip", "without TFLite metadata"])
def test_a_file_without_either_part_is_read_and_keeps_its_contract(
    rewritten: str, exports: Exports, tmp_path: Path
) -> None:
    """As files from before these parts were, and as tools leave them that rewrite the model alone."""
    artifact = exports["litert", "int8"]
    data = artifact.path.read_bytes()
    if rewritten == "without its zip":
        data = data[: data.index(b"PK\x03\x04")]
        assert not zipfile.is_zipfile(io.BytesIO(data))
    else:
        data = data.replace(b"TFLITE_METADATA", b"tflite_metadata")
    path = tmp_path / "old.tflite"
    path.write_bytes(data)
    contract = Contract.from_json(read_tflite(data, "").metadata[CONTRACT_KEY])
    assert contract == artifact.contract
    rng = np.random.default_rng(0)
    views = {s.name: rng.integers(-128, 128, s.shape, dtype=np.int8) for s in contract.inputs}
    expected = open_runner(artifact.path, "litert").run(views)["disparity"]
    for runtime in ("litert", "reference"):
        np.testing.assert_array_equal(open_runner(path, runtime).run(views)["disparity"], expected, err_msg=runtime)


@pytest.mark.skipif(not SUPPORT.exists(), reason=f"tflite-support has no environment at {SUPPORT}: make metadata-check")
@pytest.mark.parametrize("float_io", [False, True])
def test_tflite_support_reads_everything_back(float_io: bool, boundaries: Mapping[bool, Artifact]) -> None:
    artifact = boundaries[float_io]
    done = subprocess.run([SUPPORT, READ_BACK, artifact.path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["json"]["min_parser_version"] == found["least_parser"] == "1.0.0"
    assert found["json"]["name"] == "dpocket tiny"
    assert {name: Contract.from_json(text) for name, text in found["files"].items()} == {
        "contract.json": artifact.contract
    }
    for side, specs in (("inputs", artifact.contract.inputs), ("outputs", artifact.contract.outputs)):
        assert [t["name"] for t in found[side]] == [s.name for s in specs]
        assert [t["range"] for t in found[side]] == [np.float32(s.valid_range).tolist() for s in specs]
        assert all(len(t["dimensions"]) == 4 for t in found[side])
    assert [t["normalization"] for t in found["inputs"]] == [[[[0.0], [1.0]]]] * 2
    (left, *_) = found["json"]["subgraph_metadata"][0]["input_tensor_metadata"]
    assert left["content"]["content_properties_type"] == "FeatureProperties"
    assert ("float32, int8 inside" in left["description"]) == float_io
