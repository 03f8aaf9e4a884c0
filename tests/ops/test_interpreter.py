from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_py.errors import ArtifactError, ContractError
from runtime_py.interpreter import Interpreter
from runtime_py.program import Op, Program, Quant, Tensor


def grid(scale: float, zero_point: int) -> Quant:
    return Quant(np.float32([scale]), np.array([zero_point], np.int64))


def chain(length: int) -> Program:
    """`length` ReLUs in a row on floats."""
    tensors = tuple(Tensor(f"t{i}", (1, 64), "float32") for i in range(length + 1))
    ops = tuple(Op("relu", (i,), (i + 1,)) for i in range(length))
    return Program(tensors, ops, (0,), (length,))


def test_the_listener_hears_inputs_and_results_in_order() -> None:
    heard: list[str] = []
    Interpreter(chain(3)).run({"t0": np.zeros((1, 64), np.float32)}, lambda name, _: heard.append(name))
    assert heard == ["t0", "t1", "t2", "t3"]


def test_tensors_are_freed_after_their_last_use() -> None:
    held: list[weakref.ref[np.ndarray]] = []
    alive: list[int] = []

    def listen(_: str, array: np.ndarray) -> None:
        held.append(weakref.ref(array))
        alive.append(sum(reference() is not None for reference in held))

    Interpreter(chain(6)).run({"t0": np.zeros((1, 64), np.float32)}, listen)
    assert max(alive) <= 3


def test_wrong_names_shapes_and_types_are_contract_errors() -> None:
    interpreter = Interpreter(chain(1))
    right = np.zeros((1, 64), np.float32)
    with pytest.raises(ContractError, match="the inputs are t0; given were left"):
        interpreter.run({"left": right})
    with pytest.raises(ContractError, match="the inputs are t0; given were none"):
        interpreter.run({})
    with pytest.raises(ContractError, match=r"float32 of shape \(1, 64\); given was float32 of shape \(64, 1\)"):
        interpreter.run({"t0": right.T})
    with pytest.raises(ContractError, match="given was float64"):
        interpreter.run({"t0": right.astype(np.float64)})


def test_an_unknown_operation_is_an_artifact_error_that_lists_the_known() -> None:
    program = Program(
        (Tensor("x", (1,), "float32"),) * 2, (Op("warp", (0,), (1,), where="operator 0 (WARP)"),), (0,), (1,)
    )
    with pytest.raises(ArtifactError, match=r"operator 0 \(WARP\): there is no operation 'warp'; known are: add"):
        Interpreter(program)


def test_operations_on_constants_become_constants() -> None:
    """Weights stored as half floats reach a convolution through a dequantize."""
    half = np.float16([[[[2.0]]]])
    tensors = (
        Tensor("x", (1, 2, 2, 1), "float32"),
        Tensor("half", (1, 1, 1, 1), "float16", data=half),
        Tensor("weights", (1, 1, 1, 1), "float32"),
        Tensor("y", (1, 2, 2, 1), "float32"),
    )
    attrs = {"stride": (1, 1), "dilation": (1, 1), "padding": "same", "activation": "none"}
    program = Program(tensors, (Op("dequantize", (1,), (2,)), Op("conv2d", (0, 2), (3,), attrs)), (0,), (3,))
    x = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    heard: list[str] = []
    result = Interpreter(program).run({"x": x}, lambda name, _: heard.append(name))
    np.testing.assert_array_equal(result["y"], 2 * x)
    assert heard == ["x", "y"]


@given(st.integers(0, 2**32 - 1), st.sampled_from(["xnnpack", "litert-reference"]))
def test_a_program_does_not_change_its_inputs_and_repeats_itself(seed: int, dialect: str) -> None:
    rng = np.random.default_rng(seed)
    tensors = (
        Tensor("x", (1, 5, 6, 2), "int8", grid(0.1, 4)),
        Tensor("w", (3, 3, 3, 2), "int8", grid(0.02, 0), rng.integers(-127, 128, (3, 3, 3, 2)).astype(np.int8)),
        Tensor("b", (3,), "int32", grid(0.002, 0), rng.integers(-99, 99, 3).astype(np.int32)),
        Tensor("y", (1, 5, 6, 3), "int8", grid(0.3, -5)),
    )
    attrs = {"stride": (1, 1), "dilation": (1, 1), "padding": "same", "activation": "relu"}
    interpreter = Interpreter(Program(tensors, (Op("conv2d", (0, 1, 2), (3,), attrs),), (0,), (3,)), dialect)
    x = rng.integers(-128, 128, (1, 5, 6, 2)).astype(np.int8)
    kept = x.copy()
    first, second = interpreter.run({"x": x})["y"], interpreter.run({"x": x})["y"]
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(first, second)
    assert first.min() >= -5
