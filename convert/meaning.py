"""`Meaning`: what a student's numbers mean, and with it the `Contract` of an artifact."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from runtime_py.contract import Contract, Preprocess, TensorSpec
from runtime_py.program import Program, Tensor

DISPARITY_SIGN = "x_left - x_right: positive nearer than the focus plane"


@dataclass(frozen=True)
class Meaning:
    """The contract's fields that no graph can tell; `student` also names the files."""

    student: str
    working_width: int
    output_stride: int
    preprocess: Preprocess = field(default_factory=Preprocess)


def contract_of_program(program: Program, meaning: Meaning, layout: str, float_boundary: bool) -> Contract:
    """The contract of an artifact of `program` whose boundary is in `layout`.

    `float_boundary`: the artifact takes and gives float32 and quantises inside; the grid is stated all the same. The
    range of an output is what its grid can hold, or the working width where it has none.
    """
    limit = meaning.preprocess.limit

    def spec(tensor: Tensor, is_input: bool) -> TensorSpec:
        n, h, w, c = tensor.shape
        reach = (-limit, limit) if is_input else _reach(tensor, meaning.working_width)
        return TensorSpec(
            tensor.name,
            (n, h, w, c) if layout == "NHWC" else (n, c, h, w),
            layout,
            "float32" if float_boundary else tensor.dtype,
            "1" if is_input else "px",
            reach,
            "" if is_input else DISPARITY_SIGN,
            None if tensor.quant is None else float(tensor.quant.scale[0]),
            None if tensor.quant is None else int(tensor.quant.zero_point[0]),
        )

    return Contract(
        meaning.student,
        tuple(spec(program.tensors[i], True) for i in program.inputs),
        tuple(spec(program.tensors[i], False) for i in program.outputs),
        meaning.working_width,
        meaning.output_stride,
        meaning.preprocess,
    )


def _reach(tensor: Tensor, working_width: int) -> tuple[float, float]:
    if tensor.quant is None:
        return (-float(working_width), float(working_width))
    info, zero, scale = np.iinfo(tensor.dtype), int(tensor.quant.zero_point[0]), float(tensor.quant.scale[0])
    return ((info.min - zero) * scale, (info.max - zero) * scale)
