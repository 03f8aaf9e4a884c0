"""Translators of MIL's arithmetic: elementwise operations, activations, reductions, products and normalisation.

An operation that becomes several rounds its result only: what lies between is float32 (`ops/half.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from runtime_py.readers.mil_call import Call


def binary(kind: str) -> Callable[[Call], None]:
    """Two operands that broadcast."""

    def translate(call: Call) -> None:
        call.emit(kind, (call.tensor("x"), call.tensor("y")), activation="none")

    return translate


def unary(kind: str, **attrs: str) -> Callable[[Call], None]:
    """One operand; `attrs` maps names of attributes to names of real operands."""

    def translate(call: Call) -> None:
        numbers: dict[str, Any] = {name: call.real(operand) for name, operand in attrs.items()}
        call.emit(kind, (call.tensor("x"),), **numbers)

    return translate


def silu(call: Call) -> None:
    """`x * sigmoid(x)`."""
    index = call.tensor("x")
    gate = call.inner("logistic", (index,), call.shape(index))
    call.emit("mul", (index, gate), activation="none")


def prelu(call: Call) -> None:
    """One slope for each channel, which is axis 1."""
    index, alpha = call.tensor("x"), call.array("alpha")
    rank = len(call.shape(index))
    call.require(alpha.ndim <= 1 and rank >= 2, f"has slopes of shape {alpha.shape} for rank {rank}")
    slopes = call.constant(f"{call.output.name}:alpha", alpha.reshape(-1, *(1,) * (rank - 2)))
    call.emit("prelu", (index, slopes))


def softmax(call: Call) -> None:
    """Over any axis, which is brought to the end."""
    index = call.tensor("x")
    rank, axis = len(call.shape(index)), call.integer("axis", -1)
    call.require(-rank <= axis < rank, f"has axis {axis} for rank {rank}")
    axis %= rank
    if axis == rank - 1:
        call.emit("softmax", (index,), beta=1.0)
        return
    order = (*(i for i in range(rank) if i != axis), axis)
    last = call.assembly.transposed(index, order, call.place)
    made = call.assembly.made("softmax", (last,), call.shape(last), call.place, beta=1.0)
    call.emit("transpose", (made,), permutation=tuple(order.index(i) for i in range(rank)))


def reduce_mean(call: Call) -> None:
    index = call.tensor("x")
    axes = call.numbers("axes", range(len(call.shape(index))))
    call.emit("mean", (index,), axes=axes, keep_dims=call.boolean("keep_dims"))


def reduce_sum(call: Call) -> None:
    """The mean times the count."""
    index = call.tensor("x")
    shape = call.shape(index)
    axes = call.numbers("axes", range(len(shape)))
    call.require(all(-len(shape) <= a < len(shape) for a in axes), f"has axes {axes} for rank {len(shape)}")
    count = math.prod([shape[a] for a in {a % len(shape) for a in axes}])
    mean = call.inner("mean", (index,), call.output.shape, axes=axes, keep_dims=call.boolean("keep_dims"))
    call.emit("mul", (mean, call.number(count)), activation="none")


def linear(call: Call) -> None:
    """Rows times weights OI."""
    weight = call.array("weight")
    call.require(weight.ndim == 2, f"has weights of shape {weight.shape}")
    inputs = [call.tensor("x"), call.constant(f"{call.output.name}:weight", weight)]
    if call.has("bias"):
        bias = call.array("bias").reshape(-1)
        call.require(bias.size in (1, weight.shape[0]), f"has {bias.size} biases for {weight.shape[0]} outputs")
        spread = np.broadcast_to(bias, weight.shape[:1])
        inputs.append(call.constant(f"{call.output.name}:bias", spread))
    call.emit("fully_connected", inputs, activation="none", keep_dims=True)


def matmul(call: Call) -> None:
    """A product with a constant matrix."""
    weight = call.array("y")
    plain = weight.ndim == 2 and not call.boolean("transpose_x")
    call.require(plain, "is supported for a constant matrix as 'y' and an 'x' that is not transposed")
    stored = weight if call.boolean("transpose_y") else weight.T
    matrix = call.constant(f"{call.output.name}:weight", stored)
    call.emit("fully_connected", (call.tensor("x"), matrix), activation="none", keep_dims=True)


def batch_norm(call: Call) -> None:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` as one factor and one offset for each channel."""
    index = call.tensor("x")
    rank, channels = len(call.shape(index)), call.array("mean").size
    call.require(rank >= 2 and call.shape(index)[1] == channels, f"has {channels} means for {call.shape(index)}")

    def values(name: str, default: float | None = None) -> Any:
        found = call.array(name) if default is None else call.array(name, np.float32(default))
        found = np.asarray(found, np.float64).reshape(-1)
        call.require(found.size in (1, channels), f"has {found.size} values of {name} for {channels} channels")
        return np.broadcast_to(found, (channels,))

    with np.errstate(all="ignore"):
        factor = values("gamma", 1.0) / np.sqrt(values("variance") + call.real("epsilon", 1e-5))
        offset = values("beta", 0.0) - values("mean") * factor
    along = (-1, *(1,) * (rank - 2))
    names = (f"{call.output.name}:factor", f"{call.output.name}:offset")
    parts = [
        call.constant(n, v.astype(np.float32).reshape(along)) for n, v in zip(names, (factor, offset), strict=True)
    ]
    scaled = call.inner("mul", (index, parts[0]), call.shape(index), activation="none")
    call.emit("add", (scaled, parts[1]), activation="none")


