"""Parity that an export measures itself: what it runs, what the manifest keeps of it, and what a wrong file does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from vendor_runtimes import litert, onnxruntime

import dpocket
from convert.artifact import Artifact
from convert.onnx import to_onnx
from convert.parity import CAPTURE, TILES, measure, spread
from convert.targets import ALL_TARGETS
from runtime_py.captures import open_capture
from runtime_py.captures.capture import DPCapture
from runtime_py.contract import Contract
from runtime_py.job import RANDOM_SAMPLES, parity_samples
from runtime_py.manifest import manifest_path, read_manifest
from runtime_py.parity.samples import NOISE, Sample
from runtime_py.program import Program
from training.checkpoint import SHIPPED

Exports = Mapping[tuple[str, str], Artifact]
SIZE = "96x128"


@pytest.fixture(scope="module")
def capture() -> DPCapture:
    """Noise that the right view sees two pixels further left."""
    rng = np.random.default_rng(5)
    texture = rng.uniform(0.1, 0.9, (64, 98)).astype(np.float32)
    return DPCapture("noise", "plain", texture[:, 2:], texture[:, :-2])


def copied(artifact: Artifact, folder: Path) -> Artifact:
    copy = shutil.copytree if artifact.path.is_dir() else shutil.copy2
    path = Path(copy(artifact.path, folder / artifact.path.name))
    shutil.copy2(manifest_path(artifact.path), folder)
    return replace(artifact, path=path)


@pytest.mark.parametrize("precision", ["int8", "fp32", "fp16", "int8-weights"])
def test_manifests_keep_what_was_measured_and_no_times(
    precision: str, exports: Exports, capture: DPCapture, tmp_path: Path
) -> None:
    made = [copied(artifact, tmp_path) for (_, name), artifact in exports.items() if name == precision]
    assert {a.manifest.parity["status"] for a in made} == {"not measured"}
    measured, parity = measure(made, capture)
    texts = [manifest_path(a.path).read_text() for a in made]
    assert [read_manifest(a.path) for a in made] == [a.manifest for a in measured]
    for artifact in measured:
        found = artifact.manifest.parity
        assert found["captures"] == ["noise"]
        assert found["samples"] > RANDOM_SAMPLES
        assert {run["runtime"] for run in found["runs"]} == {
            row.runtime for row in parity.rows if row.artifact == artifact.path.name
        }
        assert "reference" in {run["runtime"] for run in found["runs"]}
        assert "latency" not in json.dumps(found)
    measure(made, capture)
    assert [manifest_path(a.path).read_text() for a in made] == texts


def test_the_record_counts_the_integers_that_differ(exports: Exports, capture: DPCapture, tmp_path: Path) -> None:
    """The same samples once more through the vendors' own interfaces."""
    made = {t: copied(exports[t, "int8"], tmp_path) for t in ("litert", "onnx")}
    measured, _ = measure(list(made.values()), capture)
    contract = made["onnx"].contract
    differing = beyond = 0
    for sample in spread(parity_samples([a.path for a in made.values()], [capture])):
        stored = sample.stored(contract)
        steps = np.abs(
            onnxruntime(made["onnx"].path, stored).astype(int) - litert(made["litert"].path, stored).astype(int)
        )
        differing, beyond = differing + np.count_nonzero(steps), beyond + np.count_nonzero(steps > 1)
    run = next(r for r in measured[1].manifest.parity["runs"] if r["runtime"] == "onnxruntime")
    found = run["outputs"]["disparity"]
    assert (found["differing_integers"], found["beyond_one_step"]) == (differing, beyond)
    assert run["version"]


def test_a_few_tiles_stand_for_many_and_no_random_sample_is_left_out() -> None:
    named = [f"tile {i}" for i in range(100)] + [f"{NOISE} 1", f"{NOISE} 2"]
    kept = [sample.name for sample in spread([Sample(name, {}) for name in named])]
    assert kept[-2:] == named[-2:]
    assert len(kept) == TILES + 2
    assert set(np.diff([int(name.split()[1]) for name in kept[:-2]])) <= {6, 7}
    assert spread([Sample("tile 0", {})])[0].name == "tile 0"


def shifted(program: Program, contract: Contract) -> bytes:
    """An .onnx whose disparities are a pixel too large, as a converter's mistake may make them."""
    last = next(op for op in program.ops if program.tensors[op.outputs[0]].name == "disparity")
    bias = program.tensors[last.inputs[2]]
    assert bias.data is not None
    assert bias.quant is not None
    moved = replace(bias, data=bias.data + np.rint(1 / bias.quant.scale).astype(np.int32))
    tensors = tuple(moved if i == last.inputs[2] else t for i, t in enumerate(program.tensors))
    return to_onnx(replace(program, tensors=tensors), contract)


def export(capsys: pytest.CaptureFixture[str], out: Path, *options: str) -> tuple[int, str]:
    """Exit code and what is printed."""
    arguments = ["export", str(SHIPPED), "--size", SIZE, "--target", "litert,onnx", "--out", str(out), *options]
    with pytest.raises(SystemExit) as done:
        dpocket.main(arguments)
    return int(done.value.code or 0), capsys.readouterr().out


def test_the_command_measures_on_the_capture_that_ships(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = export(capsys, tmp_path)
    assert code == 0
    assert said.count("parity: within budget") == 2
    for name in ("student_int8.tflite", "student_int8.onnx"):
        manifest = read_manifest(tmp_path / name)
        assert manifest.parity["status"] == "within budget"
        assert manifest.parity["captures"] == [open_capture(CAPTURE).name]
        assert (manifest.recipe["name"], manifest.recipe["model"]) == ("pyramid-int8", "pyramid")
        assert manifest.calibration["method"]


def test_a_file_that_computes_something_else_is_told_and_ends_with_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ALL_TARGETS, "onnx", replace(ALL_TARGETS["onnx"], write=shifted))  # type: ignore[arg-type]
    code, said = export(capsys, tmp_path)
    assert code == 1
    lines = {Path(line.split()[0]).name: line for line in said.splitlines() if line.startswith("/")}
    assert lines["student_int8.tflite"].endswith("parity: within budget")
    assert lines["student_int8.onnx"].endswith("parity: outside budget")
    assert "onnxruntime (onnx-qdq): " in said
    assert "the largest deviation of the disparity is 1." in said
    found = read_manifest(tmp_path / "student_int8.onnx").parity
    assert found["status"] == "outside budget"
    assert [run["status"] for run in found["runs"] if run["runtime"] == "onnxruntime"] == ["over"]
    assert read_manifest(tmp_path / "student_int8.tflite").parity["status"] == "within budget"


def test_without_parity_the_manifest_says_that_nothing_was_measured(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, said = export(capsys, tmp_path, "--no-parity")
    assert code == 0
    assert said.count("parity: not measured") == 2
    assert read_manifest(tmp_path / "student_int8.onnx").parity == {"status": "not measured"}
