"""Half floats: operations on float16 tensors as dialect "coreml-fp16" does them.

A float16 tensor is stored in float16; every operation widens it to float32, computes as for float32 tensors, and
rounds its result once, to nearest even, when it is stored. Tensors that a file has in float32 stay so throughout.

Core ML does not document how its devices add: the CPU and GPU accumulate in float32 for most operations, the neural
engine's accumulators are not public. float32 accumulation is this dialect's model, `error_bound` says how far a
device may be from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from runtime_py.ops.node import Array, Kernel, Node
from runtime_py.ops.rule import Rule
from runtime_py.program import Tensor

COPIES = frozenset(
    ("concat", "depth_to_space", "pad", "reshape", "resize_nearest", "slice", "space_to_depth", "split",
     "strided_slice", "transpose")
)  # fmt: skip
"""Kinds that move values of any type without arithmetic."""

WITH_INTEGERS = COPIES | {"quantize", "dequantize", "cast"}
"""Kinds that Core ML does on int8 tensors; all arithmetic there is in floats."""


def bind(node: Node, rule: Rule) -> Kernel:
    """The kernel of an operation whose float16 tensors are widened and rounded around it.

    Raises ArtifactError for arithmetic on integers.
    """
    kind = node.op.kind
    integers = [d for d in node.dtypes() if not d.startswith("float")]
    node.require(kind in WITH_INTEGERS or not integers, f"computes on {', '.join(integers)}, which Core ML does not")
    node.require(kind != "quantize" or node.dtypes()[0] != "int8", "quantises integers")
    if kind in COPIES or "float16" not in node.dtypes():
        return rule.bind(node)
    kernel = rule.bind(widened(node))
    constants = [_wide_data(t) for t in node.inputs]
    halves = [t.dtype == "float16" for t in node.outputs]

    def rounded(arrays: Sequence[Array]) -> tuple[Array, ...]:
        wide = [_wide(a) if data is None else data for a, data in zip(arrays, constants, strict=True)]
        results = kernel(wide)
        return tuple(r.astype(np.float16) if half else r for r, half in zip(results, halves, strict=True))

    return rounded


def widened(node: Node) -> Node:
    """The same operation on float32 tensors."""
    inputs = tuple(None if t is None else _wide_tensor(t) for t in node.inputs)
    return replace(node, inputs=inputs, outputs=tuple(_wide_tensor(t) for t in node.outputs))


def _wide_tensor(tensor: Tensor) -> Tensor:
    if tensor.dtype != "float16":
        return tensor
    return replace(tensor, dtype="float32", data=None if tensor.data is None else _wide(tensor.data))


def _wide_data(tensor: Tensor | None) -> Array | None:
    return None if tensor is None or tensor.data is None else _wide(tensor.data)


def _wide(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype == np.float16 else array
