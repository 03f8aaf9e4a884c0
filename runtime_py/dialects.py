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


DIALECTS: Mapping[str, Dialect] = {
    "xnnpack": Dialect("xnnpack", np.rint, fp32_requantizer),
    "litert-reference": Dialect("litert-reference", round_half_away, reference_requantizer),
}
"""Every dialect by name: LiteRT's and ExecuTorch's XNNPACK, and LiteRT's BUILTIN_REF kernels."""


def dialect_named(name: str) -> Dialect:
    """Raises DpocketError, listing the dialects, for a name that is not one."""
    if name not in DIALECTS:
        raise DpocketError(f"there is no dialect '{name}'; known are: {', '.join(DIALECTS)}")
    return DIALECTS[name]
