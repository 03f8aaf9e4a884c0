"""Constants that an ML program stores compressed: quantised, palettised, sparse, or as half floats.

Source: the definitions of the `constexpr_` operations in the MIL reference (iOS 16 and iOS 18), which share names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError
from runtime_py.readers.mil import LARGEST_TENSOR, Literal
from runtime_py.readers.mil_blob import bit_fields

Array = NDArray[Any]


class Parts:
    """The parts of one compressed constant, by name; `place` begins every error."""

    def __init__(self, parts: Mapping[str, Literal], place: str) -> None:
        self._parts = parts
        self._place = place

    def has(self, name: str) -> bool:
        return name in self._parts

    def array(self, name: str) -> Array:
        part = self._parts.get(name)
        if part is None or isinstance(part, tuple):
            raise self.error(f"has no array '{name}'")
        return part

    def integer(self, name: str) -> int:
        part = self.array(name)
        self.require(part.size == 1 and np.issubdtype(part.dtype, np.integer), f"has no single integer '{name}'")
        return int(part.reshape(-1)[0])

    def shape(self) -> tuple[int, ...]:
        shape = tuple(int(n) for n in self.array("shape").reshape(-1))
        self.require(len(shape) <= 8 and math.prod(shape) <= LARGEST_TENSOR, f"has the impossible shape {shape}")
        return shape

    def require(self, condition: bool, sentence: str) -> None:
        if not condition:
            raise self.error(sentence)

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self._place} {sentence}")


def affine_dequantize(parts: Parts) -> Array:
    """`scale * (quantized_data - zero_point)`, scalars or vectors along `axis`, in the scale's type."""
    data, scale, zero_point = (parts.array(name) for name in ("quantized_data", "scale", "zero_point"))
    axis = parts.integer("axis")
    parts.require(-data.ndim <= axis < data.ndim, f"has axis {axis} for shape {data.shape}")
    along = [1] * data.ndim
    along[axis] = -1
    for name, part in (("scale", scale), ("zero point", zero_point)):
        parts.require(part.size in (1, data.shape[axis]), f"has {part.size} values of {name} for shape {data.shape}")
    return _scaled(data, scale.reshape(along), zero_point.reshape(along), parts)


def blockwise_shift_scale(parts: Parts) -> Array:
    """`scale * (data - offset)`, each scale and offset for a block of equal size along every axis."""
    data, scale = parts.array("data"), parts.array("scale")
    offset = parts.array("offset") if parts.has("offset") else np.zeros(scale.shape, np.int8)
    parts.require(scale.shape == offset.shape and scale.ndim == data.ndim > 0, "has scale and offset of other shapes")
    return _scaled(data, _spread(scale, data.shape, parts), _spread(offset, data.shape, parts), parts)


def _scaled(data: Array, scale: Array, offset: Array, parts: Parts) -> Array:
    """In float32, rounded once to the scale's type."""
    parts.require(scale.dtype in (np.float16, np.float32), f"has scales of type {scale.dtype}")
    real = (data.astype(np.float32) - offset.astype(np.float32)) * scale.astype(np.float32)
    return real.astype(scale.dtype)


def _spread(blocks: Array, shape: tuple[int, ...], parts: Parts) -> Array:
    """One value per block repeated over the block."""
    for axis, (count, size) in enumerate(zip(blocks.shape, shape, strict=True)):
        parts.require(count > 0 and size % count == 0, f"has blocks {blocks.shape} for shape {shape}")
        if 1 < count < size:
            blocks = np.repeat(blocks, size // count, axis)
    return np.broadcast_to(blocks, shape)


def lut_to_dense(parts: Parts) -> Array:
    """Palettised weights: packed indices with a `shape` (iOS 16), or tables for blocks and vectors (iOS 18)."""
    if parts.has("shape"):
        return _one_table(parts)
    indices, lut = parts.array("indices"), parts.array("lut")
    parts.require(lut.ndim == indices.ndim + 2 and indices.ndim > 0, f"has tables {lut.shape} for {indices.shape}")
    size, vector = lut.shape[-2:]
    bytes_made = indices.size * max(vector, lut.dtype.itemsize * vector)
    parts.require(vector > 0 and bytes_made <= LARGEST_TENSOR, f"makes {bytes_made} bytes")
    _require_indices(indices, size, parts)
    table = _table_numbers(lut.shape[:-2], indices.shape, parts)
    values = lut.reshape(-1, size, vector)[table, indices]
    if vector == 1:
        return values[..., 0]
    axis = parts.integer("vector_axis")
    parts.require(-indices.ndim <= axis < indices.ndim, f"has vector axis {axis} for {indices.shape}")
    axis %= indices.ndim
    shape = tuple(n * vector if i == axis else n for i, n in enumerate(indices.shape))
    return np.moveaxis(values, -1, axis + 1).reshape(shape)


def _table_numbers(tables: tuple[int, ...], shape: tuple[int, ...], parts: Parts) -> Array:
    """Which table each index looks into."""
    return _spread(np.arange(math.prod(tables)).reshape(tables), shape, parts)


def _one_table(parts: Parts) -> Array:
    indices, lut, shape = parts.array("indices"), parts.array("lut").reshape(-1), parts.shape()
    bits, count = (lut.size - 1).bit_length(), math.prod(shape)
    parts.require(lut.size in (2, 4, 16, 64, 256), f"has a table of {lut.size} values")
    parts.require(
        indices.dtype == np.uint8 and indices.size == -(-bits * count // 8),
        f"has {indices.size} bytes of indices for {count} values of {bits} bits",
    )
    values: Array = lut[bit_fields(indices.reshape(-1), bits, count)].reshape(shape)
    return values


def _require_indices(indices: Array, size: int, parts: Parts) -> None:
    integers = np.issubdtype(indices.dtype, np.integer)
    parts.require(integers, f"has indices of type {indices.dtype}")
    largest = int(indices.max(initial=0))
    parts.require(largest < size and int(indices.min(initial=0)) >= 0, f"looks up entry {largest} of {size}")


def sparse_to_dense(parts: Parts) -> Array:
    """Zeros but for `nonzero_data`, at the places that `mask` has a 1: packed bits (iOS 16) or uint1 (iOS 18)."""
    mask, data = parts.array("mask"), parts.array("nonzero_data").reshape(-1)
    shape = parts.shape() if parts.has("shape") else mask.shape
    count = math.prod(shape)
    if parts.has("shape"):
        parts.require(mask.dtype == np.uint8 and mask.size == -(-count // 8), f"has a mask of {mask.size} bytes")
        mask = np.unpackbits(mask.reshape(-1), count=count, bitorder="little")
    chosen = mask.reshape(-1).astype(np.bool_)
    parts.require(int(chosen.sum()) == data.size, f"has {data.size} values for {int(chosen.sum())} places")
    dense = np.zeros(count, data.dtype)
    dense[chosen] = data
    return dense.reshape(shape)


def cast(parts: Parts) -> Array:
    """Half floats as float32."""
    return parts.array("source_val").astype(np.float32)


COMPRESSED: Mapping[str, Callable[[Parts], Array]] = {
    "constexpr_affine_dequantize": affine_dequantize,
    "constexpr_blockwise_shift_scale": blockwise_shift_scale,
    "constexpr_cast": cast,
    "constexpr_lut_to_dense": lut_to_dense,
    "constexpr_sparse_to_dense": sparse_to_dense,
}
"""Every kind of compressed constant that is read."""
