"""What a package can be asked for: deployment targets, image inputs, metadata, and its size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from grid_readback import mil_operations
from mil_in_torch import outputs_of
from numpy.typing import NDArray

import convert.coreml
from convert.coreml import float16_scales, to_mlpackage
from convert.coreml_notes import CONSTANTS, ENGINE_FLOAT16, ENGINE_INT8, FLOAT32_DEVICES, notes_of
from convert.coreml_options import TARGETS, CoreMLOptions
from convert.lower import lower
from convert.meaning import Meaning, contract_of_program
from convert.precision import at_precision
from convert.targets import require_possible
from runtime_py.contract import CONTRACT_KEY, Contract
from runtime_py.errors import ArtifactError, ContractError, DpocketError
from runtime_py.manifest import contract_of
from runtime_py.runners import open_runner
from runtime_py.runners.coreml import picture
from training.graph import StudentGraph
from training.quantize import Grid

Views = dict[str, NDArray[np.int8]]

MODEL = "Data/com.apple.CoreML/model.mlmodel"


@dataclass
class Packages:
    """Packages of the tiny student, made when asked for."""

    graph: StudentGraph
    grid: Grid
    meaning: Meaning
    folder: Path
    made: dict[tuple[str, CoreMLOptions], tuple[Path, Contract]] = field(default_factory=dict)

    def files(self, precision: str, options: CoreMLOptions) -> tuple[dict[str, bytes], Contract]:
        program = at_precision(lower(self.graph), precision, self.grid)
        contract = options.boundary(contract_of_program(program, self.meaning, "NCHW", True))
        return to_mlpackage(program, contract, precision in ("fp16", "int8-weights"), options), contract

    def path(self, precision: str, options: CoreMLOptions | None = None) -> tuple[Path, Contract]:
        key = precision, options or CoreMLOptions()
        if key not in self.made:
            files, contract = self.files(*key)
            self.made[key] = written(files, self.folder / f"{len(self.made)}"), contract
        return self.made[key]


def written(files: Mapping[str, bytes], stem: Path) -> Path:
    path = stem.with_name(f"{stem.name}.mlpackage")
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.fixture(scope="module")
def packages(graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return Packages(graph, grid, meaning, tmp_path_factory.mktemp("packages"))


def _model(path: Path) -> Any:
    """The protobuf, by coremltools' own definition."""
    from coremltools.proto import Model_pb2

    return Model_pb2.Model.FromString((path / MODEL).read_bytes())


