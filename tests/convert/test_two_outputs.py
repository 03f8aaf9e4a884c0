"""A student with disparity and confidence, on one grid in all four artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from grid_readback import unexplained
from numpy.typing import NDArray
from torch import nn
from vendor_runtimes import executorch, litert, onnxruntime

from convert.artifact import Artifact
from convert.lower import lower
from convert.meaning import Meaning, contract_of_program
from convert.precision import at_precision
from convert.targets import TARGETS, export
from runtime_py.errors import DpocketError
from runtime_py.manifest import contract_of
from runtime_py.readers.pte import Container
from runtime_py.readers.xnnpack_payload import Payload
from runtime_py.runners import open_runner
from runtime_py.runners.reference import ReferenceRunner
from training.graph import StudentGraph
from training.models.pyramid import PyramidStudent
from training.quantize import Grid, Steps, calibrate
from training.tracing import trace

OUTPUTS = ("disparity", "confidence")
SIZE = (64, 128)
CONSTANTS = ("weight", "bias", "shape", "paddings", "permutation")
ON_BLOCKS = 5 + 3 + 3 * 1 + 3 + 2 * 1
"""Operations more on pixel blocks: of the stem, of the pairs under the second convolution, of each of three
upsamplings, of the pairs under both heads, of each of these."""

Views = Mapping[str, NDArray[np.int8]]


def _random_views(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(2, 1, *SIZE, generator=generator).clamp(-3, 3) for name in ("left", "right")}


@pytest.fixture(scope="module")
def graph() -> StudentGraph:
    """Weights such that the confidence leaves 0..1 on both sides, as training cannot rule out."""
    torch.manual_seed(0)
    student = PyramidStudent(4, 6, 8)
    for parameter in student.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.2)
    for head in (student.head, student.confidence):
        nn.init.normal_(head.weight, std=0.15)
    nn.init.normal_(student.confidence.weight, std=0.27)
    nn.init.constant_(student.confidence.bias, 0.5)  # type: ignore[arg-type]
    return trace(student, [torch.zeros(1, 1, *SIZE)] * 2, outputs=OUTPUTS)


@pytest.fixture(scope="module")
def grid(graph: StudentGraph) -> Grid:
    return calibrate(graph, [_random_views(1)], input_scale=3 / 127)


@pytest.fixture(scope="module")
def artifacts(graph: StudentGraph, grid: Grid, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Artifact]:
    out = tmp_path_factory.mktemp("two")
    meaning = Meaning("two", working_width=768, output_stride=4, confident_px=0.25)
    return {made.target: made for made in export(graph, meaning, list(TARGETS), "int8", out, grid)}


@pytest.fixture(scope="module", params=["full range", "picture"])
def views(request: pytest.FixtureRequest) -> Views:
    """Integers that saturate every layer, or what a textured wall two pixels out of focus looks like."""
    rng = np.random.default_rng(5)
    if request.param == "full range":
        return {name: rng.integers(-128, 128, (1, 1, *SIZE), dtype=np.int8) for name in ("left", "right")}
    texture = np.cumsum(np.cumsum(rng.normal(size=(SIZE[0], SIZE[1] + 2)), 0), 1)
    texture -= texture.mean()
    codes = np.clip(np.rint(texture / texture.std() * 40), -128, 127).astype(np.int8)
    return {"left": codes[None, None, :, 2:].copy(), "right": codes[None, None, :, :-2].copy()}


def _reference(artifact: Artifact, views: Views, output: str) -> NDArray[np.int64]:
    """The reference runtime's integers, NCHW, behind a float boundary too."""
    contract = contract_of(artifact.path)
    runner = open_runner(artifact.path, "reference", None, contract)
    inputs = {}
    for spec in contract.inputs:
        codes = views[spec.name].reshape(spec.shape)
        inputs[spec.name] = codes if spec.dtype == "int8" else codes.astype(np.float32) * np.float32(spec.scale or 0)
    spec = contract.output(output)
    found = runner.run(inputs)[output].reshape(1, 1, *spec.plane())
    if spec.dtype == "int8":
        return found.astype(np.int64)
    return np.rint(found / np.float32(spec.scale or 0)).astype(np.int64) + (spec.zero_point or 0)


@pytest.mark.parametrize("output", OUTPUTS)
def test_litert_executorch_and_the_reference_give_identical_integers(
    artifacts: Mapping[str, Artifact], views: Views, output: str
) -> None:
    expected = litert(artifacts["litert"].path, dict(views), output)
    assert len(np.unique(expected)) > 10
    np.testing.assert_array_equal(executorch(artifacts["executorch"].path, dict(views), output), expected)
    for target in ("litert", "executorch"):
        np.testing.assert_array_equal(_reference(artifacts[target], views, output), expected, err_msg=target)


@pytest.mark.parametrize("output", OUTPUTS)
def test_onnxruntime_is_told_in_every_integer(artifacts: Mapping[str, Artifact], views: Views, output: str) -> None:
    found = onnxruntime(artifacts["onnx"].path, dict(views), output=output)
    np.testing.assert_array_equal(found, _reference(artifacts["onnx"], views, output))


@pytest.mark.parametrize("output", OUTPUTS)
def test_onnx_differs_by_a_step_or_two_on_few_pixels(
    artifacts: Mapping[str, Artifact], views: Views, output: str
) -> None:
    expected = litert(artifacts["litert"].path, dict(views), output).astype(np.int64)
    found = onnxruntime(artifacts["onnx"].path, dict(views), output=output)
    difference = np.abs(found.astype(np.int64) - expected)
    assert difference.max() <= 2
    assert np.mean(difference > 0) < 0.02


