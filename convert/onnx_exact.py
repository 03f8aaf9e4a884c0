"""An int8 program as .onnx whose integers are XNNPACK's in ONNX Runtime as well, where the plain file's are not.

ONNX Runtime fuses DequantizeLinear → Add → QuantizeLinear into an addition of its own, which rounds elsewhere than
XNNPACK's for a few of all pairs of operands, and runs a transposed convolution in float32, where a sum next to a
rounding boundary may fall on either side (docs/ONNX.md). Both are written here as the Core ML package has them: factors
of an addition's operands, and sums brought back to whole steps. All scales and zero points that stand at a tensor are
the grid's still. It costs the fusion of those operations, so that it is not what a file is by default.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.addition_factors import pair_factors
from convert.onnx import OPERATORS, Writer, to_onnx
from runtime_py.contract import Contract
from runtime_py.program import Op, Program


def to_exact_onnx(program: Program, contract: Contract) -> bytes:
    """As `convert.onnx.to_onnx`, of an int8 program."""
    return to_onnx(program, contract, ExactWriter)


class ExactWriter(Writer):
    """Additions and transposed convolutions of an int8 program; everything else as `Writer` writes it."""

    def operator(self, op: Op) -> None:
        tensors = [self.program.tensors[i] for i in (*op.inputs, *op.outputs)]
        if op.kind == "transpose_conv2d" and tensors[-1].quant is not None:
            self.transpose_conv2d(op)
        else:
            super().operator(op)

    def real(self, index: int, op: Op) -> str:
        name = super().real(index, op)
        if op.kind != "add" or self.program.tensors[op.outputs[0]].quant is None:
            return name
        grids = [self.quant(self.program.tensors[i]) for i in (*op.inputs, *op.outputs)]
        factor = pair_factors(*grids)[op.inputs.index(index)]
        return name if factor == 1 else self.times("Mul", name, factor, f"{name}.scaled")

    def transpose_conv2d(self, op: Op) -> None:
        """`round(sum / (si·sw)) · (si·sw/so)`, quantised by its zero point: what XNNPACK's kernel does."""
        x, weight, out = (self.program.tensors[i] for i in (op.inputs[0], op.inputs[1], op.outputs[0]))
        kind, attributes = OPERATORS[op.kind](self, op)
        self.node(kind, [self.real(i, op) for i in op.inputs], f"{out.name}.sum", **attributes)
        step = self.quant(x).scale[0] * self.quant(weight).scale
        steps = self.times("Div", f"{out.name}.sum", along_channels(step), f"{out.name}.steps")
        self.node("Round", [steps], f"{out.name}.whole")
        factor = along_channels(step / self.quant(out).scale[0])
        scaled = self.times("Mul", f"{out.name}.whole", factor, f"{out.name}.float")
        if self.needs_relu(op):
            self.node("Relu", [scaled], f"{out.name}.positive")
            scaled = f"{out.name}.positive"
        _, zero_point = self.steps(out.name, self.quant(out), out.dtype)
        self.initializer(f"{out.name}.one", np.ones((), np.float32))
        self.node("QuantizeLinear", [scaled, f"{out.name}.one", zero_point], out.name)

    def times(self, kind: str, name: str, factor: NDArray[np.float32] | np.float32, made: str) -> str:
        self.initializer(f"{made}.factor", np.asarray(factor, np.float32))
        self.node(kind, [name, f"{made}.factor"], made)
        return made


def along_channels(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """One float32 number per channel of an NCHW tensor."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1)
