"""ExecuTorch's delegates beside XNNPACK: what lowers here, whole, on our grid; none of them runs on this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from delegate_readback import calls_of, mil_operations, mil_steps, mlpackage_in, tosa_convolutions, vulkan_graph
from torch import Tensor, nn

from convert.artifact import Artifact
from convert.executorch_backends import WRITERS
from convert.grid import WEIGHT_AXIS
from convert.lower import lower
from convert.meaning import Meaning, contract_of_program
from convert.precision import at_precision
from convert.targets import TARGETS, export, precisions_of
from dpocket import main
from runtime_py.contract import CONTRACT_METHOD, Contract
from runtime_py.doctor import checks
from runtime_py.errors import DpocketError, RuntimeUnavailable
from runtime_py.interpreter import Interpreter
from runtime_py.lowering import DELEGATES, why_not
from runtime_py.manifest import read_manifest
from runtime_py.program import Op, Program
from training.graph import StudentGraph
from training.quantize import Grid
from training.tracing import trace

PAYLOADS = {
    "executorch-vulkan": "VulkanBackend",
    "executorch-coreml": "CoreMLBackend",
    "executorch-ethos-u": "EthosUBackend",
}
"""What each delegate's runtime goes by, in ExecuTorch's files."""

Answers = Mapping[tuple[str, str], Artifact | DpocketError]


@pytest.fixture(scope="module")
def program(graph: StudentGraph, grid: Grid) -> Program:
    return at_precision(lower(graph), "int8", grid)


class SmallStudent(nn.Module):
    """Two convolutions: lowering takes a time per operation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 4, stride=2, padding=1)
        self.head = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        return self.head(torch.relu(self.stem(torch.cat([left_NCHW, right_NCHW], 1))))


