"""int8 operations as lookup tables: an elementwise rule is evaluated once for all 256 (or 65,536) operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from runtime_py.arithmetic import INT8_MAX, INT8_MIN
from runtime_py.ops.node import Array, Kernel

ALL_INT8 = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)


def unary_table(rule: Callable[[Array], Array]) -> Array:
    """The int8 results of `rule` for -128..127 (given as int64), in the order of the operand's bytes."""
    return np.roll(_saturated(rule(ALL_INT8)), -INT8_MIN)


def look_up(table: Array, stored: Array) -> Array:
    """The table's entry for each int8 of `stored`; keeps shape."""
    return np.asarray(np.take(table, stored.view(np.uint8)))


def unary_kernel(rule: Callable[[Array], Array]) -> Kernel:
    """A kernel that applies `rule` to input 0."""
    table = unary_table(rule)
    return lambda arrays: (look_up(table, arrays[0]),)


def binary_kernel(rule: Callable[[Array, Array], Array]) -> Kernel:
    """A kernel that applies `rule` to inputs 0 and 1, which broadcast as in numpy."""
    table = _saturated(rule(ALL_INT8[:, None], ALL_INT8[None, :]))
    table = np.roll(table, (-INT8_MIN, -INT8_MIN), axis=(0, 1)).reshape(-1)

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        first, second = (a.view(np.uint8) for a in arrays[:2])
        index = np.left_shift(first, 8, dtype=np.uint16) | second
        return (np.asarray(np.take(table, index)),)

    return kernel


def _saturated(values: Array) -> Array:
    return np.clip(values, INT8_MIN, INT8_MAX).astype(np.int8)
