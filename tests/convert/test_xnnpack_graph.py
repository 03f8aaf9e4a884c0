"""A graph written for XNNPACK computes the program's integers, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.executorch import to_pte
from convert.meaning import Meaning, contract_of_program
from convert.xnnpack_graph import NODES, to_payload
from runtime_py.errors import DpocketError
from runtime_py.interpreter import Interpreter
from runtime_py.program import Op, Program, Quant, Tensor
from runtime_py.runners import open_runner

SIZE = (6, 8)


def steps(scale: float, zero_point: int) -> Quant:
    return Quant(np.array([scale], np.float32), np.array([zero_point], np.int64))


class Sketch:
    """A program of left and right, of some channels each, and one operation to `disparity`."""

    def __init__(self, channels: int = 1, grid: Quant | None = None) -> None:
        self.grid = grid or steps(0.05, 3)
        shape = (1, *SIZE, channels)
        self.tensors = [Tensor(name, shape, "int8", self.grid) for name in ("left", "right")]
        self.rng = np.random.default_rng(7)

    def weights(self, *shape: int, axis: int = 0) -> tuple[int, int]:
        """An int8 weight and its int32 bias, one scale per channel along `axis`."""
        count = shape[axis]
        scales = self.rng.uniform(0.002, 0.02, count).astype(np.float32)
        zeros = np.zeros(count, np.int64)
        weight = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-900, 900, count).astype(np.int32)
        biases = Quant(scales * self.grid.scale[0], zeros, 0)
        self.tensors.append(Tensor("weight", shape, "int8", Quant(scales, zeros, axis), weight))
        self.tensors.append(Tensor("bias", (count,), "int32", biases, bias))
        return len(self.tensors) - 2, len(self.tensors) - 1

    def program(self, kind: str, inputs: tuple[int, ...], shape: tuple[int, ...], grid: Quant, **attrs: Any) -> Program:
        self.tensors.append(Tensor("disparity", shape, "int8", grid))
        out = len(self.tensors) - 1
        # XNNPACK drops an input that nothing reads, and ExecuTorch then fails to pass it.
        read = tuple(i for i in inputs if i < 2)
        return Program(tuple(self.tensors), (Op(kind, inputs, (out,), attrs, kind),), read, (out,))


def convolution(channels: int, outputs: int, activation: str, grid: Quant) -> Program:
    sketch = Sketch(channels)
    inputs = (0, *sketch.weights(outputs, 3, 3, channels))
    attrs = {"stride": (1, 1), "dilation": (1, 1), "padding": "same", "activation": activation}
    return sketch.program("conv2d", inputs, (1, *SIZE, outputs), grid, **attrs)


def depthwise(channels: int, outputs: int, activation: str, grid: Quant) -> Program:
    sketch = Sketch(channels)
    inputs = (0, *sketch.weights(1, 3, 3, 2 * channels, axis=3))
    attrs = {"stride": (1, 1), "dilation": (2, 2), "padding": "same", "activation": activation}
    return sketch.program("depthwise_conv2d", inputs, (1, *SIZE, 2 * channels), grid, **attrs)


def transposed(channels: int, outputs: int, activation: str, grid: Quant) -> Program:
    sketch = Sketch(channels)
    inputs = (0, *sketch.weights(outputs, 4, 4, channels))
    attrs = {"stride": (2, 2), "padding": "same", "activation": activation}
    return sketch.program("transpose_conv2d", inputs, (1, 2 * SIZE[0], 2 * SIZE[1], outputs), grid, **attrs)


def added(channels: int, outputs: int, activation: str, grid: Quant) -> Program:
    return Sketch(channels).program("add", (0, 1), (1, *SIZE, channels), grid, activation=activation)


def joined(channels: int, outputs: int, activation: str, grid: Quant) -> Program:
    sketch = Sketch(channels, grid)
    return sketch.program("concat", (0, 1), (1, *SIZE, 2 * channels), grid, axis=3, activation="none")


def pooled(channels: int, outputs: int, activation: str, grid: Quant) -> Program:
    shape = (1, SIZE[0] // 2, SIZE[1] // 2, channels)
    attrs = {"window": (2, 2), "stride": (2, 2), "padding": "valid", "activation": activation}
    return Sketch(channels, grid).program("max_pool2d", (0,), shape, grid, **attrs)


KINDS: Mapping[str, Callable[[int, int, str, Quant], Program]] = {
    "conv2d": convolution,
    "depthwise_conv2d": depthwise,
    "transpose_conv2d": transposed,
    "add": added,
    "concat": joined,
    "max_pool2d": pooled,
}


@pytest.mark.parametrize(
    ("channels", "outputs", "activation", "zero_point"), [(1, 4, "relu", 40), (3, 1, "none", -5), (5, 3, "relu", -128)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_operation_gives_the_programs_integers_on_executorch_and_read_back(
    kind: str, channels: int, outputs: int, activation: str, zero_point: int, tmp_path: Path
) -> None:
    """Several channels meet the boundary in another layout; a ReLU above zero point -128 is a clamp of its own."""
    program = KINDS[kind](channels, outputs, activation, steps(0.08, zero_point))
    rng = np.random.default_rng(3)
    names = program.input_names()
    views = {name: rng.integers(-128, 128, (1, *SIZE, channels), dtype=np.int8) for name in names}
    expected = Interpreter(program, "xnnpack").run(views)["disparity"].transpose(0, 3, 1, 2)
    contract = contract_of_program(program, Meaning("one", SIZE[1], 1), "NCHW", float_boundary=False)
    path = tmp_path / "one.pte"
    path.write_bytes(to_pte(program, contract))
    planes = {name: np.ascontiguousarray(view.transpose(0, 3, 1, 2)) for name, view in views.items()}
    for runtime in ("vendor", "reference"):
        found = open_runner(path, runtime, None, contract).run(planes)["disparity"]
        np.testing.assert_array_equal(found, expected, err_msg=runtime)


def test_the_same_program_gives_the_same_bytes() -> None:
    program = convolution(3, 4, "relu", steps(0.08, 5))
    assert to_payload(program) == to_payload(convolution(3, 4, "relu", steps(0.08, 5)))


def test_an_operation_without_a_node_is_named() -> None:
    program = Sketch().program("softmax", (0,), (1, *SIZE, 1), steps(1 / 256, -128))
    with pytest.raises(DpocketError, match="no XNNPACK node for softmax"):
        to_payload(program)


def test_every_operation_of_a_student_has_a_node() -> None:
    from convert.litert import OPERATORS

    # The one transposes where the other has SPACE_TO_DEPTH.
    assert set(NODES) - {"transpose"} == set(OPERATORS) - {"space_to_depth"}
