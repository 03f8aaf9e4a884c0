"""`hard_sigmoid`: `alpha * x + beta` between 0 and 1. ONNX HardSigmoid."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """float32 only, in which every runtime computes it."""
    if node.dtypes() != ("float32", "float32"):
        raise node.unsupported()
    alpha, beta = np.float32(node.attr("alpha")), np.float32(node.attr("beta"))
    return lambda arrays: (np.clip(alpha * arrays[0] + beta, np.float32(0), np.float32(1)),)
