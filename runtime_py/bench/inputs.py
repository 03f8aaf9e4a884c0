"""Inputs for artifacts that nobody described: random values of the shapes and types that the runtime asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from runtime_py.errors import ArtifactError
from runtime_py.inputs import Array
from runtime_py.limits import FLOOR
from runtime_py.program import Tensor


def random_inputs(name: str, tensors: Sequence[Tensor], seed: int = 0) -> dict[str, Array]:
    """Arrays by name: 8-bit integers over their full range, floats standard normal, wider integers (indices) 0.

    `name` is the artifact's, for errors. Raises ArtifactError for a size that the file leaves open.
    """
    rng = np.random.default_rng(seed)
    return {tensor.name: _random(name, tensor, rng) for tensor in tensors}


def _random(name: str, tensor: Tensor, rng: np.random.Generator) -> Array:
    if any(size < 1 for size in tensor.shape):
        raise ArtifactError(
            f"{name} leaves the size of its input '{tensor.name}' open ({list(tensor.shape)}); export it with a size"
        )
    dtype = np.dtype(tensor.dtype)
    if math.prod(tensor.shape) * dtype.itemsize > FLOOR.memory:
        raise ArtifactError(
            f"{name} asks for an input '{tensor.name}' of {list(tensor.shape)}, too large to be run here"
        )
    if dtype.kind == "f":
        return rng.standard_normal(tensor.shape).astype(dtype)
    if dtype.itemsize == 1 and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max + 1, tensor.shape).astype(dtype)
    return np.zeros(tensor.shape, dtype)
