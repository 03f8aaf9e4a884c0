"""Lint of artifacts: small files with one defect each, and sound ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.models.tflite import O, T, model
from runtime_py.errors import ArtifactError
from runtime_py.lint import Finding, lint_artifact
from runtime_py.lint.islands import islands
from runtime_py.program import Op, Program, Quant, Tensor

PLANE = (1, 4, 4, 2)


def stored(name: str, shape: tuple[int, ...] = PLANE, scale: float = 0.5, dtype: str = "int8") -> T:
    return T(name, shape, dtype, scale=scale if dtype == "int8" else None)


def found(tmp_path: Path, tensors: list[T], ops: list[O], outputs: tuple[int, ...]) -> list[Finding]:
    """Findings on a .tflite of these, that it has no contract left out; its input is tensor 0."""
    path = tmp_path / "student.tflite"
    path.write_bytes(model(tensors, ops, (0,), outputs))
    return [f for f in lint_artifact(path).findings if f.check != "contract"]


def convolution(bias: bool) -> tuple[list[T], O]:
    weight = T("w", (2, 1, 1, 2), "int8", scale=[1.0, 1.0], data=np.full((2, 1, 1, 2), 127, np.int8))
    offset = T("b", (2,), "int32", scale=[0.5, 0.5], data=np.zeros(2, np.int32))
    fields: dict[str, Any] = {"strideH": 1, "strideW": 1, "padding": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    op = O("CONV_2D", (0, 1, 2) if bias else (0, 1, -1), (3,), "Conv2DOptions", fields)
    return [stored("x"), weight, offset, stored("y", scale=64.0)], op


def test_a_sound_file_has_no_findings_but_that_it_has_no_contract(tmp_path: Path) -> None:
    tensors, op = convolution(bias=True)
    assert found(tmp_path, tensors, [op], (3,)) == []
    (finding,) = lint_artifact(tmp_path / "student.tflite").findings
    assert (finding.check, finding.status) == ("contract", "warning")


def test_an_int8_convolution_without_a_bias_is_refused(tmp_path: Path) -> None:
    tensors, op = convolution(bias=False)
    (finding,) = found(tmp_path, tensors, [op], (3,))
    assert (finding.check, finding.status, finding.place) == ("bias", "refused", "operator 0 (CONV_2D)")


@pytest.mark.parametrize(("scale", "checks"), [(0.5, []), (0.25, ["ties"])])
def test_a_pooling_onto_another_grid_is_refused(tmp_path: Path, scale: float, checks: list[str]) -> None:
    fields = {"strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2, "padding": 1}
    op = O("MAX_POOL_2D", (0,), (1,), "Pool2DOptions", fields)
    findings = found(tmp_path, [stored("x"), stored("y", (1, 2, 2, 2), scale)], [op], (1,))
    assert [f.check for f in findings] == checks
    assert all(f.status == "refused" for f in findings)


def test_an_addition_of_distant_scales_leaves_xnnpack_and_is_said_once(tmp_path: Path) -> None:
    tensors = [stored("x", scale=1e-5), stored("y", scale=1.0)]
    (finding,) = found(tmp_path, tensors, [O("ADD", (0, 0), (1,), "AddOptions")], (1,))
    assert (finding.check, finding.status) == ("delegate", "warning")


def test_floats_between_integers_are_an_island(tmp_path: Path) -> None:
    tensors = [stored("x"), stored("a"), stored("f", dtype="float32"), stored("g", dtype="float32"), stored("y")]
    into = O("ADD", (0, 0), (1,), "AddOptions")
    off, on = O("DEQUANTIZE", (1,), (2,), "DequantizeOptions"), O("QUANTIZE", (3,), (4,), "QuantizeOptions")
    (finding,) = found(tmp_path, tensors, [into, off, O("TANH", (2,), (3,)), on], (4,))
    assert (finding.check, finding.place) == ("island", "operator 2 (TANH)")
    assert "tanh in float between int8 layers" in finding.what


def test_a_pixel_shuffle_of_transposes_is_told_from_a_change_of_layout(tmp_path: Path) -> None:
    order = T("order", (6,), "int32", data=np.array([0, 1, 3, 2, 4, 5], np.int32))
    six = (1, 2, 2, 2, 2, 2)
    six_turned = (1, 2, 2, 2, 2, 2)
    shapes = [
        T("s6", (6,), "int32", data=np.array(six, np.int32)),
        T("s4", (4,), "int32", data=np.array(PLANE, np.int32)),
    ]
    tensors = [stored("x"), order, *shapes, stored("a", six), stored("b", six_turned), stored("y")]
    ops = [O("RESHAPE", (0, 2), (4,)), O("TRANSPOSE", (4, 1), (5,)), O("RESHAPE", (5, 3), (6,))]
    (finding,) = found(tmp_path, tensors, ops, (6,))
    assert "pixel shuffle" in finding.what

    turn = T("turn", (4,), "int32", data=np.array([0, 3, 1, 2], np.int32))
    tensors = [stored("x"), turn, stored("y", (1, 2, 4, 4))]
    (finding,) = found(tmp_path, tensors, [O("TRANSPOSE", (0, 1), (2,))], (2,))
    assert (finding.check, "at the boundary: 32 values" in finding.what) == ("layout", True)


def test_summing_int8_is_refused_because_a_kernel_is_wrong(tmp_path: Path) -> None:
    axes = T("axes", (1,), "int32", data=np.array([3], np.int32))
    op = O("SUM", (0, 1), (2,), "ReducerOptions", {"keepDims": True})
    findings = found(tmp_path, [stored("x"), axes, stored("y", (1, 4, 4, 1), 1.0)], [op], (2,))
    assert [(f.check, f.status) for f in findings] == [("kernels", "refused")]


def test_a_damaged_or_missing_file_is_an_error_and_no_finding(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))
    for name in ("a.tflite", "b.tflite", "c.txt"):
        with pytest.raises(ArtifactError):
            lint_artifact(tmp_path / name)


def program(kinds: list[tuple[str, int, int]], dtypes: list[str]) -> Program:
    """Operations (kind, input, output) over tensors of these types; the first is the input, the last the output."""
    grid = Quant(np.ones(1, np.float32), np.zeros(1, np.int64))
    tensors = tuple(Tensor(f"t{i}", (1,), d, grid if d == "int8" else None) for i, d in enumerate(dtypes))
    ops = tuple(Op(kind, (i,), (o,), {}, kind) for kind, i, o in kinds)
    return Program(tensors, ops, (0,), (len(dtypes) - 1,))


REAL, WHOLE = "float32", "int8"


@pytest.mark.parametrize(
    ("kinds", "dtypes", "expected"),
    [
        ([("tanh", 0, 1)], [REAL, REAL], []),
        ([("quantize", 0, 1), ("tanh", 1, 2), ("dequantize", 2, 3)], [REAL, WHOLE, WHOLE, REAL], []),
        ([("tanh", 0, 1), ("quantize", 1, 2), ("tanh", 2, 3)], [REAL, REAL, WHOLE, WHOLE], [("start", 1)]),
        (
            [("tanh", 0, 1), ("dequantize", 1, 2), ("tanh", 2, 3), ("exponential", 3, 4)],
            [WHOLE, WHOLE, REAL, REAL, REAL],
            [("end", 2)],
        ),
        (
            [("tanh", 0, 1), ("dequantize", 1, 2), ("tanh", 2, 3), ("quantize", 3, 4), ("tanh", 4, 5)],
            [WHOLE, WHOLE, REAL, REAL, WHOLE, WHOLE],
            [("between", 1)],
        ),
    ],
)
def test_floats_count_as_an_island_only_beside_integers_that_compute(
    kinds: list[tuple[str, int, int]], dtypes: list[str], expected: list[tuple[str, int]]
) -> None:
    assert [(island.where, len(island.ops)) for island in islands(program(kinds, dtypes))] == expected
