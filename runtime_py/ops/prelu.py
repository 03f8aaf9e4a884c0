"""`prelu`: x, or `slope` * x where x is negative; the slopes (input 1) broadcast. ONNX PRelu, TFLite PRELU."""

from __future__ import annotations

import numpy as np

from runtime_py.ops import elementwise_int8
from runtime_py.ops.elementwise_int8 import bind_binary
from runtime_py.ops.node import Kernel, Node, Shape
from runtime_py.ops.sums import broadcast_shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The shape to which the inputs broadcast."""
    return (broadcast_shape(node),)


def bind(node: Node) -> Kernel:
    """int8 as LiteRT's own kernel, float32 plainly."""
    if node.dtypes() == ("int8", "int8", "int8"):
        return bind_binary(node, elementwise_int8.prelu)
    if node.dtypes() != ("float32", "float32", "float32"):
        raise node.unsupported()
    return lambda arrays: (np.where(arrays[0] >= 0, arrays[0], arrays[0] * arrays[1]),)
