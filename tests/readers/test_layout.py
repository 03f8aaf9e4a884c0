"""Transposes that cancel, and programs that compute the same without them."""

from __future__ import annotations

import numpy as np
import pytest

from runtime_py.interpreter import Interpreter
from runtime_py.program import Op, Program, Tensor
from runtime_py.readers.layout import TO_NCHW, TO_NHWC, composed, inverse, without_transposes

NCHW, NHWC = (1, 3, 4, 5), (1, 4, 5, 3)


def program(tensors: list[tuple[str, tuple[int, ...]]], ops: list[Op], output: int) -> Program:
    return Program(tuple(Tensor(name, shape, "float32") for name, shape in tensors), tuple(ops), (0,), (output,))


def transpose(given: int, out: int, order: tuple[int, ...]) -> Op:
    return Op("transpose", (given,), (out,), {"permutation": order})


def outcome(p: Program) -> np.ndarray:
    x = np.random.default_rng(0).normal(size=p.tensors[p.inputs[0]].shape).astype(np.float32)
    (y,) = Interpreter(p).run({"x": x}).values()
    return y


def test_orders_undo_each_other() -> None:
    assert inverse(TO_NHWC) == TO_NCHW
    assert composed(TO_NHWC, TO_NCHW) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("kind", "attrs", "shape"),
    [
        ("relu", {}, NCHW),
        ("concat", {"axis": 1, "activation": "none"}, NCHW),
        ("pad", {"paddings": ((0, 0), (1, 2), (0, 1), (3, 0))}, (1, 6, 5, 8)),
        ("slice", {"begin": (0, 1, 0, 2), "size": (1, 2, 4, 3)}, (1, 2, 4, 3)),
        ("mean", {"axes": (1, -1), "keep_dims": True}, (1, 1, 4, 1)),
        (
            "strided_slice",
            {"begin": (0, 2, 0, 1), "end": (1, 0, 4, 5), "stride": (1, -1, 2, 3), "begin_mask": 0, "end_mask": 2,
             "shrink_mask": 0},
            (1, 3, 2, 2),
        ),
    ],
)  # fmt: skip
def test_an_operation_moves_past_a_transpose(kind: str, attrs: dict[str, object], shape: tuple[int, ...]) -> None:
    back = tuple(shape[i] for i in TO_NHWC)
    tensors = [("x", NHWC), ("a", NCHW), ("b", shape), ("y", back)]
    given = program(tensors, [transpose(0, 1, TO_NCHW), Op(kind, (1,), (2,), attrs), transpose(2, 3, TO_NHWC)], 3)
    moved = without_transposes(given)
    assert [op.kind for op in moved.ops if op.kind != "transpose" or op.attrs["permutation"] != (0, 1, 2, 3)] == [kind]
    # A mean may add its values in another order.
    np.testing.assert_allclose(outcome(moved), outcome(given), atol=1e-6 if kind == "mean" else 0, rtol=0)


def test_a_transposed_and_a_plain_operand_are_brought_together() -> None:
    tensors = [("x", NHWC), ("a", NCHW), ("c", NCHW), ("s", NCHW), ("y", NHWC)]
    attrs = {"activation": "none"}
    ops = [
        transpose(0, 1, TO_NCHW),
        Op("reshape", (0,), (2,)),
        Op("add", (1, 2), (3,), attrs),
        transpose(3, 4, TO_NHWC),
    ]
    given = program(tensors, ops, 4)
    np.testing.assert_array_equal(outcome(without_transposes(given)), outcome(given))


def test_constants_of_a_lower_rank_move_along() -> None:
    bias = np.arange(3, dtype=np.float32).reshape(3, 1, 1)
    given = program([("x", NHWC), ("a", NCHW), ("b", (3, 1, 1)), ("s", NCHW), ("y", NHWC)], [], 4)
    tensors = list(given.tensors)
    tensors[2] = Tensor("b", (3, 1, 1), "float32", data=bias)
    ops = (transpose(0, 1, TO_NCHW), Op("add", (1, 2), (3,), {"activation": "none"}), transpose(3, 4, TO_NHWC))
    given = Program(tuple(tensors), ops, (0,), (4,))
    np.testing.assert_array_equal(outcome(without_transposes(given)), outcome(given))


def test_an_output_that_is_another_output_transposed_is_written() -> None:
    tensors = tuple(Tensor(n, s, "float32") for n, s in (("x", NHWC), ("a", NCHW), ("b", NCHW), ("c", NHWC)))
    ops = (transpose(0, 1, TO_NCHW), transpose(0, 2, TO_NCHW), transpose(1, 3, TO_NHWC))
    moved = without_transposes(Program(tensors, ops, (0,), (1, 2, 3)))
    x = np.random.default_rng(0).normal(size=NHWC).astype(np.float32)
    got = Interpreter(moved).run({"x": x})
    np.testing.assert_array_equal(got["a"], x.transpose(TO_NCHW))
    np.testing.assert_array_equal(got["b"], x.transpose(TO_NCHW))
    np.testing.assert_array_equal(got["c"], x)
