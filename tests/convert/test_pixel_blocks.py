"""Operations on pixel blocks compute the integers of the operations that they replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convert.lower import lower
from convert.pixel_blocks import with_pixel_blocks
from convert.precision import at_precision
from runtime_py.interpreter import Interpreter
from runtime_py.program import Program
from training.graph import StudentGraph
from training.models.pyramid import PyramidStudent
from training.quantize import Grid, calibrate
from training.tracing import trace

Views = Mapping[str, NDArray[np.int8]]


HEADS = ((2, 2), (2, 4), (4, 8))


@pytest.fixture(scope="module")
def program(graph: StudentGraph, grid: Grid) -> Program:
    return at_precision(lower(graph), "int8", grid)


@pytest.fixture(scope="module")
def pyramid() -> Program:
    """With a second 4×4 convolution, and two heads on one tensor."""
    torch.manual_seed(0)
    planes = [torch.randn(1, 1, 64, 96).clamp(-3, 3) for _ in range(2)]
    graph = trace(PyramidStudent(4, 6, 8), planes, outputs=("disparity", "confidence"))
    views = dict(zip(graph.inputs, planes, strict=True))
    return at_precision(lower(graph), "int8", calibrate(graph, [views], input_scale=3 / 127))


def full_range(program: Program) -> Views:
    rng = np.random.default_rng(5)
    tensors = [program.tensors[i] for i in program.inputs]
    return {t.name: rng.integers(-128, 128, t.shape, dtype=np.int8) for t in tensors}


def every_tensor(program: Program, dialect: str) -> dict[str, NDArray[np.int8]]:
    found: dict[str, NDArray[np.int8]] = {}
    Interpreter(program, dialect).run(full_range(program), found.__setitem__)
    return found


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("dialect", ["xnnpack", "litert-reference"])
@pytest.mark.parametrize("which", ["program", "pyramid"])
@pytest.mark.parametrize("space_to_depth", [True, False])
def test_no_integer_of_any_tensor_changes(
    space_to_depth: bool, which: str, dialect: str, head: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    source: Program = request.getfixturevalue(which)
    plain, blocked = (every_tensor(p, dialect) for p in (source, with_pixel_blocks(source, head, space_to_depth)))
    assert len(blocked) > len(plain)
    joined = next(source.tensors[op.outputs[0]].name for op in source.ops if op.kind == "concat")
    for name in set(plain) - {joined}:
        np.testing.assert_array_equal(blocked[name], plain[name], err_msg=name)


def test_the_joined_views_are_the_same_pixels_row_beside_row(program: Program) -> None:
    joined = next(program.tensors[op.outputs[0]].name for op in program.ops if op.kind == "concat")
    rows = every_tensor(with_pixel_blocks(program), "xnnpack")[joined]
    left, right = (view[0, :, :, 0] for view in full_range(program).values())
    np.testing.assert_array_equal(rows[0, :, :, 0], np.concatenate([left, right], axis=1))


def weight_shapes(program: Program) -> dict[str, tuple[int, ...]]:
    weights = [program.tensors[op.inputs[1]] for op in program.ops if "conv" in op.kind]
    return {weight.name: weight.shape for weight in weights}


def test_each_form_is_used(program: Program, pyramid: Program) -> None:
    tiny = weight_shapes(with_pixel_blocks(program))
    assert tiny["stem.weight"] == (12, 2, 2, 16)
    assert weight_shapes(with_pixel_blocks(program, space_to_depth=False))["stem.weight"] == (6, 2, 2, 8)
    assert tiny["up.weight"] == (32, 1, 1, 8)
    assert tiny[f"{program.output_names()[0]}.weight"] == (4, 4, 2, 18)
    assert tiny["up_wide.weight"] == (6, 4, 4, 8)
    assert "transpose" not in {op.kind for op in with_pixel_blocks(pyramid).ops}
    blocked = with_pixel_blocks(pyramid, (2, 4))
    weights = weight_shapes(blocked)
    assert weights["down_quarter.weight"] == (6, 4, 2, 8)
    assert weights["disparity.weight"] == weights["confidence.weight"] == (8, 4, 3, 12)
    # The pixels under both heads are padded once.
    assert [op.kind for op in blocked.ops].count("pad") == 3


def test_a_float_program_stays_as_it_is(graph: StudentGraph) -> None:
    program = lower(graph)
    assert with_pixel_blocks(program).ops == program.ops


def test_a_view_of_odd_width_is_joined_as_before(program: Program) -> None:
    tensors = tuple(
        replace(t, shape=(1, 32, 47, 1)) if i in program.inputs else t for i, t in enumerate(program.tensors)
    )
    (join,) = [op for op in with_pixel_blocks(replace(program, tensors=tensors)).ops[:3] if op.kind == "concat"]
    assert join.attrs["axis"] == 3


def test_a_head_whose_size_is_no_multiple_of_the_block_is_kept(program: Program) -> None:
    weights = weight_shapes(with_pixel_blocks(program, (3, 4)))
    assert weights[f"{program.output_names()[0]}.weight"] == (1, 3, 3, 9)
