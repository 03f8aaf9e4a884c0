"""Comparing two traces: in integers, and in the unit of the output (px of disparity) that a person cares about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime_py.contract import TensorSpec
from runtime_py.errors import ContractError
from runtime_py.parity.samples import NOISE
from runtime_py.parity.trace import Trace


def _integers(real: NDArray[np.float32], spec: TensorSpec) -> NDArray[np.int64]:
    """The stored integers behind real values on the grid of `spec`."""
    stored: NDArray[np.int64] = np.rint(real / np.float32(spec.scale or 1.0)).astype(np.int64) + (spec.zero_point or 0)
    return stored


@dataclass(frozen=True)
class Comparison:
    """One output of two traces.

    `differing` of `total` integers differ, `beyond_one` of them by more than one step (both None where one side has no
    integer grid); `largest` and `mean` are absolute deviations in `unit`, the output's; `worst_sample` names the sample
    with the largest deviation and `worst_map` is its signed deviation (trace minus reference), float32 H×W.
    """

    output: str
    unit: str
    differing: int | None
    beyond_one: int | None
    total: int
    largest: float
    mean: float
    worst_sample: str
    worst_map: NDArray[np.float32]


def compare_outputs(trace: Trace, reference: Trace, noise: bool = True) -> tuple[Comparison, ...]:
    """`compare` for every output that both traces have, in the reference's order; ContractError when there is none."""
    ours = {spec.name for spec in trace.contract.outputs}
    shared = [spec.name for spec in reference.contract.outputs if spec.name in ours]
    if not shared:
        raise ContractError(f"{trace.artifact} and {reference.artifact} have no output in common")
    return tuple(compare(trace, reference, name, noise) for name in shared)


def compare(trace: Trace, reference: Trace, output: str = "disparity", noise: bool = True) -> Comparison:
    """Compare `output` of two traces of the same samples, without `noise` on those that are pictures only.

    Raises ContractError when the traces are not comparable.
    """
    if trace.inputs_sha256 != reference.inputs_sha256:
        raise ContractError(
            f"the traces of {trace.artifact} and {reference.artifact} saw different samples; record both on the same"
        )
    ours, theirs = trace.contract.output(output), reference.contract.output(output)
    kept = [i for i, name in enumerate(trace.samples) if noise or not name.startswith(NOISE)]
    if not kept:
        raise ContractError("there is no picture among the samples; give a capture")
    real = ours.dequantize(trace.outputs[output][kept])
    real_reference = theirs.dequantize(reference.outputs[output][kept])
    if real.shape != real_reference.shape:
        raise ContractError(f"'{output}' is {real.shape} in one trace and {real_reference.shape} in the other")
    deviation = real - real_reference
    worst = int(np.argmax(np.abs(deviation).reshape(len(deviation), -1).max(axis=1)))
    differing = beyond_one = None
    if theirs.scale is not None and ours.scale is not None:
        # A float32 output of an int8 artifact lies on its grid: its integers are recovered exactly. Core ML's scale
        # is the grid's rounded to float16, so each side is divided by its own.
        steps = np.abs(_integers(real, ours) - _integers(real_reference, theirs))
        differing, beyond_one = int(np.count_nonzero(steps)), int(np.count_nonzero(steps > 1))
    return Comparison(
        output=output,
        unit=ours.unit,
        differing=differing,
        beyond_one=beyond_one,
        total=int(real.size),
        largest=float(np.abs(deviation).max()),
        mean=float(np.abs(deviation).mean()),
        worst_sample=trace.samples[kept[worst]],
        worst_map=deviation[worst],
    )
