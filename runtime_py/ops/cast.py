"""`cast`: the same numbers in another type; floats are cut, integers wrap around. ONNX Cast, TFLite CAST."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """Between any two types; to boolean it asks whether the number is not 0. Grids are left out of account."""
    dtype = np.dtype(node.output.dtype)
    return lambda arrays: (arrays[0].astype(dtype),)