def _run(path: Path, contract: Contract, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    return open_runner(path, "reference", None, contract).run(inputs)["disparity"]


def _reals(contract: Contract, codes: Views) -> dict[str, NDArray[np.float32]]:
    scale = np.float32(contract.inputs[0].scale or 3 / 127)
    return {name: value.astype(np.float32) * scale for name, value in codes.items()}


@pytest.mark.parametrize(
    ("precision", "target", "version"),
    [
        ("fp32", "iOS15", 6),
        ("fp16", "iOS15", 6),
        ("int8-weights", "iOS16", 7),
        ("int8", "iOS17", 8),
        ("int8", "iOS18", 9),
    ],
)
def test_a_package_opens_from_its_deployment_target_on(
    packages: Packages, precision: str, target: str, version: int, int8_views: Views
) -> None:
    """Apple counts the versions of its format: 6 is iOS 15's. The numbers inside do not depend on it."""
    oldest, contract = packages.path(precision, CoreMLOptions(target))
    assert _model(oldest).specificationVersion == version
    usual, _ = packages.path(precision)
    views = _reals(contract, int8_views)
    np.testing.assert_array_equal(_run(oldest, contract, views), _run(usual, contract, views))


@pytest.mark.parametrize(
    ("precision", "options", "reason"),
    [
        ("int8", CoreMLOptions("iOS16"), "needs iOS17, not iOS16: the operations quantize"),
        ("int8-weights", CoreMLOptions("iOS15"), "needs iOS16, not iOS15: constexpr_affine_dequantize"),
        ("fp16", CoreMLOptions("iOS15", "image"), "image inputs of half floats need iOS16"),
        ("fp32", CoreMLOptions("iOS14"), "there is no deployment target 'iOS14'"),
        ("fp32", CoreMLOptions(inputs="video"), "there are no inputs 'video'"),
    ],
)
def test_what_no_package_can_be_is_refused_in_a_sentence(precision: str, options: CoreMLOptions, reason: str) -> None:
    with pytest.raises(DpocketError, match=reason):
        require_possible(["coreml"], precision, coreml=options)


def test_options_of_core_ml_without_core_ml_are_refused() -> None:
    with pytest.raises(DpocketError, match="add coreml"):
        require_possible(["onnx"], "int8", coreml=CoreMLOptions())


def test_an_image_of_codes_gives_the_integers_of_the_array(packages: Packages, int8_views: Views) -> None:
    """Grey 0…255 is code -128…127: no number is rounded on the way in."""
    arrays, of_arrays = packages.path("int8")
    images, of_images = packages.path("int8", CoreMLOptions(inputs="image"))
    grey = {name: (codes.astype(np.int16) + 128).astype(np.uint8) for name, codes in int8_views.items()}
    expected = _run(arrays, of_arrays, _reals(of_arrays, int8_views))
    np.testing.assert_array_equal(_run(images, of_images, grey), expected)
    in_torch = outputs_of(
        mil_operations(images), {name: torch.from_numpy(value) for name, value in grey.items()}, torch.float64
    )
    np.testing.assert_array_equal(in_torch["disparity"].numpy(), expected)


def test_the_contract_of_an_image_makes_its_grey_values(packages: Packages) -> None:
    path, contract = packages.path("int8", CoreMLOptions(inputs="image"))
    left = contract_of(path).input("left")
    assert (left.dtype, left.pixel_format, left.zero_point) == ("uint8", "OneComponent8", 128)
    assert contract == contract_of(path)
    real = np.array([-3.0, -0.01, 0.0, 3.0, 99.0], np.float32)
    np.testing.assert_array_equal(left.quantize(real), [1, 128, 128, 255, 255])
    np.testing.assert_allclose(left.dequantize(left.quantize(real)), [-3, 0, 0, 3, 3], atol=1e-6)


@pytest.mark.parametrize(("precision", "inputs", "colours"), [("int8", "uint8", 10), ("fp16", "float16", 40)])
def test_images_are_declared_as_core_ml_declares_them(
    packages: Packages, precision: str, inputs: str, colours: int
) -> None:
    """FeatureTypes.proto: colour space 10 is GRAYSCALE, 40 is GRAYSCALE_FLOAT16; data types 31 and 10 are MIL's."""
    path, contract = packages.path(precision, CoreMLOptions(inputs="image"))
    model = _model(path)
    for feature in model.description.input:
        image = feature.type.imageType
        assert (image.height, image.width, image.colorSpace) == (*contract.input(feature.name).plane(), colours)
        assert contract.input(feature.name).dtype == inputs
    types = {i.type.tensorType.dataType for i in model.mlProgram.functions["main"].inputs}
    assert types == {{"uint8": 31, "float16": 10}[inputs]}


@pytest.mark.parametrize("precision", ["fp16", "fp32", "int8-weights"])
def test_an_image_of_half_floats_is_the_array_of_the_same_numbers(
    packages: Packages, precision: str, int8_views: Views
) -> None:
    arrays, of_arrays = packages.path(precision)
    images, of_images = packages.path(precision, CoreMLOptions(inputs="image"))
    halves = {name: of_images.input(name).quantize(x) for name, x in _reals(of_arrays, int8_views).items()}
    found = _run(images, of_images, halves)
    wide = {name: value.astype(np.float32) for name, value in halves.items()}
    np.testing.assert_array_equal(found, _run(arrays, of_arrays, wide))


def test_an_image_that_is_no_code_is_refused(packages: Packages, tmp_path: Path) -> None:
    from coremltools.proto import Model_pb2

    files, _ = packages.files("int8", CoreMLOptions(inputs="image"))
    model = Model_pb2.Model.FromString(files[MODEL])
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    del block.operations[:]
    block.outputs[:] = ["left"]
    path = written({**files, MODEL: model.SerializeToString()}, tmp_path / "odd")
    with pytest.raises(ArtifactError, match="is uint8 and is not taken by a dequantize"):
        open_runner(path, "reference", None, None)


def test_metadata_tells_units_signs_and_nothing_of_the_day(packages: Packages) -> None:
    path, contract = packages.path("int8", CoreMLOptions(author="Ada", licence="MIT"))
    description = _model(path).description
    metadata = description.metadata
    assert (metadata.author, metadata.license) == ("Ada", "MIT")
    assert dict(metadata.userDefined).keys() == {CONTRACT_KEY}
    assert Contract.from_json(metadata.userDefined[CONTRACT_KEY]) == contract
    (disparity,) = description.output
    assert "px of a 96 px wide image" in disparity.shortDescription
    assert "positive nearer than the focus plane" in disparity.shortDescription
    assert all("-3...3" in feature.shortDescription for feature in description.input)


def test_compaction_keeps_every_operation_and_every_number(
    packages: Packages, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both forms as coremltools reads them."""
    small, _ = packages.path("int8")
    monkeypatch.setattr(convert.coreml, "compact", lambda spec, blobs: blobs)
    files, _ = packages.files("int8", CoreMLOptions())
    large = written(files, tmp_path / "large")
    assert sum(map(len, files.values())) > 1.1 * sum(f.stat().st_size for f in small.rglob("*") if f.is_file())
    pairs = [[op for op in mil_operations(path) if op.op_type != "const"] for path in (small, large)]
    for ours, theirs in zip(*pairs, strict=True):
        assert (ours.op_type, ours.outputs[0].name) == (theirs.op_type, theirs.outputs[0].name)
        assert ours.inputs.keys() == theirs.inputs.keys()
        for name, value in ours.inputs.items():
            _require_same(value, theirs.inputs[name])


def _require_same(ours: Any, theirs: Any) -> None:
    if isinstance(ours, tuple | list):
        for one, other in zip(ours, theirs, strict=True):
            _require_same(one, other)
    elif ours.val is None:
        assert ours.name == theirs.name
    else:
        assert np.asarray(ours.val).dtype == np.asarray(theirs.val).dtype
        np.testing.assert_array_equal(ours.val, theirs.val)


def test_the_shipped_students_int8_package_is_at_most_40_percent_larger_than_its_parameters() -> None:
    from training.calibration import stored_grid, traced
    from training.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(Path("training/weights/pyramid.safetensors"))
    graph = traced(checkpoint, (64, 96))
    program = at_precision(lower(graph), "int8", stored_grid(checkpoint))
    contract = contract_of_program(program, Meaning("student", 1280, 4), "NCHW", True)
    size = sum(map(len, to_mlpackage(program, contract, half=False).values()))
    parameters = sum(layer.weight.numel() + layer.bias.numel() for layer in graph.layers if layer.weight is not None)
    assert parameters == 98834
    assert size <= 1.4 * parameters


def test_an_array_becomes_the_picture_that_coremltools_takes() -> None:
    codes = np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)
    assert (picture(codes).mode, picture(codes).size) == ("L", (3, 2))
    np.testing.assert_array_equal(np.asarray(picture(codes)), codes[0, 0])
    assert picture(codes.astype(np.float16)).mode == "F"
    with pytest.raises(ContractError, match="1x1xHxW"):
        picture(codes[0])


def test_notes_count_every_operation_once_where_its_type_lets_it_run(packages: Packages, meaning: Meaning) -> None:
    path, _ = packages.path("int8")
    notes = notes_of(path)
    assert set(notes.operations) == {FLOAT32_DEVICES, CONSTANTS}
    assert sum(sum(kinds.values()) for kinds in notes.operations.values()) == sum(
        op.op_type != "const" for op in mil_operations(path)
    )
    stored = sum(file.stat().st_size for file in (path / "Data").rglob("*") if file.is_file())
    assert notes.program_bytes + notes.weight_bytes == stored
    halves = notes_of(packages.path("fp16")[0]).operations
    assert halves[FLOAT32_DEVICES] == {"cast": 3}
    assert halves[ENGINE_FLOAT16]["conv"] == 8
    program = float16_scales(at_precision(lower(packages.graph), "int8", packages.grid))
    contract = contract_of_program(program, meaning, "NCHW", True)
    w8a8 = notes_of(written(to_mlpackage(program, contract), packages.folder / "w8a8")).operations
    assert w8a8[ENGINE_INT8]["conv"] == 8


def test_every_target_is_one_that_coremltools_knows() -> None:
    import coremltools as ct

    assert all(hasattr(ct.target, name) for name in TARGETS)


def test_the_contract_survives_as_compact_json(packages: Packages) -> None:
    path, contract = packages.path("int8")
    text = _model(path).description.metadata.userDefined[CONTRACT_KEY]
    assert len(text) < 0.7 * len(contract.to_json())
    assert json.loads(text)["inputs"][0]["name"] == "left"