def shifted(kind: str, epsilon: float) -> Callable[[Call], None]:
    """A function of `x + epsilon`."""

    def translate(call: Call) -> None:
        index = call.tensor("x")
        offset = call.number(call.real("epsilon", np.float32(epsilon)))
        call.emit(kind, (call.inner("add", (index, offset), call.shape(index), activation="none"),))

    return translate


def gelu(call: Call) -> None:
    """Exactly, or by one of two approximations."""
    index, mode = call.tensor("x"), call.text("mode", "EXACT")
    if mode == "EXACT":
        call.emit("gelu", (index,))
        return
    call.require(mode == "SIGMOID_APPROXIMATION", f"has mode {mode}; known are EXACT and SIGMOID_APPROXIMATION")
    shape = call.shape(index)
    steep = call.inner("mul", (index, call.number(1.702)), shape, activation="none")
    call.emit("mul", (index, call.inner("logistic", (steep,), shape)), activation="none")


def power(call: Call) -> None:
    """A constant exponent that is another operation's."""
    exponent = call.real("y")
    call.require(exponent in POWERS, f"raises to {exponent}; known are: {', '.join(map(str, POWERS))}")
    call.emit(POWERS[exponent], (call.tensor("x"),))


POWERS: Mapping[float, str] = {2.0: "square", 0.5: "square_root", -0.5: "reciprocal_square_root"}


def instance_norm(call: Call) -> None:
    """Over all axes but the first two."""
    index = call.tensor("x")
    rank = len(call.shape(index))
    call.require(rank > 2, f"has rank {rank}")
    _normalise(call, index, range(2, rank), (-1, *(1,) * (rank - 2)))


def layer_norm(call: Call) -> None:
    """Over `axes`, which must be the last ones for gamma and beta to broadcast."""
    index = call.tensor("x")
    shape = call.shape(index)
    rank = len(shape)
    axes = sorted(axis % max(rank, 1) for axis in call.numbers("axes", range(rank)))
    call.require(axes == list(range(rank - len(axes), rank)) and len(axes) > 0, f"has axes {axes} for rank {rank}")
    _normalise(call, index, axes, shape[axes[0] :])


def _normalise(call: Call, index: int, axes: Sequence[int], along: tuple[int, ...]) -> None:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, in float32 up to the end."""
    shape = call.shape(index)
    reduced = tuple(1 if i in axes else n for i, n in enumerate(shape))
    mean = call.inner("mean", (index,), reduced, axes=tuple(axes), keep_dims=True)
    centred = call.inner("sub", (index, mean), shape, activation="none")
    square = call.inner("square", (centred,), shape)
    variance = call.inner("mean", (square,), reduced, axes=tuple(axes), keep_dims=True)
    raised = call.inner("add", (variance, call.number(call.real("epsilon", 1e-5))), reduced, activation="none")
    kind, operands = "mul", (centred, call.inner("reciprocal_square_root", (raised,), reduced))
    for following, name in (("mul", "gamma"), ("add", "beta")):
        if call.has(name):
            part = call.array(name).astype(np.float32)
            fits = part.size == math.prod(along) if -1 not in along else part.size == shape[1]
            call.require(fits, f"has {part.size} values of {name} for {shape}")
            constant = call.constant(f"{call.output.name}:{name}", part.reshape(along))
            operands = (call.inner(kind, operands, shape, activation="none"), constant)
            kind = following
    call.emit(kind, operands, activation="none")
