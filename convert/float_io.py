"""An integer program behind a float32 boundary: quantised and dequantised inside, the same integers between."""

from __future__ import annotations

from dataclasses import replace

from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Tensor

INSIDE = ".int8"
"""What the integer tensors behind the boundary are called, after the boundary tensors that keep the names."""


def with_float_boundary(program: Program) -> Program:
    """`program` (int8 inputs and outputs) that takes and gives float32 under the same names, NHWC.

    An input goes through `quantize` onto its own grid, an output through `dequantize` off its own; every operation
    between is the program's. The dequantised outputs are `(q - zero_point) * scale` of the integers that `program`
    gives for the integers that the inputs become. Every writer makes those `TensorSpec.quantize`'s, for any real value;
    LiteRT's own kernels (BUILTIN_REF) alone round next to a boundary as they like (docs/DIALECTS.md). Raises
    DpocketError for a program that is float already.
    """
    tensors = list(program.tensors)
    for i in (*program.inputs, *program.outputs):
        if tensors[i].dtype != "int8":
            raise DpocketError(f"'{tensors[i].name}' is {tensors[i].dtype}, so that it needs no float boundary")
    outer = {}
    for i in (*program.inputs, *program.outputs):
        name = tensors[i].name
        tensors[i] = replace(tensors[i], name=name + INSIDE)
        outer[i] = len(tensors)
        tensors.append(Tensor(name, tensors[i].shape, "float32"))
    taken = tuple(Op("quantize", (outer[i],), (i,), where=f"input {tensors[outer[i]].name}") for i in program.inputs)
    given = tuple(
        Op("dequantize", (i,), (outer[i],), where=f"output {tensors[outer[i]].name}") for i in program.outputs
    )
    return replace(
        program,
        tensors=tuple(tensors),
        ops=(*taken, *program.ops, *given),
        inputs=tuple(outer[i] for i in program.inputs),
        outputs=tuple(outer[i] for i in program.outputs),
    )
