"""Comparing two traces: in integers, and in the pixels of disparity that a person cares about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError
from runtime_py.parity.trace import Trace


@dataclass(frozen=True)
class Comparison:
    """One output of two traces.

    `differing` of `total` integers differ (None where one side has no integer grid); `max_px` and `mean_px` are
    absolute deviations in the output's unit; `worst_sample` names the sample with the largest deviation and
    `worst_map` is its signed deviation (trace minus reference), float32 H×W.
    """

    output: str
    differing: int | None
    total: int
    max_px: float
    mean_px: float
    worst_sample: str
    worst_map: NDArray[np.float32]


def compare(trace: Trace, reference: Trace, output: str = "disparity") -> Comparison:
    """Compare `output` of two traces of the same samples. Raises ContractError when they are not comparable."""
    if trace.inputs_sha256 != reference.inputs_sha256:
        raise ContractError(
            f"the traces of {trace.artifact} and {reference.artifact} saw different samples; record both on the same"
        )
    ours, theirs = trace.contract.output(output), reference.contract.output(output)
    real, real_reference = ours.dequantize(trace.outputs[output]), theirs.dequantize(reference.outputs[output])
    if real.shape != real_reference.shape:
        raise ContractError(f"'{output}' is {real.shape} in one trace and {real_reference.shape} in the other")
    deviation = real - real_reference
    worst = int(np.argmax(np.abs(deviation).reshape(len(deviation), -1).max(axis=1)))
    differing = None
    if theirs.scale is not None and theirs.dtype == "int8" and ours.scale == theirs.scale:
        # A float32 output of an int8 artifact lies on the same grid: its integers are recovered exactly.
        integers = np.rint(real / np.float32(theirs.scale)).astype(np.int64) + (theirs.zero_point or 0)
        differing = int(np.count_nonzero(integers != reference.outputs[output]))
    return Comparison(
        output=output,
        differing=differing,
        total=int(real.size),
        max_px=float(np.abs(deviation).max()),
        mean_px=float(np.abs(deviation).mean()),
        worst_sample=trace.samples[worst],
        worst_map=deviation[worst],
    )
