"""`Trace`: what one runtime answered to given samples, saved so that comparing needs no framework and no second run."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from runtime_py.contract import Contract
from runtime_py.errors import ArtifactError, ContractError
from runtime_py.files import write_atomic
from runtime_py.parity.samples import Sample
from runtime_py.student import Runner

Tick = Callable[[], None]


@dataclass(frozen=True)
class Trace:
    """Outputs of one runtime over a list of samples.

    `outputs`: name -> (samples, H, W) as stored by the artifact (int8 or float32); `latency_ms`: median time of one
    run, preparation excluded; `inputs_sha256` identifies the samples, so that only like is compared with like.
    """

    artifact: str
    runtime: str
    dialect: str
    version: str
    contract: Contract
    samples: tuple[str, ...]
    inputs_sha256: str
    outputs: Mapping[str, NDArray[Any]]
    latency_ms: float

    def save(self, path: Path) -> None:
        """Write as .npz: the outputs as arrays, everything else as JSON in the array `header`."""
        header = {
            "artifact": self.artifact,
            "runtime": self.runtime,
            "dialect": self.dialect,
            "version": self.version,
            "contract": json.loads(self.contract.to_json()),
            "samples": list(self.samples),
            "inputs_sha256": self.inputs_sha256,
            "latency_ms": self.latency_ms,
        }
        text = np.frombuffer(json.dumps(header).encode(), np.uint8)
        arrays: dict[str, NDArray[Any]] = {f"output:{name}": value for name, value in self.outputs.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, header=text, **arrays)  # type: ignore[arg-type]
        write_atomic(path, buffer.getvalue())

    @staticmethod
    def load(path: Path) -> Trace:
        """Read what `save` wrote. Raises ArtifactError for anything else."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                header = json.loads(arrays["header"].tobytes())
                outputs = {k.removeprefix("output:"): arrays[k] for k in arrays.files if k.startswith("output:")}
            header["contract"] = Contract.from_json(json.dumps(header["contract"]))
            header["samples"] = tuple(header["samples"])
            return Trace(outputs=outputs, **header)
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, ContractError) as e:
            raise ArtifactError(f"{path} is not a saved trace ({type(e).__name__}: {e})") from e


def record(
    runner: Runner, contract: Contract, samples: list[Sample], *, artifact: str, runtime: str, dialect: str,
    version: str = "", tick: Tick | None = None,
) -> Trace:  # fmt: skip
    """Run every sample (after one warm-up) and keep the outputs of the contract, each as (samples, H, W)."""
    digest = hashlib.sha256()
    kept: dict[str, list[NDArray[Any]]] = {spec.name: [] for spec in contract.outputs}
    times = []
    runner.run(samples[0].stored(contract))
    for sample in samples:
        digest.update(sample.identity())
        inputs = sample.stored(contract)
        start = time.perf_counter()
        outputs = runner.run(inputs)
        times.append(time.perf_counter() - start)
        for spec in contract.outputs:
            kept[spec.name].append(np.array(outputs[spec.name]).reshape(spec.plane()))
        if tick:
            tick()
    return Trace(
        artifact=artifact,
        runtime=runtime,
        dialect=dialect,
        version=version,
        contract=contract,
        samples=tuple(s.name for s in samples),
        inputs_sha256=digest.hexdigest(),
        outputs={name: np.stack(values) for name, values in kept.items()},
        latency_ms=float(np.median(times)) * 1e3,
    )
