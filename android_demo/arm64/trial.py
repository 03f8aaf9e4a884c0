"""`Trial`: one artifact on one emulated CPU, held against x86-64 and the reference, with its cost; and the bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from android_demo.arm64.emulator import RUNTIMES, Emulated, emulate
from android_demo.arm64.toolchain import Toolchain
from runtime_py.manifest import contract_of
from runtime_py.parity.compare import compare_outputs
from runtime_py.parity.samples import Sample
from runtime_py.parity.trace import Trace, record
from runtime_py.runners import open_runner

FLOAT_BAR = 2e-6
"""What a float output may deviate from x86-64, as a share of its range over all samples."""

INSTRUCTIONS_BAR = 0.5
"""What an int8 inference may cost on a CPU with dot products, as a share of the float one's instructions."""

WITH_DOT_PRODUCT = "cortex-a76"


@dataclass(frozen=True)
class Trial:
    """`made_by`: "dpocket" or "plain". Compared are all outputs over all samples; None where there is nothing to.

    `differing_*`: integers that differ; `deviation_*`: the largest deviation as a share of the output's range, by name.
    `instructions`: of one inference in the steady state; `repeatability`: relative difference of two of them.
    """

    artifact: str
    made_by: str
    runtime: str
    precision: str
    cpu: str
    samples: int
    integers: int | None
    differing_from_x86: int | None
    differing_from_reference: int | None
    deviation_from_x86: Mapping[str, float] | None
    deviation_from_reference: Mapping[str, float] | None
    instructions: int
    repeatability: float

    def broken(self) -> list[str]:
        """What this trial does not keep of the bars on results, one sentence each."""
        where = f"{self.artifact} on {self.cpu}"
        found = []
        for against, count in (("x86-64", self.differing_from_x86), ("the reference", self.differing_from_reference)):
            if count:
                found.append(f"{where}: {count} of {self.integers} integers differ from {against}")
        if self.precision == "fp32" and self.deviation_from_x86 is not None:
            worst = max(self.deviation_from_x86.values())
            if worst > FLOAT_BAR:
                found.append(f"{where}: {worst:.2e} of the range from x86-64, {FLOAT_BAR:g} is allowed")
        return found

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Witnesses:
    """What x86-64 and the reference say of the samples that an artifact is given."""

    samples: Sequence[Sample]
    x86: Trace
    reference: Trace


def witnesses(artifact: Path, samples: Sequence[Sample]) -> Witnesses:
    """Run the samples in the vendor's runtime of this machine and in the reference interpreter."""
    contract = contract_of(artifact)
    traces = []
    for runtime in (RUNTIMES[artifact.suffix], "reference"):
        runner = open_runner(artifact, runtime, "xnnpack", contract)
        made = record(
            runner, contract, list(samples), artifact=artifact.name, runtime=runtime, dialect="xnnpack",
            version=runner.version,
        )  # fmt: skip
        traces.append(made)
    return Witnesses(samples, *traces)


def own_trial(tools: Toolchain, cpu: str, artifact: Path, held_against: Witnesses) -> Trial:
    """An artifact of dpocket on `cpu`."""
    contract = held_against.x86.contract
    stored = [sample.stored(contract) for sample in held_against.samples]
    stacks = [np.stack([inputs[spec.name] for inputs in stored]) for spec in contract.inputs]
    run = emulate(tools, cpu, artifact, stacks, [spec.name for spec in contract.inputs + contract.outputs])
    outputs = {}
    for spec, content in zip(contract.outputs, run.outputs, strict=True):
        outputs[spec.name] = np.frombuffer(content, spec.dtype).reshape(len(stored), *spec.plane())
    trace = Trace(
        artifact=artifact.name,
        runtime=RUNTIMES[artifact.suffix],
        dialect="xnnpack",
        version=cpu,
        contract=contract,
        samples=held_against.x86.samples,
        inputs_sha256=held_against.x86.inputs_sha256,
        outputs=outputs,
        latency_ms=0.0,
    )
    return _judged(trace, held_against, run, cpu)


def _judged(trace: Trace, held_against: Witnesses, run: Emulated, cpu: str) -> Trial:
    is_int8 = trace.contract.inputs[0].dtype == "int8"
    differing: list[int | None] = []
    deviation: list[dict[str, float] | None] = []
    for witness in (held_against.x86, held_against.reference):
        found = compare_outputs(trace, witness)
        counts = [int(np.count_nonzero(trace.outputs[c.output] != witness.outputs[c.output])) for c in found]
        differing.append(sum(counts) if is_int8 else None)
        deviation.append(None if is_int8 else {c.output: c.largest / _range(witness, c.output) for c in found})
    total = sum(values.size for values in trace.outputs.values())
    return Trial(
        artifact=trace.artifact,
        made_by="dpocket",
        runtime=trace.runtime,
        precision="int8" if is_int8 else "fp32",
        cpu=cpu,
        samples=len(trace.samples),
        integers=total if is_int8 else None,
        differing_from_x86=differing[0],
        differing_from_reference=differing[1],
        deviation_from_x86=deviation[0],
        deviation_from_reference=deviation[1],
        instructions=run.steady,
        repeatability=run.repeatability,
    )


def _range(trace: Trace, output: str) -> float:
    values = trace.contract.output(output).dequantize(trace.outputs[output])
    return float(values.max() - values.min()) or 1.0


def plain_trial(tools: Toolchain, cpu: str, artifact: Path, runs: int = 3) -> Trial:
    """An artifact of benchmarks/plain_routes.py on `cpu`, on random inputs: only what it costs."""
    runner = open_runner(artifact, RUNTIMES[artifact.suffix], "xnnpack")
    generator = np.random.default_rng(0)
    stacks, dtypes = [], set()
    for tensor in runner.inputs:
        drawn = generator.standard_normal((runs, *tensor.shape))
        stacks.append(
            (drawn * 40).clip(-128, 127).astype(tensor.dtype) if tensor.dtype == "int8" else drawn.astype(tensor.dtype)
        )
        dtypes.add(tensor.dtype)
    answered = runner.run({t.name: stack[0] for t, stack in zip(runner.inputs, stacks, strict=True)})
    run = emulate(tools, cpu, artifact, stacks, [*(t.name for t in runner.inputs), *answered])
    precision = artifact.stem.split("_")[1]
    return Trial(
        artifact.name, "plain", RUNTIMES[artifact.suffix], precision, cpu, runs,
        None, None, None, None, None, run.steady, run.repeatability,
    )  # fmt: skip


def cost_bars(trials: Sequence[Trial]) -> list[tuple[str, float]]:
    """Per runtime that dpocket's int8 and fp32 were counted for: its name, and int8's share of fp32's instructions."""
    counted = {
        (t.runtime, t.precision): t.instructions for t in trials if t.made_by == "dpocket" and t.cpu == WITH_DOT_PRODUCT
    }
    runtimes = sorted({runtime for runtime, _ in counted})
    return [
        (runtime, counted[runtime, "int8"] / counted[runtime, "fp32"])
        for runtime in runtimes
        if {(runtime, "int8"), (runtime, "fp32")} <= counted.keys()
    ]
