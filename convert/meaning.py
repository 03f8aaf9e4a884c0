"""`Meaning`: what a student's numbers mean, and with it the `Contract` of an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from runtime_py.contract import Contract, Preprocess, TensorSpec
from runtime_py.errors import DpocketError
from runtime_py.program import Program, Tensor

DISPARITY_SIGN = "x_left - x_right: positive nearer than the focus plane"


@dataclass(frozen=True)
class Quantity:
    """What an output is: its unit, its sign in words, and its range where that is part of its meaning."""

    unit: str
    sign: str = ""
    valid_range: tuple[float, float] | None = None


QUANTITIES: Mapping[str, Quantity] = {
    "disparity": Quantity("px", DISPARITY_SIGN),
    "confidence": Quantity("1", valid_range=(0.0, 1.0)),
}
"""Every output that a student may have, by name."""


@dataclass(frozen=True)
class Meaning:
    """The contract's fields that no graph can tell; `student` also names the files.

    `confident_px`: a student's confidence is the probability of an error of at most so many px of the working width.
    """

    student: str
    working_width: int
    output_stride: int
    preprocess: Preprocess = field(default_factory=Preprocess)
    confident_px: float | None = None


def contract_of_program(program: Program, meaning: Meaning, layout: str, float_boundary: bool) -> Contract:
    """The contract of an artifact of `program` whose boundary is in `layout`.

    `float_boundary`: the artifact takes and gives float32 and quantises inside; the grid is stated all the same. The
    range of an output is that of its quantity, else what its grid can hold, or the working width where it has none.
    Raises DpocketError for an output that is no known quantity.
    """
    limit = meaning.preprocess.limit

    def spec(tensor: Tensor, unit: str, reach: tuple[float, float], sign: str, within_px: float | None) -> TensorSpec:
        n, h, w, c = tensor.shape
        return TensorSpec(
            tensor.name,
            (n, h, w, c) if layout == "NHWC" else (n, c, h, w),
            layout,
            "float32" if float_boundary else tensor.dtype,
            unit,
            reach,
            sign,
            None if tensor.quant is None else float(tensor.quant.scale[0]),
            None if tensor.quant is None else int(tensor.quant.zero_point[0]),
            within_px,
        )

    def output(tensor: Tensor) -> TensorSpec:
        quantity = QUANTITIES.get(tensor.name)
        if quantity is None:
            raise DpocketError(f"a student has no output '{tensor.name}'; it may have {', '.join(QUANTITIES)}")
        reach = quantity.valid_range or _reach(tensor, meaning.working_width)
        within_px = meaning.confident_px if tensor.name == "confidence" else None
        return spec(tensor, quantity.unit, reach, quantity.sign, within_px)

    return Contract(
        meaning.student,
        tuple(spec(program.tensors[i], "1", (-limit, limit), "", None) for i in program.inputs),
        tuple(output(program.tensors[i]) for i in program.outputs),
        meaning.working_width,
        meaning.output_stride,
        meaning.preprocess,
    )


def _reach(tensor: Tensor, working_width: int) -> tuple[float, float]:
    if tensor.quant is None:
        return (-float(working_width), float(working_width))
    info, zero, scale = np.iinfo(tensor.dtype), int(tensor.quant.zero_point[0]), float(tensor.quant.scale[0])
    return ((info.min - zero) * scale, (info.max - zero) * scale)
