"""One example of each operation small enough to be computed by hand; the working is beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_examples import EXAMPLES

from runtime_py.interpreter import Interpreter
from runtime_py.ops import OPS
from runtime_py.program import Op, Program, Quant, Tensor
from runtime_py.runners.litert import RESOLVERS

Array = NDArray[Any]
PLAIN = {"stride": (1, 1), "dilation": (1, 1), "padding": "valid", "activation": "none"}


def int8(values: Any) -> Array:
    return np.array(values, np.int8)


def column(values: Any) -> Array:
    """Values as a 1 x n x 1 x 1 image."""
    return int8(values).reshape(1, -1, 1, 1)


def tensor(name: str, array: Array, scale: float | None = None, zero: int = 0, fixed: bool = False) -> Tensor:
    quant = None if scale is None else Quant(np.float32([scale]), np.array([zero], np.int64))
    return Tensor(name, array.shape, str(array.dtype), quant, array if fixed else None)


def check(
    kind: str, given: list[tuple[Array, Any, int]], out: tuple[Array, Any, int], attrs: Any = None, fixed: int = 0
) -> None:
    """Runs in both dialects. Each operand is (array, scale, zero point); the last `fixed` inputs are constants."""
    variable = len(given) - fixed
    tensors = [tensor(f"x{i}", a, s, z, fixed=i >= variable) for i, (a, s, z) in enumerate(given)]
    tensors.append(tensor("y", *out))
    op = Op(kind, tuple(range(len(given))), (len(given),), attrs or {})
    program = Program(tuple(tensors), (op,), tuple(range(variable)), (len(given),))
    for dialect in RESOLVERS:
        got = Interpreter(program, dialect).run({f"x{i}": given[i][0] for i in range(variable)})["y"]
        np.testing.assert_array_equal(got, out[0], err_msg=dialect)
        assert got.dtype == out[0].dtype


def test_every_operation_has_an_example_here() -> None:
    shown = {name.removeprefix("test_").split("_example")[0] for name in globals() if "_example" in name}
    assert set(OPS) <= shown | set(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_small_examples(kind: str) -> None:
    given, wanted, attrs = EXAMPLES[kind]
    tensors = [tensor(f"x{i}", array) for i, array in enumerate((*given, wanted))]
    op = Op(kind, tuple(range(len(given))), (len(given),), attrs)
    program = Program(tuple(tensors), (op,), op.inputs, op.outputs)
    (got,) = Interpreter(program).run({f"x{i}": array for i, array in enumerate(given)}).values()
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-7 if wanted.dtype == np.float32 else 0)


def test_unstack_example() -> None:
    parts = (
        tensor("x", np.float32([[1, 2], [3, 4]])),
        tensor("a", np.float32([0, 0])),
        tensor("b", np.float32([0, 0])),
    )
    program = Program(parts, (Op("unstack", (0,), (1, 2), {"axis": 1}),), (0,), (1, 2))
    got = Interpreter(program).run({"x": np.float32([[1, 2], [3, 4]])})
    assert (got["a"].tolist(), got["b"].tolist()) == ([1, 3], [2, 4])


def test_conv2d_example() -> None:
    # (2*1 + 4*3 + bias 6) * (0.5 * 0.5) / 0.5 = 10, and (4*1 + 6*3 + 6) / 2 = 14; the output's zero point is 1.
    given = [(column([2, 4, 6]), 0.5, 0), (int8([1, 3]).reshape(1, 2, 1, 1), 0.5, 0), (np.int32([6]), 0.25, 0)]
    check("conv2d", given, (column([11, 15]), 0.5, 1), PLAIN, fixed=2)


def test_depthwise_conv2d_example() -> None:
    # Channels apart: 1*2 + 3*4 = 14 and 10*1 - 20*1 = -10.
    image = int8([[1, 10], [3, 20]]).reshape(1, 2, 1, 2)
    weights = int8([[2, 1], [4, -1]]).reshape(1, 2, 1, 2)
    given = [(image, 1.0, 0), (weights, 1.0, 0), (np.int32([0, 0]), 1.0, 0)]
    check("depthwise_conv2d", given, (int8([14, -10]).reshape(1, 1, 1, 2), 1.0, 0), PLAIN, fixed=2)


def test_transpose_conv2d_example() -> None:
    # Stride 2, filter 1 2 3 over inputs 5, 7: 5, 10, 15 + 7, 14, 21.
    given = [(column([5, 7]), 1.0, 0), (int8([1, 2, 3]).reshape(1, 3, 1, 1), 1.0, 0), (np.int32([0]), 1.0, 0)]
    check("transpose_conv2d", given, (column([5, 10, 22, 14, 21]), 1.0, 0), PLAIN | {"stride": (2, 1)}, fixed=2)


def test_fully_connected_example() -> None:
    # Rows (1, 2) and (3, 4) times (5, -6), plus 1: -6 and -8.
    given = [(int8([[1, 2], [3, 4]]), 1.0, 0), (int8([[5, -6]]), 1.0, 0), (np.int32([1]), 1.0, 0)]
    check("fully_connected", given, (int8([[-6], [-8]]), 1.0, 0), {"activation": "none"}, fixed=2)


def test_add_example() -> None:
    # 10 * 0.5 + 4 * 0.25 = 6 = 12 * 0.5; the second stands on zero point 1.
    check("add", [(int8([10]), 0.5, 0), (int8([5]), 0.25, 1)], (int8([12]), 0.5, 0), {"activation": "none"})


def test_sub_example() -> None:
    # 10 * 0.5 - 4 * 0.25 = 4 = 8 * 0.5; then -3 - 1 = -4 is cut at 0 by the ReLU.
    given = [(int8([10, -6]), 0.5, 0), (int8([5, 5]), 0.25, 1)]
    check("sub", given, (int8([8, 0]), 0.5, 0), {"activation": "relu"})


def test_mul_example() -> None:
    # 5 * 2 = 10 and -3 * 2 = -6, stored on zero point -1.
    given = [(int8([10, -6]), 0.5, 0), (int8([4]), 0.5, 0)]
    check("mul", given, (int8([9, -7]), 1.0, -1), {"activation": "none"})


def test_concat_example() -> None:
    given = [(int8([[1, 2]]), 0.1, 3), (int8([[7]]), 0.1, 3)]
    check("concat", given, (int8([[1, 2, 7]]), 0.1, 3), {"axis": -1})


def test_quantize_example() -> None:
    # 1.3 / 0.5 = 2.6 -> 3; -0.2 / 0.5 = -0.4 -> 0; -100 is cut at -128.
    check("quantize", [(np.float32([1.3, -0.2, -100.0]), None, 0)], (int8([13, 10, -128]), 0.5, 10))


def test_dequantize_example() -> None:
    check("dequantize", [(int8([-128, 5]), 0.25, -3)], (np.float32([-31.25, 2.0]), None, 0))


def test_relu_example() -> None:
    # Steps above the zero point 2: none, none, 7; the output's zero point is -128.
    check("relu", [(int8([-5, 2, 9]), 0.5, 2)], (int8([-128, -128, -121]), 0.5, -128))


def test_relu6_example() -> None:
    # 6 is 12 steps above the zero point.
    check("relu6", [(int8([-5, 4, 100]), 0.5, 2)], (int8([0, 2, 12]), 0.5, 0))


def test_leaky_relu_example() -> None:
    check("leaky_relu", [(int8([-8, 8]), 0.5, 0)], (int8([-2, 8]), 0.5, 0), {"alpha": 0.25})


def test_logistic_example() -> None:
    # 0.5 is 128 steps of 1/256 above -128; 1 / (1 + 1/e) = 0.7311 = 187.2 / 256.
    check("logistic", [(int8([0, 1]), 1.0, 0)], (int8([0, 59]), 1 / 256, -128))


def test_tanh_example() -> None:
    # tanh 1 = 0.76159 = 97.48 / 128.
    check("tanh", [(int8([0, 1, -1]), 1.0, 0)], (int8([0, 97, -97]), 1 / 128, 0))


def test_hard_swish_example() -> None:
    # 0 below -3 and the identity above 3; 1 * 4 / 6 = 0.667 = 10.67 / 16.
    check("hard_swish", [(int8([-64, 64, 16]), 1 / 16, 0)], (int8([0, 64, 11]), 1 / 16, 0))


def test_softmax_example() -> None:
    # Two equal values share 1: 0.5 each; beside a value 20 above it the other gets nothing, and 1 is cut at 255/256.
    check("softmax", [(int8([[3, 3], [20, 0]]), 1.0, 0)], (int8([[0, 0], [127, -128]]), 1 / 256, -128), {"beta": 1.0})


def test_mean_example() -> None:
    # (1 + 2 + 6) / 3 = 3 on the same grid.
    check("mean", [(column([1, 2, 6]), 0.5, 0)], (int8([[3]]), 0.5, 0), {"axes": (1, 2), "keep_dims": False})


def test_max_pool2d_example() -> None:
    attrs = {"stride": (2, 1), "window": (2, 1), "padding": "same", "activation": "none"}
    check("max_pool2d", [(column([1, -4, -9]), 0.5, 0)], (column([1, -9]), 0.5, 0), attrs)


def test_average_pool2d_example() -> None:
    # (1 + 2) / 2 = 1.5 -> 2, (-4 - 1) / 2 = -2.5 -> -3, and the last window holds one cell only.
    attrs = {"stride": (2, 1), "window": (2, 1), "padding": "same", "activation": "none"}
    check("average_pool2d", [(column([1, 2, -4, -1, 7]), 0.5, 0)], (column([2, -3, 7]), 0.5, 0), attrs)


def test_resize_bilinear_example() -> None:
    # Twice as many samples with half-pixel centres: 0, 1/4, 3/4 and all of the way from 0 to 40.
    attrs = {"align_corners": False, "half_pixel_centers": True}
    check("resize_bilinear", [(column([0, 40]), 0.5, 0)], (column([0, 10, 30, 40]), 0.5, 0), attrs)


def test_resize_nearest_example() -> None:
    attrs = {"align_corners": False, "half_pixel_centers": False}
    check("resize_nearest", [(column([3, 7]), 0.5, 0)], (column([3, 3, 7, 7]), 0.5, 0), attrs)


def test_reshape_example() -> None:
    check("reshape", [(int8([[1, 2], [3, 4]]), 0.5, 0)], (int8([1, 2, 3, 4]), 0.5, 0))


def test_pad_example() -> None:
    check("pad", [(int8([5]), 0.5, -7)], (int8([-7, 5, -7, -7]), 0.5, -7), {"paddings": ((1, 2),)})


def test_slice_example() -> None:
    check("slice", [(int8([1, 2, 3, 4]), 0.5, 0)], (int8([2, 3, 4]), 0.5, 0), {"begin": (1,), "size": (-1,)})


def test_strided_slice_example() -> None:
    # Rows 3 and 1, and of each the cell 1 alone.
    attrs = {"begin": (3, 1), "end": (0, 0), "stride": (-2, 1), "begin_mask": 0, "end_mask": 0, "shrink_mask": 2}
    check("strided_slice", [(int8([[1, 2], [3, 4], [5, 6], [7, 8]]), 0.5, 0)], (int8([8, 4]), 0.5, 0), attrs)


def test_transpose_example() -> None:
    check("transpose", [(int8([[1, 2, 3]]), 0.5, 0)], (int8([[1], [2], [3]]), 0.5, 0), {"permutation": (1, 0)})


def test_split_example() -> None:
    parts = (tensor("x", int8([1, 2, 3, 4]), 1.0), tensor("a", int8([0, 0]), 1.0), tensor("b", int8([0, 0]), 1.0))
    program = Program(parts, (Op("split", (0,), (1, 2), {"axis": 0, "count": 2}),), (0,), (1, 2))
    got = Interpreter(program).run({"x": int8([1, 2, 3, 4])})
    assert (got["a"].tolist(), got["b"].tolist()) == ([1, 2], [3, 4])


def test_depth_to_space_example() -> None:
    given, wanted = int8([1, 2, 3, 4]).reshape(1, 1, 1, 4), int8([1, 2, 3, 4]).reshape(1, 2, 2, 1)
    check("depth_to_space", [(given, 0.5, 0)], (wanted, 0.5, 0), {"block": 2})


def test_space_to_depth_example() -> None:
    given, wanted = int8([1, 2, 3, 4]).reshape(1, 2, 2, 1), int8([1, 2, 3, 4]).reshape(1, 1, 1, 4)
    check("space_to_depth", [(given, 0.5, 0)], (wanted, 0.5, 0), {"block": 2})


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_transposed_convolution_is_the_transpose_of_convolution(padding: str) -> None:
    """<conv(x), y> = <x, transposed(y)> for any x and y; on floats that hold small integers, exactly."""
    rng = np.random.default_rng(0)
    height, width = 4, 5
    large = (height * 2, width * 2) if padding == "same" else (height * 2 + 1, width * 2 + 1)
    attrs = PLAIN | {"stride": (2, 2), "padding": padding}
    weights = rng.integers(-4, 5, (5, 3, 3, 2)).astype(np.float32)
    x = rng.integers(-4, 5, (1, *large, 2)).astype(np.float32)
    y = rng.integers(-4, 5, (1, height, width, 5)).astype(np.float32)
    turned = np.ascontiguousarray(weights.transpose(3, 1, 2, 0))
    forward = (tensor("x", x), tensor("w", weights, fixed=True), tensor("y", y))
    backward = (tensor("y", y), tensor("w", turned, fixed=True), tensor("x", x))
    ahead = Interpreter(Program(forward, (Op("conv2d", (0, 1), (2,), attrs),), (0,), (2,))).run({"x": x})["y"]
    back = Interpreter(Program(backward, (Op("transpose_conv2d", (0, 1), (2,), attrs),), (0,), (2,))).run({"y": y})["x"]
    assert (ahead * y).sum() == (x * back).sum()


def test_cast_example() -> None:
    check("cast", [(np.float32([-1.7, 2.2, 3.0]), None, 0)], (np.int32([-1, 2, 3]), None, 0))


def test_clamp_example() -> None:
    given = [(np.float32([-3, 0.5, 9]), None, 0)]
    check("clamp", given, (np.float32([-1, 0.5, 2]), None, 0), {"low": -1.0, "high": 2.0})


def test_div_example() -> None:
    given = [(np.float32([3, -1]), None, 0), (np.float32([2]), None, 0)]
    check("div", given, (np.float32([1.5, -0.5]), None, 0), {"activation": "none"})


def test_hard_sigmoid_example() -> None:
    given = [(np.float32([-9, 0, 1, 9]), None, 0)]
    check("hard_sigmoid", given, (np.float32([0, 0.5, 0.75, 1]), None, 0), {"alpha": 0.25, "beta": 0.5})


def test_prelu_example() -> None:
    given = [(np.float32([[-2, -2], [3, 3]]), None, 0), (np.float32([0.5, 2]), None, 0)]
    check("prelu", given, (np.float32([[-1, -4], [3, 3]]), None, 0))


def test_resize_example() -> None:
    # Output samples of a row 0, 4 lie at -0.25, 0.25, 0.75 and 1.25, where the outer ones are held at the edge.
    attrs = {"mode": "linear", "positions": "half_pixel", "nearest": "floor", "scales": (1.0, 2.0)}
    given, out = np.float32([0, 4]).reshape(1, 1, 2, 1), np.float32([0, 1, 3, 4]).reshape(1, 1, 4, 1)
    check("resize", [(given, None, 0)], (out, None, 0), attrs)
