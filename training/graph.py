"""`StudentGraph`: a student as an explicit list of the few layers that every target runs with the same integers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from runtime_py.errors import DpocketError

Pair = tuple[int, int]

FUSES_RELU = ("conv2d", "depthwise_conv2d", "transpose_conv2d", "add")
"""Kinds whose output range can carry the ReLU that follows them, in every target."""


@dataclass(frozen=True)
class Layer:
    """One operation; its output tensor carries the layer's name.

    `attrs`: `stride`, `dilation`, `pads` (pixels on each side, h and w) and `padding` ("same" or "valid" as TFLite
    defines them) of the convolutions and of `max_pool2d`, which adds `window`. `weight` has torch's layout: OIHW,
    or IOHW for `transpose_conv2d`. `where` is the line of the model that asked for the layer.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    relu: bool = False
    weight: Tensor | None = None
    bias: Tensor | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""
    where: str = ""


@dataclass(frozen=True)
class StudentGraph:
    """Layers in execution order, named inputs and outputs, and the NCHW shape of every tensor (float32)."""

    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]

    def run(
        self, inputs: Mapping[str, Tensor], visit: Callable[[str, Tensor], Tensor] = lambda _, value: value
    ) -> dict[str, Tensor]:
        """Every tensor of the student for float32 NCHW `inputs`; any batch size.

        `visit(name, value)` sees each tensor, inputs included, as soon as it exists and returns the one that the
        layers after it get: an observer returns it unchanged, a fake quantiser rounds it.
        """
        values = {name: visit(name, inputs[name]) for name in self.inputs}
        for layer in self.layers:
            values[layer.name] = visit(layer.name, run_layer(layer, [values[i] for i in layer.inputs]))
        return values

    def weights_hash(self) -> str:
        """SHA-256 of the layers' names, kinds and float32 weights: the identity of a trained student."""
        digest = hashlib.sha256()
        for layer in self.layers:
            digest.update(
                f"{layer.name} {layer.kind} {layer.inputs} {layer.relu} {sorted(layer.attrs.items())}".encode()
            )
            for tensor in (layer.weight, layer.bias):
                if tensor is not None:
                    digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()


def run_layer(layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
    """One layer in float32 on NCHW tensors, its ReLU included."""
    a, x = layer.attrs, inputs[0]
    if layer.kind in ("conv2d", "depthwise_conv2d"):
        groups = x.shape[1] if layer.kind == "depthwise_conv2d" else 1
        out = F.conv2d(x, _weight(layer), layer.bias, a["stride"], a["pads"], a["dilation"], groups)
    elif layer.kind == "transpose_conv2d":
        out = F.conv_transpose2d(x, _weight(layer), layer.bias, a["stride"], a["pads"])
    elif layer.kind == "add":
        out = x + inputs[1]
    elif layer.kind == "concat":
        out = torch.cat(list(inputs), 1)
    else:
        out = F.max_pool2d(x, a["window"], a["stride"])
    return torch.relu(out) if layer.relu else out


def same_pads(size: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """Pixels before and after that TFLite's SAME padding adds along an axis of `size` pixels."""
    reach = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _weight(layer: Layer) -> Tensor:
    if layer.weight is None:
        raise DpocketError(f"layer '{layer.name}' ({layer.kind}) has no weights")
    return layer.weight