@pytest.mark.parametrize("output", OUTPUTS)
def test_core_ml_as_modelled_gives_identical_integers(
    artifacts: Mapping[str, Artifact], views: Views, output: str
) -> None:
    expected = litert(artifacts["litert"].path, dict(views), output)
    np.testing.assert_array_equal(_reference(artifacts["coreml"], views, output), expected)


def test_saturation_of_the_integers_is_what_clips_the_confidence(
    artifacts: Mapping[str, Artifact], graph: StudentGraph, grid: Grid, views: Views
) -> None:
    """The last convolution once more, in real numbers from its own integer inputs, and clipped by hand."""
    runner = ReferenceRunner(artifacts["litert"].path)
    tensors = dict(runner.trace({n: v.reshape(1, *SIZE, 1) for n, v in views.items()}))
    steps = grid.tensors["merge_quarter"]
    merged = (torch.from_numpy(tensors["merge_quarter"]).double().permute(0, 3, 1, 2) - steps.zero_point) * steps.scale
    head = graph.layers[-1]
    assert (head.name, head.weight is None, head.bias is None) == ("confidence", False, False)
    weight = torch.from_numpy(_on_grid(head.weight.numpy(), grid.weights["confidence"][0]))  # type: ignore[union-attr]
    real = F.conv2d(merged, weight, head.bias.double(), padding=1).numpy()  # type: ignore[union-attr]
    assert real.min() < 0
    assert real.max() > 1
    codes = tensors["confidence"].transpose(0, 3, 1, 2).astype(np.float64)
    assert (codes.min(), codes.max()) == (-128, 127)
    assert np.abs(codes - (np.clip(real, 0, 1) * 255 - 128)).max() < 0.51


def _on_grid(weight: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    return np.clip(np.rint(weight / np.float64(scale)), -127, 127) * scale


@pytest.mark.filterwarnings("ignore:Warning. Enabling")
def test_scales_and_zero_points_read_back_are_the_grids(
    artifacts: Mapping[str, Artifact], graph: StudentGraph, grid: Grid
) -> None:
    assert grid.tensors["confidence"] == Steps(float(np.float32(1 / 255)), -128)
    program = at_precision(lower(graph), "int8", grid)
    for target, artifact in artifacts.items():
        assert unexplained(target, artifact.path, program, grid, graph) == {}, target


def test_every_node_runs_in_one_delegate_of_litert(artifacts: Mapping[str, Artifact], graph: StudentGraph) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(artifacts["litert"].path), num_threads=1)
    interpreter.allocate_tensors()
    nodes = interpreter._get_ops_details()
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    assert len(graph.layers) == 22
    assert len(nodes) - len(delegates) == 22 + ON_BLOCKS
    # One delegate from the inputs to the outputs: an operator outside of it would cut it, or feed it.
    assert len(delegates) == 1
    assert set(delegates[0]["outputs"]) == {int(d["index"]) for d in interpreter.get_output_details()}
    details = {int(d["index"]): d for d in interpreter.get_tensor_details()}
    fed = {details[int(i)]["name"] for i in delegates[0]["inputs"]}
    assert {name for name in fed if name.rpartition(".")[2] not in CONSTANTS} == {"left", "right"}
    activations = [d for d in details.values() if d["name"] in graph.shapes]
    assert {np.dtype(d["dtype"]).name for d in activations} == {"int8"}


def test_every_node_runs_in_int8_in_the_one_delegate_of_a_pte(
    artifacts: Mapping[str, Artifact], graph: StudentGraph
) -> None:
    path: Path = artifacts["executorch"].path
    container = Container.of(path.read_bytes(), path.name)
    (plan,) = [p for p in container.root.tables(1, "execution plan") if p.text(0) == "forward"]
    (delegate,) = plan.tables(7, "delegate")
    assert delegate.text(0) == "XnnpackBackend"
    assert not plan.tables(6, "operator")
    data = bytes(container.delegate_data(delegate))
    payload = Payload(data, container.named_data(), "delegate 0", path.name)
    # Both heads transpose here (two operations more), each of the four planes at the boundary is
    # another shape in NCHW, and DEPTH_TO_SPACE is three nodes.
    assert len(payload.graph.tables(1, "node")) == len(graph.layers) + ON_BLOCKS + 2 * 2 + 4 + 3 * 2
    assert {value.datatype for value in payload.values().values()} <= {"int8", "int32"}


def test_contracts_say_what_confidence_is(artifacts: Mapping[str, Artifact]) -> None:
    for target, artifact in artifacts.items():
        assert [spec.name for spec in artifact.contract.outputs] == list(OUTPUTS), target
        spec = artifact.contract.output("confidence")
        assert (spec.unit, spec.valid_range, spec.within_px) == ("1", (0.0, 1.0), 0.25)
        assert (spec.scale, spec.zero_point) == (float(np.float32(1 / 255)), -128)
        assert artifact.contract.output("disparity").within_px is None
        assert contract_of(artifact.path) == artifact.contract


def test_an_output_of_unknown_meaning_is_refused(graph: StudentGraph) -> None:
    student = PyramidStudent(4, 6, 8)
    renamed = trace(student, [torch.zeros(1, 1, *SIZE)] * 2, outputs=("disparity", "depth"))
    with pytest.raises(DpocketError, match="no output 'depth'; it may have disparity, confidence"):
        contract_of_program(lower(renamed), Meaning("two", 768, 4), "NHWC", float_boundary=False)
