"""Named input arrays checked against what a program or runtime expects, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError
from runtime_py.program import Tensor

Array = NDArray[Any]


def checked_inputs(expected: Sequence[Tensor], given: Mapping[str, Array]) -> list[Array]:
    """The given arrays, contiguous, in the expected order; a size of -1 fits any.

    Raises ContractError naming what was expected and what was given for a wrong name, shape or type.
    """
    names = [tensor.name for tensor in expected]
    if sorted(names) != sorted(given):
        raise ContractError(f"the inputs are {', '.join(names)}; given were {', '.join(given) or 'none'}")
    return [_checked(tensor, np.asarray(given[tensor.name])) for tensor in expected]


def _checked(tensor: Tensor, array: Array) -> Array:
    fits = len(array.shape) == len(tensor.shape) and all(
        size in (-1, n) for size, n in zip(tensor.shape, array.shape, strict=True)
    )
    if not fits or array.dtype != np.dtype(tensor.dtype):
        raise ContractError(
            f"input '{tensor.name}' must be {tensor.dtype} of shape {tensor.shape}; "
            f"given was {array.dtype} of shape {array.shape}"
        )
    return np.ascontiguousarray(array).reshape(array.shape)
