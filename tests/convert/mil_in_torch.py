"""The operations of an ML program in PyTorch, as coremltools reads them from the file: no code of this project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Values = dict[str, Any]


def outputs_of(operations: list[Any], inputs: Mapping[str, Tensor], sums: torch.dtype, disturb: float = 0.0) -> Values:
    """Every value by name. `sums`: what convolutions add in; `disturb`: by how many of its own steps each sum is off
    at most, at random."""
    values: Values = dict(inputs)
    generator = torch.Generator().manual_seed(0)
    for op in (op for op in operations if op.op_type != "const"):
        given = {name: _value(values, operand) for name, operand in op.inputs.items()}
        result = OPERATIONS[op.op_type](given, sums)
        if op.op_type == "real_div" and disturb:
            result = result + (torch.rand(result.shape, generator=generator) * 2 - 1) * disturb
        values[op.outputs[0].name] = result
    return values


def _value(values: Values, operand: Any) -> Any:
    if isinstance(operand, tuple | list):
        return [_value(values, one) for one in operand]
    if operand.name in values:
        return values[operand.name]
    return operand.val


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(np.asarray(value))


def _constexpr(given: Values, sums: torch.dtype) -> Tensor:
    scale, data = _tensor(given["scale"]), _tensor(given["quantized_data"]).float()
    along = [1] * 4
    along[int(given["axis"])] = -1
    return data * scale.reshape(along)


def _quantize(given: Values, sums: torch.dtype) -> Tensor:
    zero = float(given.get("zero_point", 0))
    steps = torch.round(given["input"] / torch.tensor(given["scale"])) + zero
    return steps.clamp(-128, 127)


def _dequantize(given: Values, sums: torch.dtype) -> Tensor:
    real: Tensor = (given["input"] - float(given.get("zero_point", 0))) * torch.tensor(given["scale"])
    return real


def _convolution(given: Values, sums: torch.dtype) -> Tensor:
    weight, bias = _tensor(given["weight"]).to(sums), _tensor(given["bias"]).to(sums)
    pad = [int(n) for n in given["pad"]]
    stride, dilation = ([int(n) for n in given[key]] for key in ("strides", "dilations"))
    if "output_shape" in given:
        made = F.conv_transpose2d(given["x"].to(sums), weight, bias, stride, 0, 0, int(given["groups"]), dilation)
        height, width = made.shape[2:]
        return made[:, :, pad[0] : height - pad[1], pad[2] : width - pad[3]].float()
    padded = F.pad(given["x"].to(sums), [pad[2], pad[3], pad[0], pad[1]])
    return F.conv2d(padded, weight, bias, stride, 0, dilation, int(given["groups"])).float()


OPERATIONS: Mapping[str, Callable[[Values, torch.dtype], Any]] = {
    "constexpr_affine_dequantize": _constexpr,
    "quantize": _quantize,
    "dequantize": _dequantize,
    "conv": _convolution,
    "conv_transpose": _convolution,
    "real_div": lambda given, sums: given["x"] / _tensor(given["y"]),
    "round": lambda given, sums: torch.round(given["x"]),
    "mul": lambda given, sums: given["x"] * _tensor(given["y"]),
    "add": lambda given, sums: given["x"] + given["y"],
    "relu": lambda given, sums: torch.relu(given["x"]),
    "concat": lambda given, sums: torch.cat(given["values"], int(given["axis"])),
    "max_pool": lambda given, sums: F.max_pool2d(
        given["x"], [int(n) for n in given["kernel_sizes"]], [int(n) for n in given["strides"]]
    ),
}
