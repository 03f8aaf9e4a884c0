"""Random models of one pointwise operation in int8."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.models.draw import Rng, broadcastable, scale, shape, stored, zero
from benchmarks.models.tflite import Model, O, T


def _binary(rng: Rng, name: str, options: str, out_scale: Callable[[float, float], float]) -> Model:
    first = second = whole = shape(rng)
    if rng.random() < 0.4:
        second = broadcastable(rng, whole)
    if rng.random() < 0.2:
        first = broadcastable(rng, whole)
        whole = np.broadcast_shapes(first, second)
    if rng.random() < 0.3:
        first, second = second, first
    s1, s2 = scale(rng, 1e-2), scale(rng, 1e-2)
    tensors = [
        T("first", first, "int8", s1, zero(rng)),
        T("second", second, "int8", s2, zero(rng)),
        T("y", whole, "int8", out_scale(s1, s2) * rng.uniform(0.3, 3), zero(rng)),
    ]
    arrays = [stored(rng, first), stored(rng, second)]
    inputs: tuple[int, ...] = (0, 1)
    if rng.random() < 0.3:
        tensors[1].data = arrays.pop()
        inputs = (0,)
    op = O(name, (0, 1), (2,), options, {"fusedActivationFunction": int(rng.choice([0, 1, 3]))})
    return Model(tensors, [op], inputs, (2,), arrays)


def add(rng: Rng) -> Model:
    return _binary(rng, "ADD", "AddOptions", lambda a, b: a + b)


def sub(rng: Rng) -> Model:
    return _binary(rng, "SUB", "SubOptions", lambda a, b: a + b)


def mul(rng: Rng) -> Model:
    return _binary(rng, "MUL", "MulOptions", lambda a, b: 60 * a * b)


def _unary(rng: Rng, op: O, ratio: float, low: float = 1e-3, fixed_out: tuple[float, int] | None = None) -> Model:
    given, s = shape(rng), scale(rng, low)
    out = fixed_out or (s / ratio, zero(rng))
    tensors = [T("x", given, "int8", s, zero(rng)), T("y", given, "int8", *out)]
    return Model(tensors, [op], (0,), (1,), [stored(rng, given)])


def requantize(rng: Rng) -> Model:
    return _unary(rng, O("QUANTIZE", (0,), (1,), "QuantizeOptions"), scale(rng, 2**-10, 2**9))


def quantize(rng: Rng) -> Model:
    given, s = shape(rng), scale(rng)
    tensors = [T("x", given, "float32"), T("y", given, "int8", s, zero(rng))]
    x = np.where(rng.random(given) < 0.1, s * (rng.integers(-150, 150, given) + 0.5), rng.normal(0, 90 * s, given))
    return Model(tensors, [O("QUANTIZE", (0,), (1,), "QuantizeOptions")], (0,), (1,), [x.astype(np.float32)])


def dequantize(rng: Rng) -> Model:
    given = shape(rng)
    tensors = [T("x", given, "int8", scale(rng), zero(rng)), T("y", given, "float32")]
    return Model(tensors, [O("DEQUANTIZE", (0,), (1,), "DequantizeOptions")], (0,), (1,), [stored(rng, given)])


def relu(rng: Rng) -> Model:
    return _unary(rng, O("RELU", (0,), (1,)), scale(rng, 0.1, 10))


def relu6(rng: Rng) -> Model:
    return _unary(rng, O("RELU6", (0,), (1,)), scale(rng, 0.1, 10))


def leaky_relu(rng: Rng) -> Model:
    alpha = float(rng.choice([0.01, 0.1, 0.2, 0.3, -0.25]))
    return _unary(rng, O("LEAKY_RELU", (0,), (1,), "LeakyReluOptions", {"alpha": alpha}), scale(rng, 0.05, 20))


def logistic(rng: Rng) -> Model:
    return _unary(rng, O("LOGISTIC", (0,), (1,)), 1, fixed_out=(1 / 256, -128))


def tanh(rng: Rng) -> Model:
    return _unary(rng, O("TANH", (0,), (1,)), 1, fixed_out=(1 / 128, 0))


def hard_swish(rng: Rng) -> Model:
    return _unary(rng, O("HARD_SWISH", (0,), (1,), "HardSwishOptions"), scale(rng, 0.2, 2), low=5e-3)


def softmax(rng: Rng) -> Model:
    op = O("SOFTMAX", (0,), (1,), "SoftmaxOptions", {"beta": float(rng.choice([1.0, 1.0, 0.5, 2.0]))})
    return _unary(rng, op, 1, fixed_out=(1 / 256, -128))
