"""`div`: the quotient of two tensors that broadcast. ONNX Div, TFLite DIV."""

from __future__ import annotations

import numpy as np

from runtime_py.arithmetic import ACTIVATION_RANGES
from runtime_py.ops.elementwise_int8 import bind_binary, quotient
from runtime_py.ops.node import Kernel, Node, Shape
from runtime_py.ops.sums import broadcast_shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The shape to which the inputs broadcast."""
    return (broadcast_shape(node),)


def bind(node: Node) -> Kernel:
    """int8 as LiteRT's own kernel; in float32 division by 0 gives infinity or NaN as IEEE 754 has it."""
    if node.dtypes() == ("int8", "int8", "int8"):
        return bind_binary(node, quotient)
    if node.dtypes() != ("float32", "float32", "float32"):
        raise node.unsupported()
    low, high = ACTIVATION_RANGES[node.attr("activation")]
    return lambda arrays: (np.clip(arrays[0] / arrays[1], low, high),)
