"""The bound of each operation in dialect "coreml-fp16" against float64, evaluated by PyTorch on the same operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime_py.dialects import DIALECTS
from runtime_py.error_bound import BOUNDS, error_bound
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.interpreter import Interpreter
from runtime_py.ops import OPS, bind
from runtime_py.program import Op, Program, Tensor

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
functional = torch.nn.functional

Array = NDArray[Any]
WINDOW = {"stride": (2, 1), "dilation": (1, 1), "padding": ((1, 1), (1, 1)), "activation": "none"}
IMAGE = (1, 9, 11, 8)


def channels_first(x: Any) -> Any:
    return x.permute(0, 3, 1, 2)


def channels_last(x: Any) -> Any:
    return x.permute(0, 2, 3, 1)


def conv(x: Any, w: Any, b: Any) -> Any:
    groups = x.shape[3] // w.shape[3]
    return channels_last(functional.conv2d(channels_first(x), channels_first(w), b, (2, 1), 1, 1, groups))


def depthwise(x: Any, w: Any, b: Any) -> Any:
    weight = w.permute(3, 0, 1, 2)
    return channels_last(functional.conv2d(channels_first(x), weight, b, (2, 1), 1, 1, x.shape[3]))


def transposed(x: Any, w: Any, b: Any) -> Any:
    weight = w.permute(3, 0, 1, 2)
    return channels_last(functional.conv_transpose2d(channels_first(x), weight, b, (2, 1), 1))


def average(x: Any) -> Any:
    return channels_last(functional.avg_pool2d(channels_first(x), 3, (2, 1), 1, count_include_pad=False))


def bilinear(x: Any) -> Any:
    return channels_last(functional.interpolate(channels_first(x), (18, 33), mode="bilinear", align_corners=False))


POOL = {**WINDOW, "window": (3, 3)}
PLAIN = {"activation": "none"}
CORNERS = {"align_corners": False, "half_pixel_centers": True}
CASES: dict[str, tuple[dict[str, Any], list[tuple[int, ...]], Callable[..., Any]]] = {
    "conv2d": (WINDOW, [IMAGE, (6, 3, 3, 8), (6,)], conv),
    "conv2d grouped": (WINDOW, [IMAGE, (6, 3, 3, 4), (6,)], conv),
    "depthwise_conv2d": (WINDOW, [IMAGE, (1, 3, 3, 16), (16,)], depthwise),
    "transpose_conv2d": (WINDOW, [IMAGE, (6, 3, 3, 8), (6,)], transposed),
    "fully_connected": (PLAIN | {"keep_dims": True}, [(4, 70), (5, 70), (5,)], functional.linear),
    "average_pool2d": (POOL, [IMAGE], average),
    "mean": ({"axes": (1, 2), "keep_dims": False}, [IMAGE], lambda x: x.mean((1, 2))),
    "resize_bilinear": (CORNERS, [IMAGE], bilinear),
    "add": (PLAIN, [IMAGE, IMAGE], lambda a, b: a + b),
    "sub": (PLAIN, [IMAGE, IMAGE], lambda a, b: a - b),
    "mul": (PLAIN, [IMAGE, IMAGE], lambda a, b: a * b),
    "div": (PLAIN, [IMAGE, IMAGE], lambda a, b: a / b),
    "prelu": ({}, [IMAGE, (8,)], lambda a, b: torch.where(a >= 0, a, a * b)),
    "leaky_relu": ({"alpha": 0.3}, [IMAGE], lambda x: functional.leaky_relu(x, float(np.float32(0.3)))),
    "logistic": ({}, [IMAGE], torch.sigmoid),
    "tanh": ({}, [IMAGE], torch.tanh),
    "softmax": ({"beta": 1.0}, [IMAGE], lambda x: x.softmax(-1)),
    "hard_swish": ({}, [IMAGE], functional.hardswish),
    "hard_sigmoid": ({"alpha": 1 / 6, "beta": 0.5}, [IMAGE], functional.hardsigmoid),
    "relu6": ({}, [IMAGE], functional.relu6),
    "exponential": ({}, [IMAGE], torch.exp),
    "gelu": ({}, [IMAGE], functional.gelu),
    "concat": ({"axis": 3}, [IMAGE, IMAGE], lambda a, b: torch.cat([a, b], 3)),
}
HALF, SINGLE = "float16", "float32"


def evaluated(name: str, dtype: str, seed: int, accumulator: str = SINGLE) -> tuple[Array, Array, Array]:
    """Result, float64 result and bound of one random operation; every operand after the first is a constant."""
    attrs, shapes, exact = CASES[name]
    rng = np.random.default_rng(seed)
    arrays = [(rng.standard_normal(shape) * 2).astype(dtype) for shape in shapes]
    wanted = exact(*(torch.from_numpy(a.astype(np.float64)) for a in arrays)).numpy()
    tensors = [Tensor(f"x{i}", a.shape, dtype, None, a if i else None) for i, a in enumerate(arrays)]
    tensors.append(Tensor("y", wanted.shape, dtype))
    op = Op(name.split()[0], tuple(range(len(arrays))), (len(arrays),), attrs)
    (got,) = bind(tensors, op, DIALECTS["coreml-fp16"])(arrays)
    (bound,) = error_bound(op, tensors, arrays, accumulator)
    assert (got.dtype, got.shape, bound.shape) == (np.dtype(dtype), wanted.shape, wanted.shape)
    return got.astype(np.float64), wanted, bound


@pytest.mark.parametrize("name", CASES)
def test_half_floats_stay_within_the_bound_and_come_near_it(name: str) -> None:
    nearest = 0.0
    for seed in range(10):
        got, wanted, bound = evaluated(name, HALF, seed)
        error = np.abs(got - wanted)
        assert (error <= bound).all(), f"seed {seed}: {(error / bound).max()}"
        # Nothing is rounded where results are half floats already: relu6 and concat.
        nearest = max(nearest, error.max() / bound.max() if bound.any() else 1.0)
    assert nearest > 0.01


@pytest.mark.parametrize("name", CASES)
def test_full_floats_stay_within_the_bound(name: str) -> None:
    for seed in range(5):
        got, wanted, bound = evaluated(name, SINGLE, seed)
        # PyTorch's float64 is itself off by a little, and 1/6 is not the float32 that attributes hold.
        assert (np.abs(got - wanted) <= bound + 1e-7 * np.abs(wanted)).all()


def test_adding_in_half_floats_widens_the_bound_of_sums() -> None:
    _, _, wide = evaluated("conv2d", HALF, 0, accumulator=HALF)
    _, _, narrow = evaluated("conv2d", HALF, 0)
    assert (wide > 10 * narrow).mean() > 0.5
    # 72 products added one after another in half floats, by hand.
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal((500, 72)).astype(np.float16) for _ in range(2))
    total = np.zeros(500, np.float16)
    for k in range(72):
        total = total + x[:, k] * w[:, k]
    tensors = [Tensor("x", (500, 72), HALF), Tensor("w", (1, 72), HALF, None, w[:1]), Tensor("y", (500, 1), HALF)]
    for row in range(20):
        tensors[1] = Tensor("w", (1, 72), HALF, None, w[row : row + 1])
        op = Op("fully_connected", (0, 1), (2,), PLAIN)
        (bound,) = error_bound(op, tensors, [x, w[row : row + 1]], HALF)
        exact = (x[row].astype(np.float64) * w[row]).sum()
        assert abs(float(total[row]) - exact) <= bound[row, 0]


def test_a_result_beyond_the_largest_half_float_is_infinite_and_so_is_its_bound() -> None:
    x = np.array([60000, 40000, 1], np.float16)
    tensors = [Tensor("x", (3,), HALF), Tensor("y", (3,), HALF)]
    op = Op("add", (0, 0), (1,), PLAIN)
    with np.errstate(over="ignore"):
        (got,) = bind(tensors, op, DIALECTS["coreml-fp16"])([x, x])
    (bound,) = error_bound(op, tensors, [x, x])
    np.testing.assert_array_equal(np.isinf(got), [True, True, False])
    np.testing.assert_array_equal(np.isinf(bound), [True, True, False])


def test_every_result_is_rounded_once_and_nothing_in_between() -> None:
    """1 + 2⁻¹¹ is half way between two half floats; a sum kept in float32 still knows it."""
    eps = 2.0**-11
    tensors = (
        Tensor("x", (1,), HALF),
        Tensor("inner", (1,), SINGLE),
        Tensor("stored", (1,), HALF),
        Tensor("eps", (1,), SINGLE, None, np.float32([eps])),
        Tensor("y", (1,), HALF),
        Tensor("z", (1,), HALF),
    )
    ops = (
        Op("add", (0, 3), (1,), PLAIN),
        Op("add", (0, 3), (2,), PLAIN),
        Op("add", (1, 3), (4,), PLAIN),
        Op("add", (2, 3), (5,), PLAIN),
    )
    got = Interpreter(Program(tensors, ops, (0,), (4, 5)), "coreml-fp16").run({"x": np.ones(1, np.float16)})
    assert float(got["y"][0]) == 1 + 2 * eps
    assert float(got["z"][0]) == 1.0


def test_arithmetic_on_integers_and_unknown_kinds_are_refused() -> None:
    tensors = [Tensor("x", (3,), "int8"), Tensor("y", (3,), "int8")]
    with pytest.raises(ArtifactError, match="computes on int8, int8, int8, which Core ML does not"):
        bind(tensors, Op("add", (0, 0), (1,), PLAIN), DIALECTS["coreml-fp16"])
    with pytest.raises(DpocketError, match="there is no error bound for 'warp'"):
        error_bound(Op("warp", (0,), (1,)), tensors, [np.zeros(3, np.int8)])
    assert set(BOUNDS) <= set(OPS)
