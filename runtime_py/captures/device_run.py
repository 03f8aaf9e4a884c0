"""`DeviceRun`: what a phone computed from a capture, exactly as its runtime gave it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import CaptureError

DTYPES = ("int8", "uint8", "float16", "float32")


@dataclass(frozen=True)
class StoredOutput:
    """One output of every tile: `values` is (tiles, H, W) in the artifact's dtype; `scale` and `zero_point` are those
    that the device used to make real values of integers, None for floats. Raises CaptureError for anything else."""

    values: NDArray[Any]
    scale: float | None = None
    zero_point: int | None = None

    def __post_init__(self) -> None:
        if self.values.dtype.name not in DTYPES or self.values.ndim != 3 or self.values.size == 0:
            raise CaptureError(
                f"an output is {self.values.dtype} of shape {self.values.shape}; it is (tiles, H, W) of one of "
                f"{', '.join(DTYPES)}"
            )
        if (self.scale is None) != (self.zero_point is None) or (self.scale is not None and not self.scale > 0):
            raise CaptureError(f"an output has scale {self.scale} and zero point {self.zero_point}")


@dataclass(frozen=True)
class DeviceRun:
    """`model_sha256` is that of the artifact's file (the SHA-256 in its manifest), `model` its name.

    `dialect` names the arithmetic as in `runtime_py.dialects` ("" when the device does not know), `delegate` what the
    device computed with. `inputs_sha256` is `inputs_hash` of what the network was given; `timings_ms` are medians or
    single times by stage, of which "run" is the network on one tile.
    """

    model: str
    model_sha256: str
    student: str
    app: str
    runtime: str
    runtime_version: str
    dialect: str
    delegate: str
    inputs_sha256: str
    outputs: Mapping[str, StoredOutput]
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tiles = {output.values.shape[0] for output in self.outputs.values()}
        if len(tiles) != 1:
            raise CaptureError(f"a run has outputs of {sorted(tiles) or 'no'} tiles; every output has all of them")


def inputs_hash(tiles: Iterable[Mapping[str, NDArray[Any]]], names: Sequence[str]) -> str:
    """SHA-256 over all tiles in order, in each over the stored inputs in the contract's order `names`.

    The bytes of an input are its plane row by row, little-endian.
    """
    digest = hashlib.sha256()
    for tile in tiles:
        for name in names:
            plane = tile[name]
            digest.update(np.ascontiguousarray(plane).astype(plane.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()
