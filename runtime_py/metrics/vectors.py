"""What every metric does first: prediction, truth and confidence as checked float64 vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError

Vector = NDArray[np.float64]


def checked(
    prediction: NDArray[Any], truth: NDArray[Any], confidence: NDArray[Any] | None = None
) -> tuple[Vector, Vector, Vector]:
    """Prediction, truth and confidence (ones by default), flattened, float64.

    Raises ContractError for different sizes, values that are not finite, and weights that are negative or all zero.
    """
    p, d = (np.asarray(a, np.float64).ravel() for a in (prediction, truth))
    c = np.ones_like(d) if confidence is None else np.asarray(confidence, np.float64).ravel()
    if not p.size == d.size == c.size:
        raise ContractError(
            f"prediction, truth and confidence have {p.size}, {d.size} and {c.size} values; give as many"
        )
    for name, values in (("prediction", p), ("truth", d), ("confidence", c)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise ContractError(f"the {name} has {bad} of {values.size} values that are NaN or infinite; mask them out")
    if d.size == 0 or c.min() < 0 or not c.sum() > 0:
        raise ContractError(
            "no pixel carries weight: the truth is empty, or a confidence is negative or zero everywhere"
        )
    return p, d, c


def mean(values: NDArray[Any], weight: Vector) -> float:
    """Σ C·v / Σ C in float64."""
    return float(np.sum(weight * values) / np.sum(weight))
