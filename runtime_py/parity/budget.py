"""`Budget`: how far a runtime may be from the reference, in integers and in pixels of disparity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runtime_py.errors import DpocketError


@dataclass(frozen=True)
class Limit:
    """At most so many differing integers per million in each output, so much deviation anywhere (px of disparity, and
    confidence where there is one), and so many integers per million of the disparity that differ by more than one step
    (those of a confidence are 1/255, finer than an int8 student is exact). Without `noise` only pictures count."""

    differing_per_million: float
    max_disparity_px: float
    beyond_one_per_million: float = 1e6
    noise: bool = True
    max_confidence: float = 0.05

    def largest(self, output: str) -> float:
        """What may be the largest deviation of `output`, in its unit."""
        return self.max_confidence if output == "confidence" else self.max_disparity_px


EXACT = Limit(0.0, 0.0, max_confidence=0.0)

DEFAULT_BUDGET: Mapping[str, Limit] = MappingProxyType(
    {
        "litert": EXACT,
        "tensorflow": EXACT,
        "reference": EXACT,
        "executorch": EXACT,
        "device": EXACT,
        "onnxruntime": Limit(10_000.0, 0.25),
        "coreml": Limit(1e6, 0.25, beyond_one_per_million=1_000.0, noise=False),
    }
)
"""By runtime. The first five run the same integer arithmetic, so nothing less than equality is in order.

Core ML computes int8 students in floats. Under the assumptions of docs/DIALECTS.md the package gives the grid's
integers exactly; the limit leaves room for a device that sums otherwise: on noise such steps could grow from layer to
layer.
"""


def load_budget(path: Path | None) -> Mapping[str, Limit]:
    """The budget of a JSON file ({runtime: {"differing_per_million": n, "max_disparity_px": x}}) over the default.

    Raises DpocketError for an unreadable file or an unknown name.
    """
    if path is None:
        return DEFAULT_BUDGET
    try:
        raw: dict[str, Any] = json.loads(Path(path).read_text())
        limits = {name: Limit(**values) for name, values in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError) as e:
        example = '{"onnxruntime": {"differing_per_million": 100, "max_disparity_px": 0.1}}'
        raise DpocketError(f"{path} is not a parity budget ({e}); it should look like {example}") from e
    unknown = sorted(set(limits) - set(DEFAULT_BUDGET))
    if unknown:
        raise DpocketError(f"{path} names the runtime '{unknown[0]}'; known are: {', '.join(DEFAULT_BUDGET)}")
    return MappingProxyType({**DEFAULT_BUDGET, **limits})
