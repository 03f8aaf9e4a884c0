"""`Sample`: one network input, as real planes that every artifact of a student can be given exactly.

Planes hold real values that lie on the student's input grid, so an int8 artifact and a float one, NHWC and NCHW, get
the same numbers, and their answers may be compared integer by integer. A capture's lie off it where every artifact
takes real numbers, which those with a grid then quantise themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.orientation import views
from runtime_py.contract import Contract
from runtime_py.student import network_inputs

NOISE = "full-range random"
"""How the names of samples begin that are no pictures."""


@dataclass(frozen=True)
class Sample:
    """`planes`: input name -> float32 H×W real values."""

    name: str
    planes: Mapping[str, NDArray[np.float32]]

    def stored(self, contract: Contract) -> dict[str, NDArray[Any]]:
        """The arrays for an artifact with this contract: its dtype, its layout."""
        return {
            spec.name: np.ascontiguousarray(spec.quantize(self.planes[spec.name])).reshape(spec.shape)
            for spec in contract.inputs
        }

    def identity(self) -> bytes:
        digest = hashlib.sha256(self.name.encode())
        for name in sorted(self.planes):
            digest.update(name.encode() + np.ascontiguousarray(self.planes[name]).tobytes())
        return digest.digest()


def capture_samples(contract: Contract, capture: DPCapture) -> list[Sample]:
    """Every tile that `Student.disparity` would run for `capture`."""
    _, tiles = network_inputs(contract, *views(capture))
    named = [{name: contract.input(name).dequantize(plane) for name, plane in tile.items()} for tile in tiles]
    return [Sample(f"{capture.name} tile {i + 1} of {len(tiles)}", planes) for i, planes in enumerate(named)]


def random_samples(contract: Contract, count: int, seed: int = 0) -> list[Sample]:
    """Input planes drawn over the whole range of the input's integers (or of its valid range, for a float artifact
    without a grid): harsher than any picture, since every accumulator is driven far."""
    generator = np.random.default_rng(seed)
    samples = []
    for index in range(count):
        planes = {}
        for spec in contract.inputs:
            if spec.scale is not None and spec.zero_point is not None:
                integers = generator.integers(-128, 128, spec.plane()) + (128 if spec.dtype == "uint8" else 0)
                planes[spec.name] = ((integers - spec.zero_point) * np.float32(spec.scale)).astype(np.float32)
            else:
                planes[spec.name] = generator.uniform(*spec.valid_range, spec.plane()).astype(np.float32)
        samples.append(Sample(f"{NOISE} {index + 1}", planes))
    return samples
