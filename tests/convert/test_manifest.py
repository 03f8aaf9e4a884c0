"""An artifact's contract: beside the file, inside of it, and never another file's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convert.artifact import Artifact
from convert.meaning import Meaning
from convert.targets import export
from runtime_py.contract import CONTRACT_METHOD
from runtime_py.errors import ArtifactError
from runtime_py.files import sha256_of
from runtime_py.manifest import contract_of, manifest_path, read_manifest, with_parity
from runtime_py.parity.matrix import size_of
from training.graph import StudentGraph
from training.quantize import Grid

Exports = Mapping[tuple[str, str], Artifact]


def test_every_manifest_describes_its_artifact(exports: Exports, graph: StudentGraph, grid: Grid) -> None:
    for (target, precision), artifact in exports.items():
        manifest = read_manifest(artifact.path)
        assert manifest == artifact.manifest
        assert (manifest.target, manifest.precision) == (target, precision)
        assert manifest.sha256 == sha256_of(artifact.path)
        assert manifest.student == graph.weights_hash()
        assert manifest.grid == (grid.hash() if precision == "int8" else "")
        assert manifest.calibration.get("method") == ("minmax" if precision == "int8" else None)
        assert manifest.tools["torch"] != "not installed"
        assert manifest.tools["dpocket"] != "not installed"
        assert manifest.bytes == size_of(artifact.path)
        assert contract_of(artifact.path) == artifact.contract


def test_the_manifest_says_how_weights_and_grid_came_to_be(
    graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path: Path
) -> None:
    known = replace(grid, source="4 tiles of 1 capture", calibration="ab" * 32)
    recipe = {"name": "tiny", "seed": 3, "steps": 7, "commit": "abc"}
    (made,) = export(graph, meaning, ["onnx"], "int8", tmp_path, known, recipe=recipe)
    found = read_manifest(made.path)
    assert found.recipe == recipe
    assert found.calibration == {"method": "minmax", "source": "4 tiles of 1 capture", "inputs_sha256": "ab" * 32}
    assert found.grid == grid.hash()


def test_the_contract_states_the_boundary(exports: Exports, grid: Grid) -> None:
    left = exports["litert", "int8"].contract.input("left")
    assert (left.shape, left.layout, left.dtype) == ((1, 32, 48, 1), "NHWC", "int8")
    assert (left.scale, left.zero_point, left.valid_range) == (grid.tensors["left"].scale, 0, (-3.0, 3.0))
    disparity = exports["executorch", "int8"].contract.output("disparity")
    assert (disparity.shape, disparity.layout, disparity.unit) == ((1, 1, 16, 24), "NCHW", "px")
    assert "nearer" in disparity.sign
    assert exports["coreml", "int8"].contract.input("left").dtype == "float32"
    assert exports["coreml", "int8"].contract.input("left").scale is not None


@pytest.mark.parametrize("target", ["litert", "onnx"])
def test_the_contract_inside_the_file_is_the_one_beside_it(target: str, exports: Exports, tmp_path: Path) -> None:
    artifact = exports[target, "int8"]
    alone = shutil.copy(artifact.path, tmp_path)
    assert contract_of(Path(alone)) == artifact.contract


def test_the_contract_is_a_constant_method_of_a_pte(exports: Exports) -> None:
    from executorch.runtime import Runtime

    artifact = exports["executorch", "int8"]
    method = Runtime.get().load_program(artifact.path).load_method(CONTRACT_METHOD)
    assert method.execute([]) == [artifact.contract.to_json()]


def test_a_changed_file_is_not_what_its_manifest_describes(exports: Exports, tmp_path: Path) -> None:
    artifact = exports["litert", "int8"]
    copy = Path(shutil.copy(artifact.path, tmp_path))
    shutil.copy(manifest_path(artifact.path), tmp_path)
    copy.write_bytes(copy.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match=r"is not the file that tiny_int8\.tflite\.json describes"):
        contract_of(copy)


def test_a_damaged_manifest_is_named(exports: Exports, tmp_path: Path) -> None:
    copy = Path(shutil.copy(exports["litert", "int8"].path, tmp_path))
    manifest_path(copy).write_text('{"version": 1, "artifact": "x"}')
    with pytest.raises(ArtifactError, match=r"tiny_int8\.tflite\.json is not a manifest: KeyError 'contract'"):
        contract_of(copy)


def edited(artifact: Artifact, folder: Path, **changes: Any) -> Path:
    """A copy of the artifact whose manifest has other entries; those that are None are left out."""
    copy = Path(shutil.copy(artifact.path, folder))
    raw = {**json.loads(manifest_path(artifact.path).read_text()), **changes}
    manifest_path(copy).write_text(json.dumps({name: value for name, value in raw.items() if value is not None}))
    return copy


def test_manifests_of_version_1_are_read(exports: Exports, tmp_path: Path) -> None:
    artifact = exports["onnx", "int8"]
    old = edited(artifact, tmp_path, version=1, recipe=None, calibration=None, parity={})
    found = read_manifest(old)
    assert (found.recipe, found.calibration, found.parity) == ({}, {}, {"status": "not measured"})
    assert (found.version, found.sha256) == (1, artifact.manifest.sha256)
    assert contract_of(old) == artifact.contract
    assert with_parity(old, {"status": "within budget"}).version == 2


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"version": 3}, "has version 3, this dpocket reads versions 1 and 2"),
        ({"sha256": 5}, "is not a manifest: TypeError 'sha256' is a int"),
        ({"parity": "ok"}, "is not a manifest: TypeError 'parity' is a str"),
    ],
)
def test_a_manifest_that_is_none_is_refused(entry: Any, said: str, exports: Exports, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=said):
        contract_of(edited(exports["onnx", "int8"], tmp_path, **entry))


def test_a_file_without_any_contract_is_said_so(tmp_path: Path) -> None:
    stranger = tmp_path / "net.bin"
    stranger.write_bytes(b"1234")
    with pytest.raises(ArtifactError, match="has no contract"):
        contract_of(stranger)
    with pytest.raises(ArtifactError, match="there is no artifact"):
        contract_of(tmp_path / "absent.tflite")


def test_measured_parity_is_recorded(exports: Exports, tmp_path: Path) -> None:
    artifact = exports["litert", "fp32"]
    copy = Path(shutil.copy(artifact.path, tmp_path))
    shutil.copy(manifest_path(artifact.path), tmp_path)
    with_parity(copy, {"against": "executorch", "differing": 0})
    assert read_manifest(copy).parity == {"against": "executorch", "differing": 0}
    assert contract_of(copy) == artifact.contract
