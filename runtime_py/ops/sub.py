"""`sub`: the first tensor less the second, which broadcast, with a fused activation. TFLite SUB."""

from __future__ import annotations

from runtime_py.ops.node import Kernel, Node, Shape
from runtime_py.ops.sums import bind_sum, broadcast_shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The shape to which the inputs broadcast."""
    return (broadcast_shape(node),)


def bind(node: Node) -> Kernel:
    """int8 by the dialect's rule, float32 plainly."""
    return bind_sum(node, sign=-1)
