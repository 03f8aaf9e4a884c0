"""An int8 program as float32 operations of MIL that land on the integers of XNNPACK's kernels.

Weights and tensors are dequantised by their own scales and zero points, and float32 rounds the products and sums of a
convolution on them. But every sum is a whole number of steps, `input scale * weight scale` each: divided by them and
rounded it is that integer again, in whatever order a device added, as long as it was right to half a step. One product
with `input scale * weight scale / output scale` and one rounding then do what XNNPACK's kernels do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convert.addition_factors import pair_factors
from convert.coreml_options import CoreMLOptions
from convert.coreml_writer import Writer, identifier
from convert.torch_view import OIHW
from runtime_py.contract import Contract
from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Quant


class ExactWriter(Writer):
    """Writes what many operations share, settings and dequantised values, once."""

    def __init__(self, program: Program, contract: Contract, options: CoreMLOptions) -> None:
        super().__init__(program, contract, options)
        self.settings: dict[tuple[str, str], Any] = {}
        self.reals: dict[int, Any] = {}
        self.in_steps: set[int] = set()

    def setting(self, value: Any) -> Any:
        key = type(value).__name__, repr(value)
        if key not in self.settings:
            self.settings[key] = self.mb.const(val=value, name=f"setting{len(self.settings)}")
        return self.settings[key]

    def real(self, index: int, op: Op) -> Any:
        tensor = self.program.tensors[index]
        if tensor.data is not None or tensor.quant is None:
            return super().real(index, op)
        if index not in self.reals:
            name = f"{identifier(tensor.name)}_real"
            self.reals[index] = self.mb.dequantize(
                input=self.values[index], name=name, **self.steps_at(index, tensor.quant)
            )
        return self.reals[index]

    def store(self, index: int, value: Any, name: str | None) -> None:
        if index in self.program.inputs:
            # As XNNPACK and `TensorSpec.quantize` do; `quantize` divides, which rounds elsewhere next to a boundary.
            view = identifier(self.program.tensors[index].name)
            name = f"{view}_int8"
            value = self.mb.mul(x=value, y=np.float32(1) / self.quant(index).scale[0], name=f"{view}_steps")
            self.in_steps.add(index)
        if index not in self.in_steps:
            super().store(index, value, name)
            return
        quant = self.quant(index)
        self.values[index] = self.quantized(value, replace(quant, scale=np.ones(1, np.float32)), name or "")

    def computed(self, op: Op, name: str) -> Any:
        """A convolution's result is counted in steps of its output; any other is real."""
        if op.kind == "add":
            return self.added(op, name)
        if op.kind not in OIHW:
            return super().computed(op, name)
        x, weight, out = (self.quant(i) for i in (op.inputs[0], op.inputs[1], op.outputs[0]))
        step = x.scale[0] * weight.scale
        made = identifier(self.program.tensors[op.outputs[0]].name)
        result = super().computed(op, f"{made}_sum")
        # Everything has a name: coremltools counts what has none through the life of the process.
        steps = self.mb.real_div(x=result, y=along_channels(step), name=f"{made}_steps")
        whole = self.mb.round(x=steps, name=f"{made}_whole")
        self.in_steps.add(op.outputs[0])
        return self.mb.mul(x=whole, y=along_channels(step / out.scale[0]), name=name)

    def added(self, op: Op, name: str) -> Any:
        operands = [self.real(i, op) for i in op.inputs]
        factors = pair_factors(*(self.quant(i) for i in (*op.inputs, *op.outputs)))
        pairs = zip(operands, factors, strict=True)
        x, y = (
            value if factor == 1 else self.mb.mul(x=value, y=factor, name=f"{name}_operand{i}")
            for i, (value, factor) in enumerate(pairs)
        )
        return self.mb.add(x=x, y=y, name=name)

    def quant(self, index: int) -> Quant:
        tensor = self.program.tensors[index]
        if tensor.quant is None:
            raise DpocketError(f"'{tensor.name}' is not on the grid")
        return tensor.quant


def along_channels(values: Any) -> Any:
    """One float32 number per channel of an NCHW tensor."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1)
