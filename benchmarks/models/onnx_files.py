"""One operator as an `.onnx` file: on float32, or between QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass
class Case:
    """One operator: shapes of its inputs, then constants, of which `weights` (and `bias`) are quantised in QDQ models.

    `grids` "free" draws a grid for every tensor, "same" one for all, "relu" puts the output's zero point at the end.
    """

    kind: str
    shapes: Sequence[tuple[int, ...]]
    attributes: dict[str, Any] = field(default_factory=dict)
    weights: Array | None = None
    bias: Array | None = None
    constants: Sequence[Array | None] = ()
    outputs: int = 1
    grids: str = "free"
    after: str = ""
    opset: int = 17
    weights_axis: int = 0


Rng = np.random.Generator


def float_model(case: Case, rng: Rng) -> bytes:
    """The operator on float32 inputs x0, x1, …, outputs y0, y1, …."""
    build = _Build(case, rng)
    names = [build.input(i, shape, "float32") for i, shape in enumerate(case.shapes)]
    names += [build.constant(c) for c in (case.weights, case.bias) if c is not None]
    names += ["" if c is None else build.constant(c) for c in case.constants]
    outputs = [f"y{i}" for i in range(case.outputs)]
    build.node(case.kind, names, outputs, **case.attributes)
    return build.model(outputs, "float32")


def quantised_model(case: Case, rng: Rng, dtype: str = "int8") -> bytes:
    """The operator between grids of `dtype` (int8 or uint8); weights int8 per channel, bias int32."""
    build = _Build(case, rng)
    shared = build.grid(dtype)
    grids = [shared if case.grids == "same" else build.grid(dtype) for _ in case.shapes]
    names = []
    for i, (shape, grid) in enumerate(zip(case.shapes, grids, strict=True)):
        build.input(i, shape, dtype)
        names.append(build.dequantised(f"x{i}", *grid, axis=0))
    if case.weights is not None:
        axis = case.weights_axis
        channels = case.weights.shape[axis]
        scale = np.asarray(rng.uniform(0.002, 0.02, channels), np.float32)
        stored = rng.integers(-128, 128, case.weights.shape).astype(np.int8)
        names.append(build.dequantised(build.constant(stored), scale, np.zeros(channels, np.int8), axis=axis))
        if case.bias is not None:
            steps = np.asarray(grids[0][0] * scale, np.float32)
            bias = rng.integers(-3000, 3000, case.bias.shape).astype(np.int32)
            names.append(build.dequantised(build.constant(bias), steps, np.zeros(channels, np.int32), axis=0))
    names += ["" if c is None else build.constant(c) for c in case.constants]
    outputs = [f"y{i}" for i in range(case.outputs)]
    reals = [f"r{i}" for i in range(case.outputs)]
    build.node(case.kind, names, reals, **case.attributes)
    for real, output in zip(reals, outputs, strict=True):
        if case.after:
            build.node(case.after, [real], [f"{real}.after"])
            real = f"{real}.after"
        grid = shared if case.grids == "same" else build.grid(dtype, wide=case.weights is not None)
        lowest = np.asarray(np.iinfo(dtype).min, dtype)
        if case.grids == "relu":
            grid = (grid[0], lowest)
        if case.kind == "Softmax":
            grid = (np.float32(1 / 256), lowest)
        build.node("QuantizeLinear", [real, *(build.constant(np.asarray(part)) for part in grid)], [output])
    return build.model(outputs, dtype)


class _Build:
    def __init__(self, case: Case, rng: Rng) -> None:
        import onnx

        self._onnx: Any = onnx
        self._case, self._rng = case, rng
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []

    def grid(self, dtype: str, wide: bool = False) -> tuple[np.float32, Array]:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        scale = np.float32(self._rng.uniform(0.01, 0.1) * (8 if wide else 1))
        return scale, np.asarray(self._rng.integers(low, high + 1), dtype)

    def input(self, i: int, shape: Sequence[int], dtype: str) -> str:
        self._inputs.append(self._value(f"x{i}", dtype, shape))
        return f"x{i}"

    def constant(self, data: Array) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.asarray(data), name))
        return name

    def dequantised(self, name: str, scale: Any, zero: Array, axis: int) -> str:
        names = [name, self.constant(np.asarray(scale, np.float32)), self.constant(zero)]
        self.node("DequantizeLinear", names, [f"{name}.real"], axis=axis)
        return f"{name}.real"

    def node(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), list(outputs), **attributes))

    def _value(self, name: str, dtype: str, shape: Sequence[int] | None) -> Any:
        code = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self._onnx.helper.make_tensor_value_info(name, code, shape)

    def model(self, outputs: Sequence[str], dtype: str) -> bytes:
        helper = self._onnx.helper
        values = [self._value(name, dtype, None) for name in outputs]
        graph = helper.make_graph(self._nodes, "case", self._inputs, values, self._constants)
        opset = [helper.make_opsetid("", self._case.opset)]
        return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())
