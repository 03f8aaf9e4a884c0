"""What a float artifact may deviate: no more than the roundings of its own arithmetic explain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from runtime_py.error_bound import network_tolerance
from runtime_py.parity.budget import Limit
from runtime_py.parity.judge import FLOAT_DEVIATION
from runtime_py.parity.trace import Trace
from runtime_py.readers import read


def float_limit(limit: Limit, path: Path, reference: Trace) -> Limit:
    """`limit`, lowered to the error bound of the artifact at `path` where that is less.

    The bound is `network_tolerance` of the range that each output has in `reference`, whose samples are those that are
    judged, and `FLOAT_DEVIATION` for a network without half floats.
    """
    share = network_tolerance(read(path))

    def bound(output: str) -> float:
        if output not in reference.outputs:
            return limit.largest(output)
        real = reference.contract.output(output).dequantize(reference.outputs[output])
        return min(limit.largest(output), max(share * float(np.ptp(real)), FLOAT_DEVIATION))

    return replace(limit, max_disparity_px=bound("disparity"), max_confidence=bound("confidence"))
