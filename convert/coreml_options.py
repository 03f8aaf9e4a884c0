"""`CoreMLOptions`: what an .mlpackage can be asked for, beside its precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import DpocketError
from runtime_py.program import Program

TARGETS: tuple[str, ...] = ("iOS15", "iOS16", "iOS17", "iOS18")
"""Minimum deployment targets, oldest first; macOS 12 to 15 are the same four."""

NEEDS: Mapping[str, tuple[str, str]] = {
    "fp32": ("iOS15", "ML programs begin there"),
    "fp16": ("iOS15", "ML programs begin there"),
    "int8-weights": ("iOS16", "constexpr_affine_dequantize, which keeps weights in 8 bits, begins there"),
    "int8": ("iOS17", "the operations quantize and dequantize begin there"),
}
"""The lowest target of each precision, and why."""

INPUTS: Mapping[str, str] = {
    "tensor": "MLMultiArray of float32, the preprocessed views",
    "image": "CVPixelBuffer: the codes of an int8 student as 8-bit grey, else the preprocessed views as half floats",
}
"""What an input may be."""

CODES, HALF_FLOATS = "OneComponent8", "OneComponent16Half"
"""Core Video's names of the two pixel formats (kCVPixelFormatType_…)."""


@dataclass(frozen=True)
class CoreMLOptions:
    """`deployment_target`: one of `TARGETS`, the oldest system that opens the package. `inputs`: one of `INPUTS`.

    An image is never the camera's: the network takes views that were preprocessed (`Contract.preprocess`). An int8
    student's image holds its codes less the least one, so that grey 0…255 is code -128…127 and no number is rounded on
    the way; any other student's image holds real numbers in float16. `author` and `licence` go into the metadata.
    """

    deployment_target: str = "iOS17"
    inputs: str = "tensor"
    author: str = "dpocket"
    licence: str = "Apache-2.0"

    def require_possible(self, precision: str) -> None:
        """Raises DpocketError for an unknown or too low target, or an unknown kind of input."""
        if self.deployment_target not in TARGETS:
            raise DpocketError(
                f"there is no deployment target '{self.deployment_target}'; there are: {', '.join(TARGETS)}"
            )
        if self.inputs not in INPUTS:
            raise DpocketError(f"there are no inputs '{self.inputs}'; there are: {', '.join(INPUTS)}")
        lowest, reason = NEEDS[precision]
        if self._is_below(lowest):
            raise DpocketError(
                f"a Core ML {precision} student needs {lowest}, not {self.deployment_target}: {reason}; ask for "
                f"{lowest} or another precision"
            )
        if self.inputs == "image" and self._is_below("iOS16"):
            raise DpocketError(
                f"image inputs of half floats need iOS16, not {self.deployment_target}: ask for iOS16 or for tensors"
            )

    def boundary(self, contract: Contract) -> Contract:
        """The contract of the package that these options make of `contract`, whose inputs are float32 arrays."""
        if self.inputs == "tensor":
            return contract
        return replace(contract, inputs=tuple(_as_image(spec) for spec in contract.inputs))

    def _is_below(self, lowest: str) -> bool:
        return TARGETS.index(self.deployment_target) < TARGETS.index(lowest)


def precision_of(program: Program) -> str:
    """Which of `NEEDS` a program is at."""
    if program.tensors[program.inputs[0]].quant is not None:
        return "int8"
    constants = {t.dtype for t in program.tensors if t.data is not None}
    return "int8-weights" if "int8" in constants else "fp16" if "float16" in constants else "fp32"


def _as_image(spec: TensorSpec) -> TensorSpec:
    if spec.scale is None or spec.zero_point is None:
        return replace(spec, dtype="float16", pixel_format=HALF_FLOATS)
    lowest = int(np.iinfo(np.int8).min)
    return replace(spec, dtype="uint8", zero_point=spec.zero_point - lowest, pixel_format=CODES)
