"""`clamp`: real values held between `low` and `high`. ONNX Clip, XNNPACK clamp."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runtime_py.arithmetic import INT8_MAX, INT8_MIN
from runtime_py.ops.node import Array, Kernel, Node, Shape
from runtime_py.ops.tables import unary_kernel


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """float32 plainly; int8 by XNNPACK's rules in every dialect, since TFLite has no such operator."""
    low, high = np.float32(node.attr("low")), np.float32(node.attr("high"))
    match node.dtypes():
        case "float32", "float32":
            return lambda arrays: (np.minimum(np.maximum(arrays[0], low), high),)
        case "int8", "int8" if node.same_grid(node.input(0), node.output):
            limits = np.clip(_stored(node, np.array([low, high])), INT8_MIN, INT8_MAX).astype(np.int8)
            return lambda arrays: (np.minimum(np.maximum(arrays[0], limits[0]), limits[1]),)
        case "int8", "int8":
            return unary_kernel(_onto_another_grid(node, low, high))
        case _:
            raise node.unsupported()


def _stored(node: Node, real: Array) -> Array:
    """XNNPACK `xnn_s8_vclamp`: each limit as an integer."""
    scale, zero_point = node.grid(node.output)
    return np.asarray(np.rint(real / scale) + zero_point)


def _onto_another_grid(node: Node, low: np.float32, high: np.float32) -> Callable[[Array], Array]:
    """XNNPACK's lookup table: clamped real values, and the zero point added before rounding."""
    (scale, zero_point), (out_scale, out_zero) = node.grid(node.input(0)), node.grid(node.output)
    inverse = np.float32(1) / out_scale

    def rule(q: Array) -> Array:
        real = np.clip((q - zero_point).astype(np.float32) * scale, low, high)
        return np.asarray(np.rint(real * inverse + np.float32(out_zero)))

    return rule
