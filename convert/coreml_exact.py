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

from convert.coreml_writer import Writer, identifier
from convert.torch_view import OIHW
from runtime_py.arithmetic import INT8_MAX, INT8_MIN
from runtime_py.errors import DpocketError
from runtime_py.ops.sums import xnnpack_rule
from runtime_py.program import Op, Program, Quant

PLACES = 4
"""Units in the last place to either side that are searched for a factor of an addition."""

NEAR = 2.0**-10
"""Steps from a rounding boundary within which it matters how an addition rounds: 255 * 2 * 2**-20, doubled."""


class ExactWriter(Writer):
    """Writes what many operations share, settings and dequantised values, once."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
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
            self.reals[index] = self.mb.dequantize(input=self.values[index], name=name, **self.steps(tensor.quant))
        return self.reals[index]

    def store(self, index: int, value: Any, name: str | None) -> None:
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
        result = super().computed(op, f"{identifier(self.program.tensors[op.outputs[0]].name)}_sum")
        whole = self.mb.round(x=self.mb.real_div(x=result, y=along_channels(step)))
        self.in_steps.add(op.outputs[0])
        return self.mb.mul(x=whole, y=along_channels(step / out.scale[0]), name=name)

    def added(self, op: Op, name: str) -> Any:
        operands = [self.real(i, op) for i in op.inputs]
        factors = pair_factors(*(self.quant(i) for i in (*op.inputs, *op.outputs)))
        pairs = zip(operands, factors, strict=True)
        x, y = (value if factor == 1 else self.mb.mul(x=value, y=factor) for value, factor in pairs)
        return self.mb.add(x=x, y=y, name=name)

    def quant(self, index: int) -> Quant:
        tensor = self.program.tensors[index]
        if tensor.quant is None:
            raise DpocketError(f"'{tensor.name}' is not on the grid")
        return tensor.quant


def along_channels(values: Any) -> Any:
    """One float32 number per channel of an NCHW tensor."""
    return np.asarray(values, np.float32).reshape(1, -1, 1, 1)


def pair_factors(first: Quant, second: Quant, out: Quant) -> tuple[np.float32, np.float32]:
    """Factors of an addition's two real operands after which all its 65,536 results are XNNPACK's; 1 where they are.

    XNNPACK's factors have 21 bits, so they are not quite the ratios of the scales. Where no factors do it everywhere,
    those that do it most often.
    """
    grids = [(q.scale[0], int(q.zero_point[0])) for q in (first, second, out)]
    (scale_a, zero_a), (scale_b, zero_b), (scale, zero) = grids
    rule = xnnpack_rule(grids[0], grids[1], grids[2], 1)
    a, b = (q.reshape(-1) for q in np.meshgrid(*[np.arange(INT8_MIN, INT8_MAX + 1)] * 2))
    ratio_a, ratio_b = (np.float64(s) / np.float64(scale) for s in (scale_a, scale_b))
    exact = (a - zero_a) * ratio_a + (b - zero_b) * ratio_b
    near = np.abs(exact - np.floor(exact) - 0.5) < NEAR
    a, b = a[near], b[near]
    wanted = np.clip(rule(a, b), INT8_MIN, INT8_MAX)
    real_a = (a - zero_a).astype(np.float32) * scale_a
    real_b = (b - zero_b).astype(np.float32) * scale_b

    def wrong(factors: tuple[np.float32, np.float32]) -> int:
        steps = np.rint((real_a * factors[0] + real_b * factors[1]) / scale)
        return int(np.count_nonzero(np.clip(steps + zero, INT8_MIN, INT8_MAX) != wanted))

    one = np.float32(1)
    # The rule does not limit, so large operands show its factors.
    large = np.int64(1 << 30)
    shown_a = rule(np.array(large + zero_a), np.array(zero_b)) / (large * ratio_a)
    shown_b = rule(np.array(zero_a), np.array(large + zero_b)) / (large * ratio_b)
    reach = sorted(range(-PLACES, PLACES + 1), key=abs)
    places = sorted(((i, j) for i in reach for j in reach), key=lambda pair: abs(pair[0]) + abs(pair[1]))
    tried = [(moved(shown_a, i), moved(shown_b, j)) for i, j in places]
    return min([(one, one), *tried], key=wrong)


def moved(value: Any, places: int) -> np.float32:
    """The float32 number so many places beside the one nearest to a positive `value`."""
    return (np.float32(value).view(np.int32) + np.int32(places)).view(np.float32)
