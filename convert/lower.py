"""From a traced student to a float `Program`: channel-last, weights in the order of the program's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Tensor
from training.graph import Layer, StudentGraph


def lower(graph: StudentGraph) -> Program:
    """The student's float32 program, NHWC. A convolution without a bias gets zeros: int8 kernels require one.

    Inputs of a convolution are (activation, weight, bias); constants are named "<layer>.weight" and "<layer>.bias".
    """
    builder = _Builder()
    for name in graph.inputs:
        builder.activation(name, graph.shapes[name])
    for layer in graph.layers:
        inputs = [builder.index[name] for name in layer.inputs]
        if layer.weight is not None:
            weight = weight_nhwc(layer)
            channels = weight.shape[3] if layer.kind == "depthwise_conv2d" else weight.shape[0]
            bias = np.zeros(channels, np.float32) if layer.bias is None else layer.bias.numpy()
            inputs += [builder.constant(f"{layer.name}.weight", weight), builder.constant(f"{layer.name}.bias", bias)]
        output = builder.activation(layer.name, graph.shapes[layer.name])
        builder.ops.append(Op(layer.kind, tuple(inputs), (output,), _attributes(layer), layer.module or layer.name))
    return Program(
        tuple(builder.tensors),
        tuple(builder.ops),
        tuple(builder.index[n] for n in graph.inputs),
        tuple(builder.index[n] for n in graph.outputs),
    )


def weight_nhwc(layer: Layer) -> NDArray[np.float32]:
    """A layer's weights as OHWI, or as 1HWC for a depthwise convolution (channel = input channel * multiplier + m)."""
    if layer.weight is None:
        raise DpocketError(f"layer '{layer.name}' has no weights")
    order = {"conv2d": (0, 2, 3, 1), "transpose_conv2d": (1, 2, 3, 0), "depthwise_conv2d": (1, 2, 3, 0)}[layer.kind]
    return np.ascontiguousarray(layer.weight.numpy().transpose(order).astype(np.float32))


def _attributes(layer: Layer) -> dict[str, Any]:
    activation = "relu" if layer.relu else "none"
    if layer.kind == "concat":
        return {"axis": 3, "activation": activation}
    if layer.kind == "add":
        return {"activation": activation}
    kept = {name: layer.attrs[name] for name in ("stride", "dilation", "padding", "window") if name in layer.attrs}
    return {**kept, "activation": activation}


class _Builder:
    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []
        self.index: dict[str, int] = {}

    def activation(self, name: str, shape_NCHW: tuple[int, ...]) -> int:
        n, c, h, w = shape_NCHW
        return self._add(Tensor(name, (n, h, w, c), "float32"))

    def constant(self, name: str, data: NDArray[np.float32]) -> int:
        return self._add(Tensor(name, data.shape, "float32", data=data))

    def _add(self, tensor: Tensor) -> int:
        if tensor.name in self.index:
            raise DpocketError(f"two tensors of the student are named '{tensor.name}'; rename one of its modules")
        self.index[tensor.name] = len(self.tensors)
        self.tensors.append(tensor)
        return self.index[tensor.name]
