"""Programs that ask for too much are refused before anything is allocated; the trace keeps no more than it must."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from runtime_py.dialects import DIALECTS
from runtime_py.errors import ArtifactError
from runtime_py.interpreter import Interpreter
from runtime_py.limits import FLOOR, Limits, limits_of
from runtime_py.ops import check
from runtime_py.program import Op, Program, Quant, Tensor

PLAIN = {"stride": (1, 1), "dilation": (1, 1), "padding": "same", "activation": "none"}
ROOM = Limits(memory=1 << 40, operations=10**15)


def grid(scale: float) -> Quant:
    return Quant(np.array([scale], np.float32), np.zeros(1, np.int64))


def convolution(image: tuple[int, ...], weights: tuple[int, ...], stored: np.ndarray | None = None) -> Program:
    data = np.ones(weights, np.int8) if stored is None else stored
    tensors = (
        Tensor("x", image, "int8", grid(0.1)),
        Tensor("w", weights, "int8", grid(0.1), data),
        Tensor("y", (*image[:3], weights[0]), "int8", grid(0.1)),
    )
    return Program(tensors, (Op("conv2d", (0, 1), (2,), PLAIN),), (0,), (2,))


def chain(length: int, shape: tuple[int, ...]) -> Program:
    tensors = tuple(Tensor(f"t{i}", shape, "float32") for i in range(length + 1))
    return Program(tensors, tuple(Op("relu", (i,), (i + 1,)) for i in range(length)), (0,), (length,))


def test_a_small_file_may_not_declare_tensors_without_end() -> None:
    program = chain(2, (1, 4096, 4096, 16))
    with pytest.raises(ArtifactError, match=r"relu: the program needs about \d+ MiB at once .*'t[01]' has the shape"):
        Interpreter(program)
    Interpreter(program, limits=ROOM)


def test_a_small_file_may_not_declare_work_without_end() -> None:
    with pytest.raises(ArtifactError, match=r"conv2d: the program needs about \d\.\de\+\d+ operations"):
        Interpreter(convolution((1, 512, 512, 64), (64, 17, 17, 64)), limits=FLOOR)


def test_filters_without_channels_are_refused() -> None:
    """A damaged file once divided by them."""
    with pytest.raises(ArtifactError, match="cannot share 1 channels among 2 filters of 0 channels"):
        Interpreter(convolution((1, 4, 4, 1), (2, 3, 3, 0)))


def test_limits_grow_with_the_constants_but_not_with_repeated_ones() -> None:
    weights = (64, 17, 17, 64)
    stored = limits_of(convolution((1, 8, 8, 64), weights))
    repeated = limits_of(convolution((1, 8, 8, 64), weights, np.broadcast_to(np.int8(1), weights)))
    assert stored.operations > FLOOR.operations + 10**9
    assert repeated.operations < FLOOR.operations + 10**6


def test_grouped_convolutions_are_counted_as_the_dense_ones_they_become() -> None:
    few, many = convolution((1, 8, 8, 4096), (4096, 1, 1, 4096)), convolution((1, 8, 8, 4096), (4096, 1, 1, 1))
    costs = [check(p.tensors, p.ops[0], DIALECTS["xnnpack"]).cost for p in (few, many)]
    assert costs[0] == costs[1]
    assert costs[0].kept > 100 << 20


def test_a_student_of_ten_gmac_at_the_full_size_of_a_capture_is_admitted() -> None:
    """Six convolutions of 16 channels at half of 2016 x 1512: more than the shipped student's 7.5 GMAC there."""
    tensors, ops = [Tensor("x", (1, 1008, 756, 16), "int8", grid(0.1))], []
    for i in range(6):
        tensors.append(Tensor(f"w{i}", (16, 3, 3, 16), "int8", grid(0.1), np.ones((16, 3, 3, 16), np.int8)))
        tensors.append(Tensor(f"y{i}", (1, 1008, 756, 16), "int8", grid(0.1)))
        ops.append(Op("conv2d", (2 * i, 2 * i + 1), (2 * i + 2,), PLAIN))
    Interpreter(Program(tuple(tensors), tuple(ops), (0,), (12,)))


def test_a_trace_holds_no_more_than_what_is_alive() -> None:
    """Of a chain of ten only two tensors are alive at once, input aside; the caller's own input is not counted."""
    shape = (1, 256, 256, 16)
    one = 4 * int(np.prod(shape))
    interpreter = Interpreter(chain(10, shape))
    x = {"t0": np.zeros(shape, np.float32)}
    interpreter.run(x)
    tracemalloc.start()
    for _ in interpreter.trace(x):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.3 * one


@pytest.mark.parametrize("dialect", ["xnnpack", "litert-reference"])
@pytest.mark.parametrize("kind", ["conv2d", "add", "softmax", "resize_bilinear", "average_pool2d"])
def test_an_operation_takes_no_more_memory_than_its_estimate(kind: str, dialect: str) -> None:
    shape, quant = (1, 96, 96, 16), grid(0.1)
    attrs = PLAIN | {"window": (3, 3), "beta": 1.0, "align_corners": False, "half_pixel_centers": True}
    out = Quant(np.array([1 / 256], np.float32), np.array([-128])) if kind == "softmax" else quant
    tensors = [Tensor("x", shape, "int8", quant), Tensor("y", shape, "int8", out)]
    inputs: tuple[int, ...] = (0,)
    if kind == "conv2d":
        tensors.append(Tensor("w", (16, 3, 3, 16), "int8", quant, np.ones((16, 3, 3, 16), np.int8)))
        inputs = (0, 2)
    if kind == "add":
        inputs = (0, 0)
    program = Program(tuple(tensors), (Op(kind, inputs, (1,), attrs),), (0,), (1,))
    cost = check(program.tensors, program.ops[0], DIALECTS[dialect]).cost
    interpreter = Interpreter(program, dialect)
    x = {"x": np.zeros(shape, np.int8)}
    tracemalloc.start()
    interpreter.run(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < cost.workspace + int(np.prod(shape)) + 10_000
