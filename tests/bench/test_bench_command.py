"""`dpocket bench`: what it counts in this project's artifacts, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import dpocket
from benchmarks.models import INT8_OPS
from convert.meaning import Meaning
from convert.targets import export
from runtime_py.bench import bench
from runtime_py.errors import DpocketError
from runtime_py.readers.pte_calls_of import calls_of
from training.quantize import calibrate
from training.tracing import trace

sys.path.insert(0, str(Path(__file__).parents[1] / "convert"))

from tiny_student import HEIGHT, WIDTH, TinyStudent, random_views


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny student's int8 artifacts."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    torch.manual_seed(0)
    graph = trace(TinyStudent().eval(), [torch.zeros(1, 1, HEIGHT, WIDTH)] * 2)
    grid = calibrate(graph, [random_views(1, 2)], input_scale=3 / 127)
    out: Path = tmp_path_factory.mktemp("bench")
    export(graph, Meaning("tiny", 96, 2), ["litert", "executorch", "onnx"], "int8", out, grid)
    return out


@pytest.mark.parametrize("suffix", [".tflite", ".pte"])
def test_all_of_the_int8_student_is_one_delegate_without_floats(folder: Path, suffix: str) -> None:
    (entry,) = bench([folder / f"tiny_int8{suffix}"], rounds=1).entries
    nodes = entry.nodes
    assert nodes.file is not None
    assert nodes.file > 10
    assert (nodes.delegated, nodes.partitions, nodes.outside) == (nodes.file, 1, ())
    assert nodes.runs == {"DELEGATE": 1}
    assert nodes.islands == ()
    assert nodes.floats == 0


@pytest.mark.parametrize("name", ["heads, fp32", "moves, portable"])
def test_the_calls_of_a_pte_are_those_that_executorch_itself_reads(name: str) -> None:
    pytest.importorskip("executorch", reason="ExecuTorch is not installed")
    from executorch.exir._serialize._program import deserialize_pte_binary
    from executorch.exir.schema import DelegateCall, KernelCall

    from benchmarks.models.pte import build
    from benchmarks.models.pte_nets import cases

    data = build(cases(seed=3)[name])
    (plan,) = (p for p in deserialize_pte_binary(data).program.execution_plan if p.name == "forward")
    called = [i.instr_args for chain in plan.chains for i in chain.instructions]
    found = calls_of(data, name)
    assert found.kernels == tuple(plan.operators[c.op_index].name for c in called if isinstance(c, KernelCall))
    assert len(found.delegates) == sum(isinstance(c, DelegateCall) for c in called)


def test_the_first_is_what_the_others_are_held_against(folder: Path, tmp_path: Path) -> None:
    names = ["tiny_int8.tflite", "tiny_int8.pte", "tiny_int8.onnx"]
    told = tmp_path / "told.json"
    dpocket.app(
        ["bench", *(str(folder / n) for n in names), "--rounds", "2", "--json", str(told)], standalone_mode=False
    )
    found = json.loads(told.read_text())
    assert [Path(a["path"]).name for a in found["artifacts"]] == names
    assert found["artifacts"][0]["ratio"]["median"] == 1.0
    assert [a["runtime"] for a in found["artifacts"]] == ["litert/xnnpack", "executorch", "onnxruntime/all"]
    assert found["artifacts"][2]["nodes"]["runs"]["QLinearConv"] > 0
    assert all(a["bytes"] == (folder / n).stat().st_size for a, n in zip(found["artifacts"], names, strict=True))


def test_the_reference_runtime_delegates_nothing(folder: Path) -> None:
    (entry,) = bench([folder / "tiny_int8.tflite"], "reference", rounds=1).entries
    assert entry.runtime == "reference/xnnpack"
    assert entry.nodes.delegated is None
    assert entry.nodes.islands == ()


def test_a_foreign_file_needs_no_contract(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    path = tmp_path / "foreign.tflite"
    path.write_bytes(INT8_OPS["conv2d"](np.random.default_rng(2)).content())
    (entry,) = bench([path], rounds=1).entries
    assert entry.nodes.file == 1


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    with pytest.raises(SystemExit) as done:
        dpocket.main(["bench", *map(str, arguments)])
    assert done.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_missing_or_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.tflite").write_bytes(b"<html>not found</html>")
    (tmp_path / "a.pte").write_bytes(b"garbage")
    (tmp_path / "a.txt").write_bytes(b"hello")
    assert "a web page" in said(capsys, tmp_path / "a.tflite")
    assert "a.pte is not a .pte file" in said(capsys, tmp_path / "a.pte")
    assert "artifacts end in" in said(capsys, tmp_path / "a.txt")
    assert "there is no artifact" in said(capsys, tmp_path / "nowhere.onnx")


def test_a_wrong_option_is_answered_with_what_is_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = folder / "tiny_int8.tflite"
    assert "at least 1 is needed" in said(capsys, artifact, "--rounds", "0")
    assert "known are: vendor, reference" in said(capsys, artifact, "--runtime", "abacus")


def test_open_sizes_are_refused_before_anything_runs(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    x, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["batch", 4]) for n in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "open", [x], [y])
    path = tmp_path / "open.onnx"
    opsets = [onnx.helper.make_opsetid("", 17)]
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    with pytest.raises(DpocketError, match="leaves the size of its input 'x' open"):
        bench([path], rounds=1)
