"""Replaying capture packages: what a phone computed, against the reference runtime on the same artifact and views.

The phone's outputs become a `Trace` like any other. Its network inputs are known by their hash only: when that is not
the hash of what the desktop's preprocessing makes of the same views, the two are still measured, but are not within any
budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.device_run import DeviceRun, inputs_hash
from runtime_py.contract import REAL, Contract
from runtime_py.dialects import DIALECTS
from runtime_py.errors import ContractError, DpocketError
from runtime_py.files import sha256_of
from runtime_py.manifest import contract_of
from runtime_py.parity.budget import DEFAULT_BUDGET, Limit
from runtime_py.parity.compare import Comparison, compare_outputs
from runtime_py.parity.float_limit import float_limit
from runtime_py.parity.judge import differing_of, judge
from runtime_py.parity.matrix import TARGETS, Parity, ParityRow, precision_of, size_of
from runtime_py.parity.samples import Sample, capture_samples
from runtime_py.parity.trace import Trace, record
from runtime_py.runners import open_runner
from runtime_py.runners.reference import OWN_DIALECTS

DEVICE = "device"
"""The runtime's name in the table and in a budget."""

Found = tuple[ParityRow, tuple[Comparison, ...]]


def with_devices(
    parity: Parity,
    artifacts: Sequence[Path],
    captures: Sequence[DPCapture],
    budget: Mapping[str, Limit] = DEFAULT_BUDGET,
) -> Parity:
    """`parity` with a row "device" for every capture that carries a phone's run of one of `artifacts`.

    A run of another artifact than those has a row that says so and does not count against the budget.
    """
    hashes = {sha256_of(Path(path)): Path(path) for path in artifacts}
    added = [_row(c, c.device, hashes, budget[DEVICE]) for c in captures if c.device is not None]
    return replace(
        parity,
        rows=(*parity.rows, *(row for row, _ in added)),
        comparisons=(*parity.comparisons, *(comparisons for _, comparisons in added)),
    )


def device_trace(run: DeviceRun, contract: Contract, samples: Sequence[Sample]) -> Trace:
    """A phone's run as a trace on `samples`, the tiles of its capture.

    Raises ContractError, naming the output, when the run does not fit the contract of the artifact that it names, or
    has another number of tiles.
    """
    for name, output in run.outputs.items():
        spec = contract.output(name)
        values = output.values
        expected = (len(samples), *spec.plane())
        if values.shape != expected or values.dtype.name != spec.dtype:
            raise ContractError(
                f"the phone gave {values.dtype} {values.shape} as '{name}' where {spec.dtype} {expected} was expected"
            )
        if spec.dtype not in REAL and (output.scale, output.zero_point) != (spec.scale, spec.zero_point):
            raise ContractError(
                f"the phone took '{name}' for steps of {output.scale} from {output.zero_point}; the artifact's "
                f"contract says {spec.scale} from {spec.zero_point}"
            )
    return Trace(
        artifact=run.model,
        runtime=DEVICE,
        dialect=run.dialect,
        version=run.runtime_version,
        contract=contract,
        samples=tuple(s.name for s in samples),
        inputs_sha256=run.inputs_sha256,
        outputs={name: output.values for name, output in run.outputs.items()},
        latency_ms=float(run.timings_ms.get("run", 0.0)),
    )


def _row(capture: DPCapture, run: DeviceRun, artifacts: Mapping[str, Path], limit: Limit) -> Found:
    path = artifacts.get(run.model_sha256)
    comparisons: tuple[Comparison, ...] = ()
    if path is None:
        status = "unavailable"
        reason = (
            f"{capture.name} was run with {run.model} (student '{run.student}', sha256 {run.model_sha256[:12]}…), "
            "which is none of the artifacts given; give that one to compare with it"
        )
    else:
        try:
            comparisons, status, reason = _replayed(path, capture, run, limit)
        except DpocketError as e:
            status, reason = "failed", f"{capture.name}: {e}"
    row = ParityRow(
        artifact=run.model if path is None else path.name,
        target="" if path is None else TARGETS.get(path.suffix, ""),
        precision="" if path is None else precision_of(path),
        runtime=DEVICE,
        dialect=run.dialect or run.delegate,
        bytes=0 if path is None else size_of(path),
        latency_ms=run.timings_ms.get("run"),
        differing_integers=differing_of(comparisons),
        max_disparity_px=next((c.largest for c in comparisons if c.output == "disparity"), None),
        status=status,
        reason=reason,
    )
    return row, comparisons


def _replayed(path: Path, capture: DPCapture, run: DeviceRun, limit: Limit) -> tuple[tuple[Comparison, ...], str, str]:
    contract = contract_of(path)
    samples = capture_samples(contract, capture)
    answered = device_trace(run, contract, samples)
    reference = _reference(path, contract, run, samples)
    if precision_of(path) in ("fp32", "fp16"):
        limit = float_limit(limit, path, reference)
    # Like is compared with like: whether it is, the sentence and the status say.
    comparisons = compare_outputs(replace(answered, inputs_sha256=reference.inputs_sha256), reference)
    against = f"reference ({reference.dialect}) on {capture.name}, by {run.runtime} {run.runtime_version}".rstrip()
    status, reason = judge(comparisons, limit, against)
    names = [spec.name for spec in contract.inputs]
    if inputs_hash((s.stored(contract) for s in samples), names) != run.inputs_sha256:
        return (
            comparisons,
            "over",
            f"{reason}; the phone's network inputs are not what preprocessing makes of its views",
        )
    return comparisons, status, reason


def _reference(path: Path, contract: Contract, run: DeviceRun, samples: list[Sample]) -> Trace:
    own = OWN_DIALECTS.get(path.suffix, "xnnpack")
    dialect = run.dialect if run.dialect in DIALECTS else own
    runner = open_runner(path, "reference", dialect, contract)
    return record(
        runner, contract, samples, artifact=path.name, runtime="reference", dialect=dialect, version=runner.version
    )
