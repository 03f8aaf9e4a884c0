"""Examples of operations whose result needs no working: kind to ((inputs), output, attributes)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Example = tuple[list[Array], Array, dict[str, Any]]


def real(*values: float) -> Array:
    return np.array(values, np.float32)


def yes(*values: bool) -> Array:
    return np.array(values, np.bool_)


GRID = np.float32([[1, 5, 2], [4, 3, 9]])
AXES = {"axes": (1,), "keep_dims": False}

EXAMPLES: dict[str, Example] = {
    "absolute": ([real(-2, 3)], real(2, 3), {}),
    "arg_max": ([GRID], np.array([1, 2], np.int64), {"axis": 1}),
    "arg_min": ([GRID], np.array([0, 1], np.int64), {"axis": 1}),
    "batch_matmul": ([GRID, GRID], np.float32([[30, 37], [37, 106]]), {"turn_first": False, "turn_second": True}),
    "broadcast_to": ([real(1, 2)], np.float32([[1, 2], [1, 2]]), {"shape": (2, 2)}),
    "ceiling": ([real(1.2, -1.2)], real(2, -1), {}),
    "cosine": ([real(0)], real(1), {}),
    "elu": ([real(2, -math.log(2))], real(2, -0.5), {"alpha": 1.0}),
    "equal": ([real(1, 2), real(1, 3)], yes(True, False), {}),
    "exponential": ([real(0, 1)], real(1, math.e), {}),
    "floor": ([real(1.2, -1.2)], real(1, -2), {}),
    "gather": ([GRID, np.array([2, 0], np.int32)], np.float32([[2, 1], [9, 4]]), {"axis": 1}),
    "gelu": ([real(0, 1)], real(0, 0.8413447), {}),
    "greater": ([real(1, 2), real(1, 1)], yes(False, True), {}),
    "greater_equal": ([real(1, 0), real(1, 1)], yes(True, False), {}),
    "less": ([real(1, 0), real(1, 1)], yes(False, True), {}),
    "less_equal": ([real(1, 2), real(1, 1)], yes(True, False), {}),
    "log_softmax": ([real(0, 0)], real(-math.log(2), -math.log(2)), {}),
    "logarithm": ([real(1, math.e)], real(0, 1), {}),
    "logical_and": ([yes(True, True), yes(True, False)], yes(True, False), {}),
    "logical_not": ([yes(True, False)], yes(False, True), {}),
    "logical_or": ([yes(False, False), yes(True, False)], yes(True, False), {}),
    "maximum": ([real(1, 5), real(2, 4)], real(2, 5), {}),
    "minimum": ([real(1, 5), real(2, 4)], real(1, 4), {}),
    "mirror_pad": ([real(1, 2, 3)], real(2, 1, 2, 3, 2), {"paddings": ((1, 1),), "mode": "reflect"}),
    "negate": ([real(1, -2)], real(-1, 2), {}),
    "not_equal": ([real(1, 2), real(1, 3)], yes(False, True), {}),
    "reciprocal_square_root": ([real(4, 0.25)], real(0.5, 2), {}),
    "reduce_max": ([GRID], real(5, 9), AXES),
    "reduce_min": ([GRID], real(1, 3), AXES),
    "relu_0_to_1": ([real(-1, 0.5, 2)], real(0, 0.5, 1), {}),
    "relu_n1_to_1": ([real(-2, 0.5, 2)], real(-1, 0.5, 1), {}),
    "reverse": ([GRID], np.float32([[2, 5, 1], [9, 3, 4]]), {"axes": (-1,)}),
    "round": ([real(0.5, 1.5, 1.2)], real(0, 2, 1), {}),
    "select": ([yes(True, False), real(1, 2), real(3, 4)], real(1, 4), {}),
    "sine": ([real(0, math.pi / 2)], real(0, 1), {}),
    "square": ([real(-3)], real(9), {}),
    "square_root": ([real(9)], real(3), {}),
    "squared_difference": ([real(1, 5), real(3, 4)], real(4, 1), {}),
    "stack": ([real(1, 2), real(3, 4)], np.float32([[1, 3], [2, 4]]), {"axis": 1}),
    "sum": ([GRID], real(8, 16), AXES),
    "thresholded_relu": ([real(0.5, 2)], real(0, 2), {"threshold": 1.0}),
    "tile": ([real(1, 2)], real(1, 2, 1, 2), {"repeats": (2,)}),
}
