"""`Grid`: the one integer grid of a student, its scales and zero points, as JSON that a person can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Grid:
    """Steps of every activation, and per layer the weight scales (float32 values, one per output channel, symmetric).

    A layer's bias is int32 in steps of `input scale * weight scale` and needs no entry. Scales are not rounded to
    float16 for Core ML's sake: with 11-bit scales exact rounding ties are a thousand times more frequent, and runtimes
    break ties differently.
    """

    tensors: Mapping[str, Steps]
    weights: Mapping[str, tuple[float, ...]]
    method: str = ""

    def to_json(self) -> str:
        """Readable JSON; scales in the shortest decimal form that gives the same float32 back."""
        steps = {
            name: {"scale": _shortest(s.scale), "zero_point": s.zero_point, "dtype": s.dtype}
            for name, s in self.tensors.items()
        }
        weights = {name: [_shortest(s) for s in scales] for name, scales in self.weights.items()}
        return json.dumps({"method": self.method, "tensors": steps, "weights": weights}, indent=1)

    @staticmethod
    def from_json(text: str | bytes) -> Grid:
        """Raises DpocketError when the text is not a grid."""
        try:
            raw = json.loads(text)
            tensors = {
                name: Steps(float(np.float32(s["scale"])), int(s["zero_point"]), str(s["dtype"]))
                for name, s in raw["tensors"].items()
            }
            weights = {name: tuple(float(np.float32(s)) for s in scales) for name, scales in raw["weights"].items()}
            return Grid(tensors, weights, str(raw["method"]))
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise DpocketError(f"not a readable grid: {type(e).__name__} {e}") from e

    def hash(self) -> str:
        """SHA-256 of the numbers, whatever method found them."""
        return hashlib.sha256(replace(self, method="").to_json().encode()).hexdigest()


def _shortest(value: float) -> float:
    return float(str(np.float32(value)))
