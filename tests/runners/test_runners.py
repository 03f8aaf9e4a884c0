from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.models import INT8_OPS
from benchmarks.models.tflite import O, T, model
from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import ArtifactError, ContractError, DpocketError, RuntimeUnavailable
from runtime_py.runners import RUNTIMES, VENDORS, open_runner

SHAPE = (1, 4, 6, 1)


@pytest.fixture
def tflite_path(tmp_path: Path) -> Path:
    """Adds "left" and "right" to "disparity"; tensor names and their order differ from the signature's."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    tensors = [T("b", SHAPE, "int8", 0.1, 3), T("a", SHAPE, "int8", 0.2, -9), T("y", SHAPE, "int8", 0.23, 5)]
    names = {"inputs": {"right": 1, "left": 0}, "outputs": {"disparity": 2}}
    path = tmp_path / "student.tflite"
    path.write_bytes(model(tensors, [O("ADD", (0, 1), (2,), "AddOptions")], (0, 1), (2,), signature=names))
    return path


def views() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(-128, 128, SHAPE).astype(np.int8) for name in ("left", "right")}


@pytest.mark.parametrize("dialect", ["xnnpack", "litert-reference"])
def test_reference_and_vendor_agree_on_names_and_integers(tflite_path: Path, dialect: str) -> None:
    vendor = open_runner(tflite_path, "vendor", dialect)
    reference = open_runner(tflite_path, "reference", dialect)
    assert vendor.name == f"litert/{dialect}"
    assert reference.name == f"reference/{dialect}"
    assert vendor.input_names == reference.input_names == ("left", "right")
    theirs, ours = vendor.run(views()), reference.run(views())
    assert list(theirs) == list(ours) == ["disparity"]
    np.testing.assert_array_equal(theirs["disparity"], ours["disparity"])
    assert vendor.version[0].isdigit()


def test_unnamed_models_go_by_their_tensors(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    made = INT8_OPS["conv2d"](np.random.default_rng(2))
    path = tmp_path / "other.tflite"
    path.write_bytes(made.content())
    theirs = open_runner(path, "litert").run({"x": made.arrays[0]})
    ours = open_runner(path, "reference").run({"x": made.arrays[0]})
    np.testing.assert_array_equal(theirs["y"], ours["y"])


@pytest.mark.parametrize("runtime", ["litert", "reference"])
def test_inputs_that_do_not_fit_are_contract_errors(tflite_path: Path, runtime: str) -> None:
    runner = open_runner(tflite_path, runtime)
    given = views()
    with pytest.raises(ContractError, match="the inputs are left, right; given were left"):
        runner.run({"left": given["left"]})
    with pytest.raises(ContractError, match="'right' must be int8 of shape"):
        runner.run({"left": given["left"], "right": given["right"].astype(np.float32)})


def test_files_that_a_vendor_refuses_are_artifact_errors(tmp_path: Path, tflite_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(tflite_path.read_bytes()[:-200])
    for runtime in ("litert", "reference"):
        with pytest.raises(ArtifactError, match=r"damaged\.tflite"):
            open_runner(damaged, runtime)
        with pytest.raises(ArtifactError, match=r"absent\.tflite cannot be read"):
            open_runner(tmp_path / "absent.tflite", runtime)


def test_unknown_runtimes_suffixes_and_dialects_list_what_exists(tflite_path: Path) -> None:
    with pytest.raises(DpocketError, match=f"known are: vendor, {', '.join(RUNTIMES)}"):
        open_runner(tflite_path, "tensorrt")
    with pytest.raises(DpocketError, match=r"artifacts end in \.tflite"):
        open_runner("student.h5")
    with pytest.raises(RuntimeUnavailable, match="executorch has no dialect 'litert-reference', only xnnpack"):
        open_runner("student.pte", dialect="litert-reference")
    assert set(VENDORS.values()) < set(RUNTIMES)


def test_a_missing_package_is_a_reason_not_a_traceback(tflite_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(RuntimeUnavailable, match="pip install ai-edge-litert"):
        open_runner(tflite_path, "litert")


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML works here")
def test_core_ml_says_why_it_is_unavailable_off_macos(tmp_path: Path) -> None:
    package = tmp_path / "student.mlpackage"
    package.mkdir()
    with pytest.raises(RuntimeUnavailable, match="macOS only"):
        open_runner(package)


def test_importing_the_runners_imports_no_vendor() -> None:
    code = (
        "import sys, runtime_py.runners; "
        "print([m for m in ('torch', 'ai_edge_litert', 'onnxruntime', 'executorch', 'coremltools', 'cv2') "
        "if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def onnx_path(tmp_path: Path) -> Path:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    real = onnx.TensorProto.FLOAT
    values = [onnx.helper.make_tensor_value_info(n, real, ["n", 4]) for n in ("left", "right", "disparity")]
    node = onnx.helper.make_node("Sub", ["left", "right"], ["disparity"])
    graph = onnx.helper.make_graph([node], "student", values[:2], values[2:])
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "student.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def test_onnx_runtime_runs_by_name_and_takes_free_sizes(onnx_path: Path) -> None:
    runner = open_runner(onnx_path)
    left, right = np.ones((3, 4), np.float32), np.full((3, 4), 0.25, np.float32)
    np.testing.assert_array_equal(runner.run({"right": right, "left": left})["disparity"], np.full((3, 4), 0.75))
    with pytest.raises(ContractError, match="'left' must be float32"):
        runner.run({"left": left[:, :3], "right": right})
    onnx_path.write_bytes(b"\x08\x09garbage" * 9)
    with pytest.raises(ArtifactError, match="ONNX Runtime refuses"):
        open_runner(onnx_path)


@pytest.fixture(scope="module")
def pte_bytes() -> bytes:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    exir = pytest.importorskip("executorch.exir", reason="ExecuTorch is not installed")

    class Difference(torch.nn.Module):  # type: ignore[name-defined,misc]
        def forward(self, left: Any, right: Any) -> Any:
            return left - right

    example = (torch.zeros(1, 4), torch.zeros(1, 4))
    return bytes(exir.to_edge(torch.export.export(Difference().eval(), example)).to_executorch().buffer)


def spec(name: str) -> TensorSpec:
    return TensorSpec(name, (1, 4), "NHWC", "float32", "px", (0.0, 1.0))


def test_executorch_takes_names_and_order_from_the_contract(pte_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "student.pte"
    path.write_bytes(pte_bytes)
    left, right = np.ones((1, 4), np.float32), np.full((1, 4), 0.25, np.float32)
    contract = Contract("test", (spec("left"), spec("right")), (spec("disparity"),), 4, 1)
    named = open_runner(path, contract=contract)
    assert named.input_names == ("left", "right")
    np.testing.assert_array_equal(named.run({"right": right, "left": left})["disparity"], np.full((1, 4), 0.75))
    bare = open_runner(path)
    np.testing.assert_array_equal(bare.run({"input0": left, "input1": right})["output0"], np.full((1, 4), 0.75))
    with pytest.raises(ContractError, match="has 2 inputs, its contract 1"):
        open_runner(path, contract=Contract("test", (spec("left"),), (spec("disparity"),), 4, 1))
    path.write_bytes(pte_bytes[:60])
    with pytest.raises(ArtifactError, match=r"ExecuTorch refuses .*student\.pte"):
        open_runner(path)
    path.write_bytes(b"not a program at all")
    with pytest.raises(ArtifactError, match=r"is not a \.pte file"):
        open_runner(path)
