"""`Program`, `Op`, `Tensor`: the one in-memory form of every artifact.

Activations are NHWC. Weights are OHWI for `conv2d` and `transpose_conv2d`, 1HWC for `depthwise_conv2d`, OI for
`fully_connected`. Readers turn files into programs, `convert` turns students into programs and programs into files,
and the interpreter runs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Quant:
    """Affine quantisation `real = (q - zero_point) * scale`; one entry per tensor, or one per slice along `axis`."""

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        return self.scale.size > 1


@dataclass(frozen=True)
class Tensor:
    """A value of the program; `data` is set for constants only. `dtype` is a numpy name ("int8", "float32")."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quant: Quant | None = None
    data: NDArray[Any] | None = None


@dataclass(frozen=True)
class Op:
    """One operation: `inputs` and `outputs` index `Program.tensors` (-1: an optional input that is absent).

    Attributes of the convolution kinds: `stride` (h, w), `dilation` (h, w), `padding` "same" or "valid" as TFLite
    defines them, `activation` "none", "relu", "relu6" or "relu_n1_to_1". `concat` has `axis`; `add` has `activation`.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True)
class Program:
    """Operations in execution order over a tensor table, with named inputs and outputs (by index)."""

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    source: str = ""

    def input_names(self) -> tuple[str, ...]:
        return tuple(self.tensors[i].name for i in self.inputs)

    def output_names(self) -> tuple[str, ...]:
        return tuple(self.tensors[i].name for i in self.outputs)
