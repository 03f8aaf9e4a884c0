"""Float artifacts are held to the roundings of their arithmetic, against what computes the same function."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.artifact import Artifact, Origin, write_artifact
from convert.lower import lower
from convert.onnx import to_onnx
from runtime_py.manifest import manifest_path
from runtime_py.parity.budget import DEFAULT_BUDGET, Limit
from runtime_py.parity.float_limit import float_limit
from runtime_py.parity.matrix import MATRIX, reference_of, run_parity
from runtime_py.parity.samples import random_samples
from runtime_py.parity.trace import Trace
from training.graph import StudentGraph

Exports = Mapping[tuple[str, str], Artifact]
WIDE = Limit(1e6, 0.25)


def answered(artifact: Artifact, reach: float) -> Trace:
    """A trace whose disparities lie between plus and minus `reach` px."""
    shape = artifact.contract.output("disparity").shape
    values = np.linspace(-reach, reach, int(np.prod(shape)), dtype=np.float32).reshape(1, *shape[2:])
    return Trace("a", "reference", "x", "1", artifact.contract, ("s",), "0", {"disparity": values}, 0.0)


def test_float32_may_differ_by_the_order_of_its_sums_alone(exports: Exports) -> None:
    artifact = exports["onnx", "fp32"]
    assert float_limit(WIDE, artifact.path, answered(artifact, 5.0)).max_disparity_px == 1e-3


def test_half_floats_may_differ_in_proportion_to_the_range(exports: Exports) -> None:
    artifact = exports["coreml", "fp16"]
    small, large = (float_limit(WIDE, artifact.path, answered(artifact, r)).max_disparity_px for r in (1.0, 2.0))
    assert 1e-3 < small < 0.05
    assert large == pytest.approx(2 * small)
    assert float_limit(WIDE, artifact.path, answered(artifact, 1e6)).max_disparity_px == 0.25


def test_a_float_artifact_that_is_a_hundredth_of_a_pixel_off_is_outside_its_budget(
    exports: Exports, graph: StudentGraph, tmp_path: Path
) -> None:
    good = exports["litert", "fp32"]
    for path in (good.path, manifest_path(good.path)):
        shutil.copy(path, tmp_path)
    program = lower(graph)
    bias = program.tensors[program.ops[-1].inputs[2]]
    assert bias.data is not None
    moved = tuple(replace(t, data=t.data + np.float32(0.01)) if t is bias else t for t in program.tensors)  # type: ignore[operator]
    contract = exports["onnx", "fp32"].contract
    content = to_onnx(replace(program, tensors=moved), contract)
    wrong = write_artifact(tmp_path / "tiny_fp32.onnx", content, "onnx", "fp32", contract, Origin("", "", {}))
    parity = run_parity([tmp_path / good.path.name, wrong.path], random_samples(contract, 1))
    row = next(r for r in parity.rows if r.runtime == "onnxruntime")
    assert (row.status, row.max_disparity_px) == ("over", pytest.approx(0.01, rel=1e-2))
    assert DEFAULT_BUDGET["onnxruntime"].max_disparity_px > 0.01


def test_only_litert_quantises_activations_of_int8_weights(exports: Exports) -> None:
    """So the others' runtimes are held against the reference on their own file, and int8 ones against the .tflite."""
    (cell,) = (c for c in MATRIX[".onnx"] if c.runtime == "onnxruntime")
    for precision, expected in (("int8-weights", "onnx"), ("int8", "litert")):
        shared = [exports["litert", precision].path]
        path = exports["onnx", precision].path
        assert reference_of(path, cell, shared)[0] == str(exports[expected, precision].path)
