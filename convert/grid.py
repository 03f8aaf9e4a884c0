"""A float program on a student's grid: integer weights, int32 biases, steps on every tensor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Quant, Tensor
from training.quantize import Grid

WEIGHT_AXIS = {"conv2d": 0, "transpose_conv2d": 0, "depthwise_conv2d": 3}
"""The output-channel axis of a program's weights."""


def apply_grid(program: Program, grid: Grid) -> Program:
    """The integer program of `program` on `grid`.

    Weights are `clip(round(w / scale), ±127)`, biases `round(b / (input scale * weight scale))`, both in float64 and
    half to even; a bias keeps under 2²⁴ so that a target may carry it as float32. Raises DpocketError when the grid was
    made for another student.
    """
    tensors = list(program.tensors)
    for i, tensor in enumerate(tensors):
        if tensor.data is None:
            steps = grid.tensors.get(tensor.name)
            if steps is None:
                raise DpocketError(f"the grid has no tensor '{tensor.name}'; calibrate this student anew")
            quant = Quant(np.array([steps.scale], np.float32), np.array([steps.zero_point], np.int64))
            tensors[i] = replace(tensor, dtype=steps.dtype, quant=quant)
    for op in program.ops:
        if op.kind in WEIGHT_AXIS:
            _quantize_constants(tensors, op, grid)
    return replace(program, tensors=tuple(tensors))


def _quantize_constants(tensors: list[Tensor], op: Op, grid: Grid) -> None:
    at_x, at_w, at_b = op.inputs
    x, weight, bias = tensors[at_x], tensors[at_w], tensors[at_b]
    name, axis = weight.name.removesuffix(".weight"), WEIGHT_AXIS[op.kind]
    scales = np.asarray(grid.weights.get(name, ()), np.float32)
    if weight.data is None or bias.data is None or x.quant is None:
        raise DpocketError(f"'{name}' has weights or inputs that are not on the grid")
    if scales.size != weight.shape[axis]:
        raise DpocketError(
            f"the grid has {scales.size} weight scales for '{name}' of {weight.shape[axis]} channels; calibrate anew"
        )
    shape = [1] * 4
    shape[axis] = scales.size
    integers = np.clip(np.rint(weight.data.astype(np.float64) / scales.astype(np.float64).reshape(shape)), -127, 127)
    bias_scales = x.quant.scale * scales
    steps = np.rint(bias.data.astype(np.float64) / bias_scales.astype(np.float64))
    if np.abs(steps).max(initial=0) >= 2.0**24:
        raise DpocketError(f"the bias of '{name}' is too large for its weight scales; calibrate this student anew")
    zeros = np.zeros(scales.size, np.int64)
    tensors[at_w] = replace(weight, dtype="int8", quant=Quant(scales, zeros, axis), data=integers.astype(np.int8))
    tensors[at_b] = replace(bias, dtype="int32", quant=Quant(bias_scales, zeros, 0), data=steps.astype(np.int32))
