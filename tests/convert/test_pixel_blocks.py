"""Operations on pixel blocks compute the integers of the operations that they replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from convert.lower import lower
from convert.pixel_blocks import with_pixel_blocks
from convert.precision import at_precision
from runtime_py.interpreter import Interpreter
from runtime_py.program import Program
from training.graph import StudentGraph
from training.quantize import Grid

Views = Mapping[str, NDArray[np.int8]]


@pytest.fixture(scope="module")
def program(graph: StudentGraph, grid: Grid) -> Program:
    return at_precision(lower(graph), "int8", grid)


def every_tensor(program: Program, views: Views, dialect: str) -> dict[str, NDArray[np.int8]]:
    found: dict[str, NDArray[np.int8]] = {}
    nhwc = {name: np.ascontiguousarray(value.transpose(0, 2, 3, 1)) for name, value in views.items()}
    Interpreter(program, dialect).run(nhwc, found.__setitem__)
    return found


@pytest.mark.parametrize("dialect", ["xnnpack", "litert-reference"])
def test_no_integer_of_any_tensor_changes(program: Program, int8_views: Views, dialect: str) -> None:
    plain, blocked = (every_tensor(p, int8_views, dialect) for p in (program, with_pixel_blocks(program)))
    assert len(blocked) > len(plain)
    joined = next(program.tensors[op.outputs[0]].name for op in program.ops if op.kind == "concat")
    for name in set(plain) - {joined}:
        np.testing.assert_array_equal(blocked[name], plain[name], err_msg=name)


def test_the_joined_views_are_the_same_pixels_row_beside_row(program: Program, int8_views: Views) -> None:
    joined = next(program.tensors[op.outputs[0]].name for op in program.ops if op.kind == "concat")
    rows = every_tensor(with_pixel_blocks(program), int8_views, "xnnpack")[joined]
    left, right = (int8_views[name][0, 0] for name in ("left", "right"))
    np.testing.assert_array_equal(rows[0, :, :, 0], np.concatenate([left, right], axis=1))


def test_each_form_is_used_and_no_narrow_operation_is_left(program: Program) -> None:
    blocked = with_pixel_blocks(program)
    kinds = [op.kind for op in blocked.ops]
    assert kinds.count("space_to_depth") == 1
    weights = {
        blocked.tensors[op.inputs[1]].name: blocked.tensors[op.inputs[1]].shape
        for op in blocked.ops
        if "conv" in op.kind
    }
    assert weights["stem.weight"] == (12, 2, 2, 16)
    assert weights["up.weight"] == (32, 1, 1, 8)
    assert weights[f"{program.output_names()[0]}.weight"] == (4, 4, 4, 9)
    assert weights["up_wide.weight"] == (6, 4, 4, 8)
    assert kinds.count("depth_to_space") == 2


def test_a_float_program_stays_as_it_is(graph: StudentGraph) -> None:
    program = lower(graph)
    assert with_pixel_blocks(program).ops == program.ops


def test_a_view_whose_width_is_no_multiple_of_four_is_joined_as_before(program: Program) -> None:
    tensors = tuple(
        replace(t, shape=(1, 32, 46, 1)) if i in program.inputs else t for i, t in enumerate(program.tensors)
    )
    kinds = [op.kind for op in with_pixel_blocks(replace(program, tensors=tensors)).ops]
    assert "space_to_depth" not in kinds
