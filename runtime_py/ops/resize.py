"""`resize`: an image resampled as ONNX Resize defines it, linearly or to the nearest sample.

Output sample i lies at an input position that `positions` names: "half_pixel", "pytorch_half_pixel", "align_corners" or
"asymmetric". `scales` (h, w) are output samples per input sample, which need not be the ratio of the sizes. `mode` is
"linear" or "nearest"; for the latter `nearest` is "round_prefer_floor", "round_prefer_ceil", "floor" or "ceil".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from runtime_py.ops.node import Array, Kernel, Node, Shape


@dataclass(frozen=True)
class Neighbours:
    """Of each output sample along one axis: two input samples and their distances from its position."""

    lower: Array
    upper: Array
    from_lower: Array
    from_upper: Array


def shape(node: Node) -> tuple[Shape, ...]:
    """The declared height and width, with the input's batch and channels."""
    given, out = node.input(0).shape, node.output.shape
    node.require(len(given) == 4 and len(out) == 4 and min(given) > 0, f"needs rank 4, has {given} and {out}")
    return ((given[0], out[1], out[2], given[3]),)


def bind(node: Node) -> Kernel:
    """Linear in float32, with the products and sums in ONNX Runtime's order; nearest copies any type."""
    given, out = node.input(0), node.output
    node.require(given.dtype == out.dtype, "changes the type of its values")
    node.require(node.attr("positions") in POSITIONS, f"has positions '{node.attr('positions')}'")
    rows, columns = (_positions(node, axis) for axis in (1, 2))
    if node.attr("mode") == "nearest":
        node.require(given.dtype != "int8" or node.same_grid(given, out), "changes the grid of its values")
        node.require(node.attr("nearest") in NEAREST, f"has the nearest rule '{node.attr('nearest')}'")
        rule = NEAREST[node.attr("nearest")]
        rows, columns = (
            np.clip(rule(at).astype(np.intp), 0, size - 1)
            for at, size in ((rows, given.shape[1]), (columns, given.shape[2]))
        )
        return lambda arrays: (np.take(np.take(arrays[0], rows, 1), columns, 2),)
    if node.attr("mode") != "linear" or given.dtype != "float32":
        raise node.error(f"resizes {given.dtype} by the mode '{node.attr('mode')}', which is not supported")
    above, across = _neighbours(rows, given.shape[1]), _neighbours(columns, given.shape[2])
    return lambda arrays: (_interpolate(arrays[0], above, across),)


def _interpolate(image_NHWC: Array, rows: Neighbours, columns: Neighbours) -> Array:
    """Source: ONNX Runtime `UpsampleBilinear` (core/providers/cpu/tensor/upsample.cc)."""
    upper = np.take(image_NHWC, rows.lower, 1)
    lower = np.take(image_NHWC, rows.upper, 1)
    near, far = rows.from_upper[:, None, None], rows.from_lower[:, None, None]
    left, right = columns.from_upper[:, None], columns.from_lower[:, None]
    sums = (left * near) * np.take(upper, columns.lower, 2)
    sums += (right * near) * np.take(upper, columns.upper, 2)
    sums += (left * far) * np.take(lower, columns.lower, 2)
    sums += (right * far) * np.take(lower, columns.upper, 2)
    interpolated: Array = sums
    return interpolated


def _neighbours(position: Array, size: int) -> Neighbours:
    at = np.clip(position, np.float32(0), np.float32(size - 1))
    lower = np.minimum(at.astype(np.intp), size - 1)
    upper = np.minimum(lower + 1, size - 1)
    from_lower, from_upper = (np.abs(at - end.astype(np.float32)) for end in (lower, upper))
    alone = lower == upper
    half = np.float32(0.5)
    return Neighbours(lower, upper, np.where(alone, half, from_lower), np.where(alone, half, from_upper))


def _positions(node: Node, axis: int) -> Array:
    size, out = node.input(0).shape[axis], node.output.shape[axis]
    scale = np.float32(node.attr("scales")[axis - 1])
    node.require(bool(np.isfinite(scale) and scale > 0), f"has scale {scale}")
    i = np.arange(out, dtype=np.float32)
    # At scale 1 ONNX Runtime skips the formula, whatever it says.
    return i if scale == 1 and size == out else POSITIONS[node.attr("positions")](i, scale, size, out)


def _half_pixel(i: Array, scale: np.float32, size: int, out: int) -> Array:
    shifted: Array = (i + np.float32(0.5)) / scale - np.float32(0.5)
    return shifted


def _pytorch_half_pixel(i: Array, scale: np.float32, size: int, out: int) -> Array:
    return _half_pixel(i, scale, size, out) if out > 1 else np.zeros_like(i)


def _align_corners(i: Array, scale: np.float32, size: int, out: int) -> Array:
    if out == 1:
        return np.zeros_like(i)
    aligned: Array = i * np.float32(size - 1) / np.float32(out - 1)
    return aligned


def _asymmetric(i: Array, scale: np.float32, size: int, out: int) -> Array:
    scaled: Array = i / scale
    return scaled


POSITIONS: Mapping[str, Callable[[Array, np.float32, int, int], Array]] = {
    "half_pixel": _half_pixel,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": _asymmetric,
}
"""Coordinate transformations of ONNX Resize by name, in float32 as ONNX Runtime computes them."""

NEAREST: Mapping[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda at: np.ceil(at - np.float32(0.5)),
    "round_prefer_ceil": lambda at: np.floor(at + np.float32(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}
"""Rules for the nearest sample by ONNX's names."""
