"""`Grid`: the one integer grid of a student, its scales and zero points, as JSON that a person can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from runtime_py.errors import DpocketError


@dataclass(frozen=True)
class Steps:
    """`real = (q - zero_point) * scale` of one activation; `scale` is a float32 value."""

    scale: float
    zero_point: int
    dtype: str = "int8"


OUTPUT_STEPS: Mapping[str, Steps] = {"confidence": Steps(float(np.float32(1 / 255)), -128)}
"""Outputs whose range is their meaning: a probability has the codes -128 … 127 for 0 … 1, and saturation clips it."""

ORIGIN = ("method", "source", "calibration")
OPTIONAL = ("source", "calibration", "equalised", "bias")
"""Left out of the JSON where empty, so that a grid from before these entries keeps its text and its hash."""


@dataclass(frozen=True)
class Grid:
    """Steps of every activation, and per layer the weight scales (float32 values, one per output channel, symmetric).

    A layer's bias is int32 in steps of `input scale * weight scale` and needs no entry. Scales are not rounded to
    float16 for Core ML's sake: with 11-bit scales exact rounding ties are a thousand times more frequent, and runtimes
    break ties differently.

    Where the numbers come from: `method` (how), `source` (from what) and `calibration` (SHA-256 of those inputs,
    `training.quantize.ranges.inputs_hash`). What post-training changed of the float student before it was rounded, and
    `training.quantize.adjusted` repeats: `equalised` (per tensor, factors of its channels) and `bias` (per layer, added
    to its bias, in real units of its output).
    """

    tensors: Mapping[str, Steps]
    weights: Mapping[str, tuple[float, ...]]
    method: str = ""
    source: str = ""
    calibration: str = ""
    equalised: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    bias: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_json(self) -> str:
        """Readable JSON; scales in the shortest decimal form that gives the same float32 back."""
        steps = {
            name: {"scale": _shortest(s.scale), "zero_point": s.zero_point, "dtype": s.dtype}
            for name, s in self.tensors.items()
        }
        raw: dict[str, Any] = {
            **{key: getattr(self, key) for key in ORIGIN},
            "tensors": steps,
            "weights": _rounded(self.weights),
            "equalised": _rounded(self.equalised),
            "bias": _rounded(self.bias),
        }
        return json.dumps({key: value for key, value in raw.items() if value or key not in OPTIONAL}, indent=1)

    @staticmethod
    def from_json(text: str | bytes) -> Grid:
        """Raises DpocketError when the text is not a grid."""
        try:
            raw = json.loads(text)
            tensors = {
                name: Steps(float(np.float32(s["scale"])), int(s["zero_point"]), str(s["dtype"]))
                for name, s in raw["tensors"].items()
            }
            return Grid(
                tensors,
                _values(raw["weights"]),
                str(raw["method"]),
                source=str(raw.get("source", "")),
                calibration=str(raw.get("calibration", "")),
                equalised=_values(raw.get("equalised", {})),
                bias=_values(raw.get("bias", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise DpocketError(f"not a readable grid: {type(e).__name__} {e}") from e

    def hash(self) -> str:
        """SHA-256 of the numbers, whatever found them."""
        return hashlib.sha256(replace(self, method="", source="", calibration="").to_json().encode()).hexdigest()


def _shortest(value: float) -> float:
    return float(str(np.float32(value)))


def _rounded(values: Mapping[str, tuple[float, ...]]) -> dict[str, list[float]]:
    return {name: [_shortest(v) for v in row] for name, row in values.items()}


def _values(raw: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(float(np.float32(v)) for v in row) for name, row in raw.items()}