@pytest.fixture(scope="module")
def answers(graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """The artifact, or what was said instead of making it, by target and precision: of the tiny student in int8."""
    small = trace(SmallStudent().eval(), [torch.zeros(1, 1, 8, 8)] * 2)
    found: dict[tuple[str, str], Artifact | DpocketError] = {}
    for name in DELEGATES:
        for precision in precisions_of(name) if name in WRITERS else ("int8",):
            out = tmp_path_factory.mktemp(f"{name}-{precision}")
            try:
                (found[name, precision],) = export(
                    graph if precision == "int8" else small, meaning, [name], precision, out, grid
                )
            except DpocketError as e:
                assert not list(out.iterdir())
                found[name, precision] = e
    return found


def _artifact(answers: Answers, name: str, precision: str) -> Artifact:
    answer = answers[name, precision]
    if isinstance(answer, DpocketError):
        pytest.skip(str(answer))
    return answer


def _convolutions(program: Program) -> list[Op]:
    return [op for op in program.ops if op.kind in WEIGHT_AXIS]


def _steps(program: Program) -> set[tuple[float, int]]:
    """Scale and zero point of every activation."""
    quants = [t.quant for t in program.tensors if t.data is None]
    return {(float(q.scale[0]), int(q.zero_point[0])) for q in quants if q is not None}


def test_doctor_says_of_every_delegate_what_export_does(answers: Answers) -> None:
    told = {check.part: check for check in checks()}
    for name, delegate in DELEGATES.items():
        check = told[f"ExecuTorch for {delegate.title}"]
        for answer in [a for (target, _), a in answers.items() if target == name]:
            assert isinstance(answer, Artifact) == check.works
            if isinstance(answer, DpocketError):
                assert str(answer) == f"this machine cannot lower to {name}: {check.detail}"


def test_the_delegates_of_the_wheel_alone_lower_here(answers: Answers) -> None:
    for name in ("executorch-vulkan", "executorch-coreml"):
        for precision in ("int8", "fp32", "fp16"):
            assert isinstance(answers[name, precision], Artifact)


def test_delegates_are_not_among_the_targets_that_are_made_unasked() -> None:
    assert not set(TARGETS) & set(DELEGATES)


@pytest.mark.parametrize(("name", "precision"), [(n, p) for n in PAYLOADS for p in precisions_of(n)])
def test_the_whole_student_is_one_call_of_one_delegate(name: str, precision: str, answers: Answers) -> None:
    calls = calls_of(_artifact(answers, name, precision).path)
    assert (calls.delegates, calls.kernels) == ([PAYLOADS[name]], [])


@pytest.mark.parametrize("name", PAYLOADS)
def test_the_contract_is_in_the_file_and_in_the_manifest(name: str, answers: Answers) -> None:
    from executorch.runtime import Runtime

    artifact = _artifact(answers, name, "int8")
    program = Runtime.get().load_program(artifact.path.read_bytes())
    (text,) = program.load_method(CONTRACT_METHOD).execute([])
    manifest = read_manifest(artifact.path)
    assert Contract.from_json(text) == manifest.contract == artifact.contract
    assert (manifest.target, manifest.precision) == (name, "int8")
    assert manifest.parity["status"] == "not measured"
    boundary = "float32" if name == "executorch-coreml" else "int8"
    assert {spec.dtype for spec in (*manifest.contract.inputs, *manifest.contract.outputs)} == {boundary}


def test_vulkan_holds_our_scales_zero_points_and_weights(answers: Answers, program: Program) -> None:
    graph = vulkan_graph(calls_of(_artifact(answers, "executorch-vulkan", "int8").path))
    found = set()
    for name, arguments in graph.operators:
        numbers = [a for a in arguments if isinstance(a, (int, float)) and not isinstance(a, bool)]
        if "q8ta_conv2d" in name or "quantize_per_tensor" in name:
            found.add((float(np.float32(numbers[0])), int(numbers[1])))
        if "q8ta_conv2d" in name:
            found.add((float(np.float32(numbers[2])), int(numbers[3])))
        if "q8ta_add" in name:
            found |= {(float(np.float32(numbers[i])), int(numbers[i + 1])) for i in (0, 2, 4)}
    assert found == _steps(program)

    constants = [a for _, arguments in graph.operators for a in arguments if isinstance(a, np.ndarray)]
    for op in _convolutions(program):
        weight = program.tensors[op.inputs[1]]
        assert weight.quant is not None
        assert weight.data is not None
        scale = weight.quant.scale
        assert any(c.dtype == np.float32 and np.array_equal(c.ravel()[: scale.size], scale) for c in constants)
        integers = np.sort(weight.data, axis=None)
        stored = [c for c in constants if c.dtype == np.int8 and c.size >= integers.size]
        assert any(np.array_equal(np.sort(c[c != 0]), integers[integers != 0]) for c in stored)


def test_vulkan_keeps_no_float32_tensor_in_half_precision(answers: Answers) -> None:
    found = {p: vulkan_graph(calls_of(_artifact(answers, "executorch-vulkan", p).path)) for p in ("fp16", "fp32")}
    assert {p: graph.tensor_types for p, graph in found.items()} == {"fp16": {"FLOAT16"}, "fp32": {"FLOAT32"}}


def test_core_ml_holds_our_scales_zero_points_and_weights(answers: Answers, program: Program, tmp_path: Path) -> None:
    calls = calls_of(_artifact(answers, "executorch-coreml", "int8").path)
    operations = mil_operations(mlpackage_in(calls, tmp_path))
    assert {mil_steps(op) for op in operations if op.op_type == "quantize"} == _steps(program)
    assert {mil_steps(op) for op in operations if op.op_type == "dequantize"} == _steps(program)
    weights = [op for op in operations if op.op_type == "constexpr_affine_dequantize"]
    for op, found in zip(_convolutions(program), weights, strict=True):
        weight = program.tensors[op.inputs[1]]
        assert weight.quant is not None
        assert weight.data is not None
        np.testing.assert_array_equal(np.ravel(found.scale.val), weight.quant.scale, err_msg=weight.name)
        found_integers, integers = (np.sort(a, axis=None) for a in (found.quantized_data.val, weight.data))
        np.testing.assert_array_equal(found_integers, integers, err_msg=weight.name)


@pytest.fixture(scope="module")
def tosa(program: Program, meaning: Meaning, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The graph between torch and Vela."""
    reason = why_not("executorch-ethos-u")
    if reason is not None:
        pytest.skip(reason)
    from convert.executorch_backends.ethos_u import ACCELERATOR, lower_for

    folder = tmp_path_factory.mktemp("tosa")
    lower_for(ACCELERATOR, program, contract_of_program(program, meaning, "NCHW", False), str(folder))
    (path,) = folder.glob("output_*.tosa")
    return path.read_bytes()


def test_ethos_u_multiplies_by_the_quotients_of_our_scales(tosa: bytes, program: Program) -> None:
    for op, found in zip(_convolutions(program), tosa_convolutions(tosa), strict=True):
        into, weight, bias = (program.tensors[i] for i in op.inputs)
        out = program.tensors[op.outputs[0]]
        assert into.quant is not None
        assert weight.quant is not None
        assert out.quant is not None
        assert weight.data is not None
        exact = into.quant.scale.astype(np.float64) * weight.quant.scale / out.quant.scale
        # A multiplier has 31 bits.
        np.testing.assert_allclose(found.factors, exact, rtol=2.0**-30, err_msg=weight.name)
        zeros = int(into.quant.zero_point[0]), int(out.quant.zero_point[0])
        assert (found.input_zero, found.output_zero) == zeros
        np.testing.assert_array_equal(found.bias, bias.data, err_msg=bias.name)
        np.testing.assert_array_equal(np.sort(found.weight, axis=None), np.sort(weight.data, axis=None))


def test_arms_reference_model_gives_the_integers_of_the_reference(
    tosa: bytes, program: Program, int8_views: Mapping[str, np.ndarray]
) -> None:
    reference_model = pytest.importorskip("tosa_reference_model")
    outputs, status = reference_model.run(tosa, list(int8_views.values()), verbosity="NONE")
    assert status == reference_model.GraphStatus.TOSA_VALID
    views_NHWC = {name: view.transpose(0, 2, 3, 1) for name, view in int8_views.items()}
    (expected,) = Interpreter(program, "xnnpack").run(views_NHWC).values()
    np.testing.assert_array_equal(outputs[0].transpose(0, 2, 3, 1), expected)


@pytest.mark.parametrize("missing", ["coremltools", "executorch.backends.apple.coreml.compiler"])
def test_a_delegate_without_a_module_that_it_needs_is_refused_by_its_name(
    missing: str,
    graph: StudentGraph,
    grid: Grid,
    meaning: Meaning,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(RuntimeUnavailable, match=r"cannot lower to executorch-coreml: .*pip install"):
        export(graph, meaning, ["litert", "executorch-coreml"], "int8", tmp_path, grid)
    assert not list(tmp_path.iterdir())


def test_qualcomms_backend_is_not_imported_without_its_sdk_since_that_would_download_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("QNN_SDK_ROOT", raising=False)
    assert "QNN_SDK_ROOT" in (why_not("executorch-qualcomm") or "")
    assert "executorch.backends.qualcomm" not in sys.modules


def test_a_qnn_sdk_that_does_not_load_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNN_SDK_ROOT", str(tmp_path))
    assert f"{tmp_path}/lib/x86_64-linux-clang/libQnnHtp.so" in (why_not("executorch-qualcomm") or "")


def test_the_command_line_refuses_in_one_sentence_with_exit_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QNN_SDK_ROOT", raising=False)
    weights = str(Path(__file__).parents[2] / "training/weights/pyramid.safetensors")
    with pytest.raises(SystemExit) as ended:
        main(["export", weights, "--target", "litert,executorch-qualcomm", "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    (sentence,) = capsys.readouterr().err.strip().splitlines()
    assert sentence.startswith("dpocket: this machine cannot lower to executorch-qualcomm: QNN_SDK_ROOT")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-weights"])
def test_ethos_u_is_refused_anything_but_integers(
    precision: str, graph: StudentGraph, meaning: Meaning, tmp_path: Path
) -> None:
    with pytest.raises(DpocketError, match=f"executorch-ethos-u has no {precision}: .*integers only; it has int8"):
        export(graph, meaning, ["executorch-ethos-u"], precision, tmp_path)
    assert not list(tmp_path.iterdir())


def test_ethos_u_has_no_float_boundary(graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path: Path) -> None:
    with pytest.raises(DpocketError, match="executorch-ethos-u has no --float-io: the NPU computes in integers only"):
        export(graph, meaning, ["executorch-ethos-u"], "int8", tmp_path, grid, float_io=True)
