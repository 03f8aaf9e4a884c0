"""What an ONNX graph computes from constants and shapes alone, done while reading.

Exporters leave sizes to chains of Shape, Gather and Concat, and weights behind Identity, Transpose or Cast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.readers.onnx_graph import DTYPES, OnnxNode

Array = NDArray[Any]
Fold = Callable[[OnnxNode, Sequence[Array]], Array]

LARGEST_FILL = 1 << 22
"""Values that one node may make out of a size; more is taken for damage."""


def constant(node: OnnxNode) -> Array:
    """The value of a Constant node."""
    value = node.tensor("value")
    if value is not None:
        return value
    if node.has("value_ints"):
        return np.asarray(node.integers("value_ints"), np.int64)
    if node.has("value_floats"):
        return np.asarray(node.reals("value_floats"), np.float32)
    if node.has("value_int"):
        return np.asarray(node.integer("value_int"), np.int64)
    if node.has("value_float"):
        return np.asarray(node.real("value_float"), np.float32)
    raise node.error("has no value of a type that is supported")


def shape_of(node: OnnxNode, shape: Sequence[int]) -> Array:
    """The value of a Shape node for a tensor of that shape."""
    end = node.integer("end") if node.has("end") else len(shape)
    return np.asarray(shape, np.int64)[node.integer("start") : end]


def folded(node: OnnxNode, arrays: Sequence[Array]) -> Array | None:
    """The constant that a node makes of constants; None for kinds that are not folded or cannot be."""
    fold = FOLDS.get(node.kind)
    if fold is None or len(node.outputs) != 1:
        return None
    try:
        with np.errstate(all="ignore"):
            return np.asarray(fold(node, arrays))
    except (ValueError, TypeError, IndexError, OverflowError) as e:
        raise node.error(f"cannot be done on its constants: {e}") from e


def _axes(node: OnnxNode, arrays: Sequence[Array]) -> tuple[int, ...] | None:
    if node.has("axes"):
        return node.integers("axes")
    return tuple(arrays[1].reshape(-1).tolist()) if len(arrays) > 1 else None


def _unsqueeze(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    return np.expand_dims(arrays[0], _axes(node, arrays) or ())


def _squeeze(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    return np.squeeze(arrays[0], _axes(node, arrays))


def _cast(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    if node.integer("to") not in DTYPES:
        raise node.error(f"casts to type number {node.integer('to')}")
    return arrays[0].astype(DTYPES[node.integer("to")])


def _concat(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    return np.concatenate(arrays, node.integer("axis"))


def _gather(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    if arrays[1].size > LARGEST_FILL // max(arrays[0].size, 1):
        raise node.error("gathers more than makes sense")
    return np.take(arrays[0], arrays[1], node.integer("axis"))


def _reshape(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    wanted = arrays[1].reshape(-1).tolist()
    sizes = [arrays[0].shape[i] if n == 0 and not node.integer("allowzero") else n for i, n in enumerate(wanted)]
    return arrays[0].reshape(sizes)


def _slice(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    if node.has("starts"):
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
        axes, steps = node.integers("axes") or tuple(range(len(starts))), (1,) * len(starts)
    else:
        starts, ends = arrays[1].tolist(), arrays[2].tolist()
        axes = arrays[3].tolist() if len(arrays) > 3 else tuple(range(len(starts)))
        steps = arrays[4].tolist() if len(arrays) > 4 else (1,) * len(starts)
    cuts = [slice(None)] * arrays[0].ndim
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        cuts[axis] = slice(first, last, step)
    return arrays[0][tuple(cuts)]


def _filled(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    sizes = arrays[0].reshape(-1).tolist()
    if any(n < 0 for n in sizes) or len(sizes) > 8 or math.prod(sizes) > LARGEST_FILL:
        raise node.error(f"fills the shape {sizes}, more than makes sense")
    value = node.tensor("value")
    return np.full(sizes, 0 if value is None else value.reshape(-1)[0], np.float32 if value is None else value.dtype)


def _divided(node: OnnxNode, arrays: Sequence[Array]) -> Array:
    if arrays[0].dtype.kind == "f":
        return np.asarray(arrays[0] / arrays[1])
    # C's division truncates towards zero.
    if not np.all(arrays[1]):
        raise node.error("divides integers by 0")
    return np.asarray(np.trunc(arrays[0] / arrays[1]).astype(arrays[0].dtype))


def _small(rule: Callable[[Array, Array], Any]) -> Fold:
    """A rule for two constants that broadcast, to no more than makes sense."""

    def fold(node: OnnxNode, arrays: Sequence[Array]) -> Array:
        if math.prod(np.broadcast_shapes(arrays[0].shape, arrays[1].shape)) > LARGEST_FILL:
            raise node.error("combines constants to more than makes sense")
        return np.asarray(rule(arrays[0], arrays[1]))

    return fold


FOLDS: Mapping[str, Fold] = {
    "Add": _small(np.add),
    "Cast": _cast,
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Div": _divided,
    "Floor": lambda node, arrays: np.floor(arrays[0]),
    "Gather": _gather,
    "Identity": lambda node, arrays: arrays[0],
    "Mul": _small(np.multiply),
    "Reshape": _reshape,
    "Slice": _slice,
    "Sqrt": lambda node, arrays: np.sqrt(arrays[0]),
    "Squeeze": _squeeze,
    "Sub": _small(np.subtract),
    "Transpose": lambda node, arrays: arrays[0].transpose(node.integers("perm")),
    "Unsqueeze": _unsqueeze,
}
"""Operators that are done on constants while reading."""
