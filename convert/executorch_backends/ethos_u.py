"""An integer program as a .pte for Arm's Ethos-U NPUs: TOSA, compiled by Vela; NCHW at the boundary."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from convert.executorch_backends.delegate import lower_whole, silence
from convert.torch_view import TorchView, dequantize, quantize
from runtime_py.contract import Contract
from runtime_py.program import Op, Program, Quant
from runtime_py.program import Tensor as ProgramTensor

ACCELERATOR = "ethos-u55-128"
"""Vela's name of the NPU: command streams are made for one."""


class IntegerView(TorchView):
    """The view of an int8 program that leaves no float32 constant and no bare float operation.

    Arm's backend computes in integers alone. It wants each bias as int32 on its own scales, and each operation between
    a dequantise and a quantise: a ReLU above zero point -128 gets its own pair, on the grid of its result, where the
    quantised sum is what it is after the ReLU or below the zero point. The integers are those of `TorchView`.
    """

    def _register(self, index: int, tensor: ProgramTensor, op: Op) -> None:
        super()._register(index, tensor, op)
        if tensor.data is not None and tensor.quant is not None and index != op.inputs[1]:
            self.register_buffer(f"constant{index}", torch.from_numpy(tensor.data.copy()))
            self.register_buffer(f"scale{index}", torch.from_numpy(tensor.quant.scale.copy()))
            self.register_buffer(f"zero{index}", torch.from_numpy(tensor.quant.zero_point.copy()))

    def _real(self, index: int, op: Op, values: dict[int, Tensor]) -> Tensor:
        tensor = self.program.tensors[index]
        if tensor.data is None or tensor.quant is None or index == op.inputs[1]:
            return super()._real(index, op, values)
        bias, scale, zero = (getattr(self, f"{name}{index}") for name in ("constant", "scale", "zero"))
        info = torch.iinfo(torch.int32)
        real: Tensor = torch.ops.quantized_decomposed.dequantize_per_channel(
            bias, scale, zero, 0, info.min, info.max, torch.int32
        )
        return real

    def _relu(self, real: Tensor, quant: Quant | None) -> Tensor:
        return torch.relu(real if quant is None else dequantize(quantize(real, quant), quant))


def to_ethos_u_pte(program: Program, contract: Contract) -> bytes:
    """The .pte of an int8 `program`: one delegate, which is the command stream of `ACCELERATOR`.

    Our scales become TOSA's multipliers and shifts, our zero points its own. Raises DpocketError for a student that it
    does not take whole.
    """
    return lower_for(ACCELERATOR, program, contract)


def lower_for(accelerator: str, program: Program, contract: Contract, keep_in: str | None = None) -> bytes:
    """`to_ethos_u_pte` for any of Vela's accelerators; `keep_in` is a folder for the TOSA graph on the way."""
    with silence():
        from executorch.backends.arm.ethosu import EthosUCompileSpec, EthosUPartitioner

        spec = EthosUCompileSpec(accelerator)
        spec.dump_intermediate_artifacts_to(keep_in)
    return lower_whole(IntegerView(program), EthosUPartitioner(spec), "Arm Ethos-U", contract, _mark_quantised)


def _mark_quantised(exported: Any) -> None:
    """Say of every operation what Arm's own quantiser would: its backend takes no operation that is not so marked."""
    from executorch.backends.arm.common.annotation_meta import ArmAnnotationInfo

    for node in exported.graph.nodes:
        if node.op == "call_function" and getattr(node.target, "namespace", "") != "quantized_decomposed":
            node.meta.setdefault("custom", {})[ArmAnnotationInfo.CUSTOM_META_KEY] = ArmAnnotationInfo(quantized=True)
