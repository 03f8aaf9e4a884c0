"""`dequantize`: stored integers or half floats as float32, `(q - zero_point) * scale`. TFLite DEQUANTIZE."""

from __future__ import annotations

import numpy as np

from runtime_py.ops.node import Kernel, Node, Shape


def shape(node: Node) -> tuple[Shape, ...]:
    """The input's shape."""
    return (node.input(0).shape,)


def bind(node: Node) -> Kernel:
    """One float32 product per value, in every dialect; weights may have one scale per channel."""
    given = node.input(0)
    node.require(node.output.dtype == "float32", f"must give float32, not {node.output.dtype}")
    if given.dtype == "float16":
        return lambda arrays: (arrays[0].astype(np.float32),)
    if given.dtype not in ("int8", "uint8", "int16") or given.quant is None:
        raise node.unsupported()
    along = [1] * len(given.shape)
    if given.quant.per_channel:
        along[given.quant.axis] = -1
    scale = given.quant.scale.reshape(along)
    zero_point = given.quant.zero_point.astype(np.float32).reshape(along)
    return lambda arrays: ((arrays[0].astype(np.float32) - zero_point) * scale,)
