"""The precisions of an export: what becomes of a float program's constants and activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from convert.grid import WEIGHT_AXIS, apply_grid
from runtime_py.errors import DpocketError
from runtime_py.program import Program, Quant
from training.quantize import Grid


def at_precision(program: Program, precision: str, grid: Grid | None) -> Program:
    """A float program at "fp32", "fp16" (constants), "int8" (everything, on `grid`) or "int8-weights".

    Raises DpocketError for an unknown precision, or int8 without a grid.
    """
    if precision not in PRECISIONS:
        raise DpocketError(f"there is no precision '{precision}'; there are: {', '.join(PRECISIONS)}")
    return PRECISIONS[precision](program, grid)


def _int8(program: Program, grid: Grid | None) -> Program:
    if grid is None:
        raise DpocketError("int8 needs the student's grid; calibrate it first (training.quantize.calibrate)")
    return apply_grid(program, grid)


def _fp16(program: Program, grid: Grid | None) -> Program:
    tensors = list(program.tensors)
    for i, tensor in enumerate(tensors):
        if tensor.data is not None:
            if np.abs(tensor.data).max(initial=0) > float(np.finfo(np.float16).max):
                raise DpocketError(f"'{tensor.name}' has values beyond float16's range; export fp32")
            tensors[i] = replace(tensor, dtype="float16", data=tensor.data.astype(np.float16))
    return replace(program, tensors=tuple(tensors))


def _int8_weights(program: Program, grid: Grid | None) -> Program:
    """Symmetric int8 weights, one scale per output channel from its largest weight; biases stay float32."""
    tensors = list(program.tensors)
    for op in program.ops:
        if op.kind in WEIGHT_AXIS:
            weight, axis = tensors[op.inputs[1]], WEIGHT_AXIS[op.kind]
            if weight.data is None:
                raise DpocketError(f"'{weight.name}' is computed while running; only constant weights become int8")
            others = tuple(a for a in range(4) if a != axis)
            reach = np.abs(weight.data.astype(np.float64)).max(axis=others, keepdims=True)
            scale = (np.where(reach == 0, 1.0, reach) / 127).astype(np.float32)
            integers = np.clip(np.rint(weight.data / scale.astype(np.float64)), -127, 127).astype(np.int8)
            quant = Quant(scale.reshape(-1), np.zeros(scale.size, np.int64), axis)
            tensors[op.inputs[1]] = replace(weight, dtype="int8", quant=quant, data=integers)
    return replace(program, tensors=tuple(tensors))


PRECISIONS: Mapping[str, Callable[[Program, Grid | None], Program]] = {
    "fp32": lambda program, grid: program,
    "fp16": _fp16,
    "int8": _int8,
    "int8-weights": _int8_weights,
}
"""Every precision and how a float program gets it."""
