"""A program as a `torch.nn.Module` in NCHW: float operations, between quantise and dequantise where it has a grid."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime_py.program import Op, Program, Quant
from runtime_py.program import Tensor as ProgramTensor
from training.graph import same_pads

OIHW = {"conv2d": (0, 3, 1, 2), "depthwise_conv2d": (3, 0, 1, 2), "transpose_conv2d": (3, 0, 1, 2)}
"""From a program's weight order to torch's."""


class TorchView(nn.Module):
    """Runs `program` on NCHW tensors in the order of its inputs.

    An integer program takes and gives int8 and computes in float32 between `quantized_decomposed` operations on the
    program's own numbers: PT2E's reference pattern, which ExecuTorch reads. It is no runtime's arithmetic: rounding
    after a float32 sum differs from an integer kernel's by a step on a few values in a thousand.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        # Registers the quantized_decomposed operators.
        import torch.ao.quantization.fx._decomposed  # noqa: F401

        self.program = program
        for op in program.ops:
            for i in op.inputs:
                self._register(i, program.tensors[i], op)

    def _register(self, index: int, tensor: ProgramTensor, op: Op) -> None:
        if tensor.data is None:
            return
        data = torch.from_numpy(tensor.data.copy())
        is_weight = index == op.inputs[1]
        if is_weight:
            data = data.permute(OIHW[op.kind]).contiguous()
        if tensor.quant is not None and not is_weight:
            # The float bias: exact, since |integer| < 2²⁴.
            data = (data.double() * torch.from_numpy(tensor.quant.scale.copy()).double()).float()
        self.register_buffer(f"constant{index}", data)
        if tensor.quant is not None and is_weight:
            self.register_buffer(f"scale{index}", torch.from_numpy(tensor.quant.scale.copy()))
            self.register_buffer(f"zero{index}", torch.from_numpy(tensor.quant.zero_point.copy()))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        values = dict(zip(self.program.inputs, inputs, strict=True))
        for op in self.program.ops:
            out = op.outputs[0]
            real = BODIES[op.kind](self, op, [self._real(i, op, values) for i in op.inputs])
            quant = self.program.tensors[out].quant
            # Below zero point -128 there is nothing: quantising is the ReLU.
            implied = quant is not None and int(quant.zero_point[0]) == -128
            if op.attrs.get("activation") == "relu" and not implied:
                real = self._relu(real, quant)
            values[out] = real if quant is None else quantize(real, quant)
        return tuple(values[i] for i in self.program.outputs)

    def _relu(self, real: Tensor, quant: Quant | None) -> Tensor:
        return torch.relu(real)

    def _real(self, index: int, op: Op, values: dict[int, Tensor]) -> Tensor:
        tensor = self.program.tensors[index]
        if tensor.data is None:
            return values[index] if tensor.quant is None else dequantize(values[index], tensor.quant)
        constant: Tensor = getattr(self, f"constant{index}")
        if tensor.quant is None or index != op.inputs[1]:
            return constant
        axis = 1 if op.kind == "transpose_conv2d" else 0
        scale, zero = getattr(self, f"scale{index}"), getattr(self, f"zero{index}")
        decomposed = torch.ops.quantized_decomposed
        real: Tensor = decomposed.dequantize_per_channel(constant, scale, zero, axis, -127, 127, torch.int8)
        return real


def quantize(real: Tensor, quant: Quant) -> Tensor:
    """int8 by `clip(round(x / scale) + zero_point)`, half to even, per tensor."""
    scale, zero = float(quant.scale[0]), int(quant.zero_point[0])
    out: Tensor = torch.ops.quantized_decomposed.quantize_per_tensor(real, scale, zero, -128, 127, torch.int8)
    return out


def dequantize(stored: Tensor, quant: Quant) -> Tensor:
    """float32 `(q - zero_point) * scale`, per tensor."""
    scale, zero = float(quant.scale[0]), int(quant.zero_point[0])
    out: Tensor = torch.ops.quantized_decomposed.dequantize_per_tensor(stored, scale, zero, -128, 127, torch.int8)
    return out


def pads_of(op: Op, input_shape: tuple[int, ...], kernel: tuple[int, int]) -> tuple[int, int]:
    """Pixels on each side (h, w); students have no lopsided padding, tracing refuses it."""
    if op.attrs["padding"] == "valid":
        return (0, 0)
    if op.kind == "transpose_conv2d":
        return (kernel[0] // 2 - 1, kernel[1] // 2 - 1)
    stride, dilation = op.attrs["stride"], op.attrs["dilation"]
    h, w = (same_pads(input_shape[1 + i], kernel[i], stride[i], dilation[i])[0] for i in (0, 1))
    return (h, w)


def _conv2d(view: TorchView, op: Op, values: list[Tensor]) -> Tensor:
    x, weight, bias = values
    shape = view.program.tensors[op.inputs[0]].shape
    pads = pads_of(op, shape, (weight.shape[2], weight.shape[3]))
    groups = shape[3] if op.kind == "depthwise_conv2d" else 1
    return F.conv2d(x, weight, bias, op.attrs["stride"], pads, op.attrs["dilation"], groups)


def _transpose_conv2d(view: TorchView, op: Op, values: list[Tensor]) -> Tensor:
    x, weight, bias = values
    pads = pads_of(op, view.program.tensors[op.inputs[0]].shape, (weight.shape[2], weight.shape[3]))
    return F.conv_transpose2d(x, weight, bias, op.attrs["stride"], pads)


BODIES: dict[str, Callable[[TorchView, Op, list[Tensor]], Tensor]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _conv2d,
    "transpose_conv2d": _transpose_conv2d,
    "add": lambda view, op, values: values[0] + values[1],
    "concat": lambda view, op, values: torch.cat(values, 1),
    "max_pool2d": lambda view, op, values: F.max_pool2d(values[0], op.attrs["window"], op.attrs["stride"]),
    # `forward` takes every operand off its grid and puts every result on its own: nothing is left to do.
    "quantize": lambda view, op, values: values[0],
    "dequantize": lambda view, op, values: values[0],
}


def example_inputs(program: Program) -> tuple[Tensor, ...]:
    """Zeros of the program's input shapes and dtypes, NCHW."""
    made = []
    for i in program.inputs:
        n, h, w, c = program.tensors[i].shape
        made.append(torch.zeros(n, c, h, w, dtype=getattr(torch, program.tensors[i].dtype)))
    return tuple(made)
