"""`Dialect`: one family of kernels, by name, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime_py.arithmetic import round_half_away
from runtime_py.errors import DpocketError
from runtime_py.requantize import Requantizer, SumGrid, fp32_requantizer, reference_requantizer


@dataclass(frozen=True)
class Dialect:
    """How a family of kernels rounds activation limits and turns sums into int8.

    Operators with rules of their own per dialect choose by `name`.
    """

    name: str
    round_limit: Callable[[Any], Any]
    requantizer: Callable[[SumGrid], Requantizer]
    half: bool = False
    """Whether float16 tensors are computed on (`ops/half.py`), and int8 tensors only stored and converted."""


DIALECTS: Mapping[str, Dialect] = {
    "xnnpack": Dialect("xnnpack", np.rint, fp32_requantizer),
    "litert-reference": Dialect("litert-reference", round_half_away, reference_requantizer),
    "onnx-qdq": Dialect("onnx-qdq", np.rint, fp32_requantizer),
    "coreml-fp16": Dialect("coreml-fp16", np.rint, fp32_requantizer, half=True),
}
"""Every dialect by name.

"xnnpack": XNNPACK as LiteRT and ExecuTorch use it. "litert-reference": LiteRT's BUILTIN_REF kernels.

"onnx-qdq": the integer operations into which ONNX Runtime (1.31 on x86) fuses DequantizeLinear -> operator ->
QuantizeLinear. Its convolutions and matrix products requantise as XNNPACK's do, `rne(clamp(float(sum) * (si*sw/so)))`
(MLAS `MlasRequantizeOutput`); the rules of other operators stand beside them.

"coreml-fp16": Core ML's ML programs, whose arithmetic is in float32 or, on float16 tensors, as `ops/half.py` models it.
"""


def dialect_named(name: str) -> Dialect:
    """Raises DpocketError, listing the dialects, for a name that is not one."""
    if name not in DIALECTS:
        raise DpocketError(f"there is no dialect '{name}'; known are: {', '.join(DIALECTS)}")
    return DIALECTS[name]
