"""Small .pte files, made by ExecuTorch's own route: a network, PT2E quantisation, XNNPACK's partitioner."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from runtime_py.quiet import quiet

Array = NDArray[Any]

PRECISIONS = ("fp32", "int8", "dynamic")
"""float32 throughout; int8 with grids from calibration; int8 weights on grids found while running."""


class Net(nn.Module):
    """Named layers and a body that uses them; weights are drawn from a normal distribution by `seed`."""

    def __init__(self, body: Callable[..., Any], seed: int = 0, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self._body = body
        drawn = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            width = 0.3 if name.endswith("bias") else 0.4
            parameter.data = torch.randn(parameter.shape, generator=drawn) * width

    def forward(self, *inputs: Tensor) -> Any:
        return self._body(self, *inputs)


@dataclass(frozen=True)
class Case:
    """A network with the shapes of its inputs; undelegated ones run on portable kernels alone."""

    net: nn.Module
    shapes: tuple[tuple[int, ...], ...]
    precision: str = "fp32"
    delegated: bool = True
    seed: int = 0

    def inputs(self, width: float = 1.0) -> list[Array]:
        """Random float32 inputs, always the same."""
        rng = np.random.default_rng(self.seed)
        return [(width * rng.standard_normal(shape)).astype(np.float32) for shape in self.shapes]


def build(case: Case, constants: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a case's .pte file; `constants` become methods that return them."""
    with quiet(native=True), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _lowered(_quantized(case), case, constants or {})


def _example(case: Case, width: float = 1.0) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(array) for array in case.inputs(width))


def _quantized(case: Case) -> nn.Module:
    net = case.net.eval()
    if case.precision == "fp32":
        return net
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    config = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=case.precision == "dynamic")
    prepared = prepare_pt2e(torch.export.export(net, _example(case)).module(), XNNPACKQuantizer().set_global(config))
    for width in (1.0, 0.7, 1.3):
        prepared(*_example(case, width))
    converted: nn.Module = convert_pt2e(prepared)
    return converted


def _lowered(net: nn.Module, case: Case, constants: Mapping[str, Any]) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    partitioner = [XnnpackPartitioner()] if case.delegated else []
    exported = torch.export.export(net, _example(case))
    edge = to_edge_transform_and_lower(exported, partitioner=partitioner, constant_methods=dict(constants))
    return bytes(edge.to_executorch().buffer)


def run_executorch(content: bytes, arrays: Sequence[Array]) -> list[Array]:
    """The outputs of ExecuTorch for inputs in the file's order; RuntimeError when it cannot run the file."""
    with quiet(native=True):
        from executorch.runtime import Runtime

        method = Runtime.get().load_program(content).load_method("forward")
        return [np.array(t.numpy()) for t in method.execute([torch.from_numpy(a) for a in arrays])]
