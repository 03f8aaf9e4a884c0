"""`resize_bilinear`: rows and columns interpolated to the output's size. TFLite RESIZE_BILINEAR.

`align_corners` maps corner samples onto each other, `half_pixel_centers` the image's edges; neither maps sample 0 to
sample 0 with the ratio of the sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from runtime_py.ops.node import Array, Kernel, Node, Shape


@dataclass(frozen=True)
class Taps:
    """Along one axis: each output's two neighbours and the weight of the second, out of `one`."""

    lower: Array
    upper: Array
    weight: Array
    one: float


@dataclass(frozen=True)
class Corners:
    """How sample positions of the two sizes correspond."""

    align: bool
    half_pixel: bool


def shape(node: Node) -> tuple[Shape, ...]:
    """The declared height and width, with the input's batch and channels."""
    given, out = node.input(0).shape, node.output.shape
    node.require(len(given) == 4 and len(out) == 4 and min(*given, *out) > 0, f"cannot resize {given} to {out}")
    return ((given[0], out[1], out[2], given[3]),)


def bind(node: Node) -> Kernel:
    """int8 with the dialect's fixed-point weights and exact sums, float32 with float32 weights."""
    given, out = node.input(0), node.output
    corners = Corners(bool(node.attr("align_corners")), bool(node.attr("half_pixel_centers")))
    node.require(given.dtype == out.dtype and given.dtype in ("int8", "float32"), "resizes unlike types")
    node.require(node.same_grid(given, out), "changes the scale or zero point of its values")
    if given.dtype == "float32":
        rows, columns = (_float_taps(given.shape[i], out.shape[i], corners) for i in (1, 2))
        return lambda arrays: (_interpolate(arrays[0], rows, columns),)
    taps, finish = node.rule(RULES)
    rows, columns = (taps(given.shape[i], out.shape[i], corners) for i in (1, 2))

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        # Both passes are linear and exact in int32, so their order does not matter.
        return (finish(_interpolate(arrays[0].astype(np.int32), rows, columns)).astype(np.int8),)

    return kernel


def _interpolate(image_NHWC: Array, rows: Taps, columns: Taps) -> Array:
    across = _along(image_NHWC, columns, 2, columns.weight[:, None])
    return _along(across, rows, 1, rows.weight[:, None, None])


def _along(image: Array, taps: Taps, axis: int, weight: Array) -> Array:
    lower = np.take(image, taps.lower, axis)
    step = np.take(image, taps.upper, axis)
    np.subtract(step, lower, out=step)
    np.multiply(step, weight, out=step)
    if taps.one != 1:
        np.multiply(lower, int(taps.one), out=lower)
    interpolated: Array = np.add(lower, step, out=lower)
    return interpolated


def _reference_taps(size: int, out: int, corners: Corners) -> Taps:
    """TFLite `ComputeInterpolationValuesInteger`: positions in 1/1024 of a sample."""
    o = np.arange(out)
    scale = (1024 * size + out // 2) // out
    if corners.align and out > 1:
        scale = (1024 * (size - 1) + (out - 1) // 2) // (out - 1)
    position = o * scale + (scale // 2 - 512 if corners.half_pixel else 0)
    whole = position >> 10
    lower, upper = np.maximum(whole, 0), np.minimum(whole + 1, size - 1)
    # The kernel would read past the image where its rounded scale overshoots; the last sample stands in for that.
    return Taps(np.minimum(lower, size - 1), upper, (position - 1024 * lower).astype(np.int32), 1024)


def _reference_finish(sums: Array) -> Array:
    """Nearest with ties away from zero, of sums in 1/2**20."""
    half: Array = (np.abs(sums) + (1 << 19)) >> 20
    signed: Array = np.where(sums < 0, -half, half)
    return signed


def _xnnpack_taps(size: int, out: int, corners: Corners) -> Taps:
    """XNNPACK `xnn_indirection_init_resize_bilinear2d_hwc_q11`: float32 positions, 11-bit weights."""
    taps = _float_taps(size, out, corners)
    return Taps(taps.lower, taps.upper, np.rint(taps.weight * np.float32(2048)).astype(np.int32), 2048)


def _xnnpack_finish(sums: Array) -> Array:
    """XNNPACK `xnn_s8_ibilinear`: half is added, the shift rounds down."""
    return (sums + (1 << 21)) >> 22


def _float_taps(size: int, out: int, corners: Corners) -> Taps:
    """XNNPACK's positions (resize_bilinear2d, float32)."""
    scale = np.float32(size) / np.float32(out)
    if corners.align and out > 1:
        scale = np.float32(size - 1) / np.float32(out - 1)
    position = np.arange(out, dtype=np.float32) * scale
    if corners.half_pixel:
        position = position + np.float32(np.float32(0.5) * scale - np.float32(0.5))
    position = np.clip(position, np.float32(0), np.float32(size - 1))
    lower = np.floor(position).astype(np.intp)
    return Taps(lower, np.minimum(lower + 1, size - 1), position - lower.astype(np.float32), 1)


RULES: dict[str, tuple[Callable[[int, int, Corners], Taps], Callable[[Array], Array]]] = {
    "xnnpack": (_xnnpack_taps, _xnnpack_finish),
    "litert-reference": (_reference_taps, _reference_finish),
}
