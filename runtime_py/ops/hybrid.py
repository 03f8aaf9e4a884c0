"""Hybrid convolutions: float32 images meet int8 weights, and are themselves quantised to int8 while running.

Every kernel takes the range of an image (or, for XNNPACK's 1x1 convolutions, of a pixel), quantises, sums exactly and
scales back; they differ in rounding and in the order of the last float32 products. Weights have one scale per channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime_py.arithmetic import ACTIVATION_RANGES, INT8_MAX, INT8_MIN, exact_sum_dtype, round_half_away
from runtime_py.ops.gemm import Arithmetic, bias_of, weight_scales
from runtime_py.ops.node import Array, Kernel, Node
from runtime_py.program import Tensor

Quantized = tuple[Array, int, np.float32]
"""int8 values, their zero point and their scale."""

Scaling = Callable[[Array, np.float32, Array, Array], Array]
"""(exact sums, image scale, weight scales, bias) to float32 results; the last axis of all arrays is the channel."""


@dataclass(frozen=True)
class Hybrid:
    """How one kernel quantises its image and scales its sums."""

    quantize: Callable[[Array], Quantized]
    scale: Scaling


def hybrid_arithmetic(
    node: Node, hybrid: Hybrid, weights_ON: Array, channel_scale: Array, columns: int
) -> Callable[[Array], tuple[Array, Arithmetic]]:
    """A function from one float32 image to its int8 values and the arithmetic that its sums need.

    `weights_ON`, `channel_scale` and `columns` are as in `gemm.integer_arithmetic`.
    """
    channels = weights_ON.shape[0]
    scale_row = np.tile(np.resize(channel_scale, channels), columns)
    bias_row = np.tile(hybrid_bias(node, channels), columns)
    low, high = hybrid_limits(node)
    dtype = hybrid_sum_dtype(weights_ON)

    def prepare(image: Array) -> tuple[Array, Arithmetic]:
        stored, zero_point, scale = hybrid.quantize(image)

        def finish(sums: Array, out: Array) -> None:
            np.clip(hybrid.scale(sums.astype(np.float32, copy=False), scale, scale_row, bias_row), low, high, out=out)

        return stored, Arithmetic(dtype, zero_point, finish)

    return prepare


def by_pixel_kernel(node: Node, weights_IO: Array, channel_scale: Array) -> Kernel:
    """XNNPACK's 1x1 convolution, which it runs as a fully connected layer that quantises each pixel by itself."""
    bias = hybrid_bias(node, weights_IO.shape[1])
    low, high = hybrid_limits(node)

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        pixels = arrays[0].reshape(-1, weights_IO.shape[0])
        stored, zero_point, scale = _xnnpack_quantized(pixels, 1)
        sums = np.matmul(stored.astype(weights_IO.dtype) - zero_point, weights_IO).astype(np.float32, copy=False)
        real = image_scale_first_fused(sums, scale, channel_scale, bias)
        return (np.clip(real, low, high).reshape(node.output.shape),)

    return kernel


def symmetric_rows_kernel(node: Node, weights_IO: Array, channel_scale: Array) -> Kernel:
    """LiteRT's own fully connected layer on float32, which quantises each row by itself, without a zero point.

    Source: TFLite `EvalHybrid` (kernels/fully_connected.cc).
    """
    bias = hybrid_bias(node, weights_IO.shape[1])
    low, high = hybrid_limits(node)

    def kernel(arrays: Sequence[Array]) -> tuple[Array]:
        rows = arrays[0].reshape(-1, weights_IO.shape[0])
        largest = np.abs(rows).max(axis=1, keepdims=True)
        safe = np.where(largest == 0, np.float32(1), largest)
        stored = np.clip(_rows_rounded_in_eights(rows * (np.float32(127) / safe)), -127, 127)
        sums = np.matmul(stored.astype(weights_IO.dtype), weights_IO).astype(np.float32, copy=False)
        real = scales_multiplied_first(sums, safe / np.float32(127), channel_scale, bias)
        return (np.clip(real, low, high).reshape(node.output.shape),)

    return kernel


def hybrid_sum_dtype(weights_ON: Array) -> type[Any]:
    """As `exact_sum_dtype`, for the zero point that lets the sums grow largest: it is known only while running."""
    return exact_sum_dtype(weights_ON, INT8_MIN, None)


def per_channel_scales(node: Node, weights: Tensor, axis: int) -> Array:
    """The scales of the weights, which must be one for each channel."""
    node.require(
        weights.quant is not None and (weights.quant.per_channel or weights.shape[axis] == 1),
        "has float32 images and int8 weights with a single scale, which is not supported",
    )
    return weight_scales(node, weights, axis)


def hybrid_bias(node: Node, channels: int) -> Array:
    """The float32 bias of `channels` sums, repeating or zero."""
    bias = bias_of(node, "float32")
    return np.zeros(channels, np.float32) if bias is None else np.resize(bias, channels)


def hybrid_limits(node: Node) -> tuple[np.float32, np.float32]:
    """The real values between which the fused activation clamps."""
    activation = node.attr("activation")
    node.require(activation in ACTIVATION_RANGES, f"has the unknown activation '{activation}'")
    low, high = ACTIVATION_RANGES[activation]
    return np.float32(low), np.float32(high)


def reference_quantize(values: Array) -> Quantized:
    """TFLite `tensor_utils::AsymmetricQuantizeFloats`, vectorised in eights as LiteRT's x86 build."""
    low, high = np.float32(min(values.min(), 0)), np.float32(max(values.max(), 0))
    if low == high:
        return np.zeros(values.shape, np.int8), 0, np.float32(1)
    step = np.float64(np.float32(high - low)) / 255
    from_low, from_high = INT8_MIN - np.float64(low) / step, INT8_MAX - np.float64(high) / step
    low_error, high_error = 128 + abs(np.float64(low) / step), 127 + abs(np.float64(high) / step)
    best = from_low if low_error < high_error else from_high
    zero_point = int(np.nan_to_num(np.clip(round_half_away(best), INT8_MIN, INT8_MAX)))
    scale = np.float32(step)
    rounded = _rounded_in_eights(values, np.float32(np.float32(1) / scale))
    stored = np.clip(rounded + zero_point, INT8_MIN, INT8_MAX).astype(np.int8)
    return stored, zero_point, scale


def symmetric_quantize(values: Array) -> Quantized:
    """TFLite `tensor_utils::SymmetricQuantizeFloats`, which serves convolutions whose weights have a single scale."""
    largest = np.float32(np.abs(values).max())
    if largest == 0:
        return np.zeros(values.shape, np.int8), 0, np.float32(1)
    stored = _rounded_in_eights(values, np.float32(np.float32(127) / largest))
    return np.clip(stored, -127, 127).astype(np.int8), 0, np.float32(largest / np.float32(127))


def _rounded_in_eights(values: Array, inverse: np.float32) -> Array:
    """`values * inverse` to nearest; groups of eight add 1/2 in float32, which rounds up what is just below a tie."""
    return _rows_rounded_in_eights(values.reshape(1, -1) * inverse).reshape(values.shape)


def _rows_rounded_in_eights(scaled: Array) -> Array:
    """Rows of scaled values to nearest; see `_rounded_in_eights`."""
    whole = scaled.shape[1] - scaled.shape[1] % 8
    rounded = np.empty_like(scaled)
    rounded[:, :whole] = np.trunc(scaled[:, :whole] + np.copysign(np.float32(0.5), scaled[:, :whole]))
    rounded[:, whole:] = round_half_away(scaled[:, whole:])
    return rounded


def xnnpack_quantize(values: Array) -> Quantized:
    """XNNPACK `xnn_f32_qd8_asymmetric_quantization_params` and its conversion."""
    stored, zero_point, scale = _xnnpack_quantized(values.reshape(1, -1), 1)
    return stored.reshape(values.shape), int(zero_point[0, 0]), np.float32(scale[0, 0])


def quantize_by_pixel(values: Array) -> Quantized:
    """Each pixel of an image on its own grid, of which only the first pixel's is told.

    Measured on ExecuTorch 1.4.1 where a 1x1 convolution, which needs pixels quantised so, shares them with others.
    """
    stored, zero_point, scale = _xnnpack_quantized(values.reshape(-1, values.shape[-1]), 1)
    return stored.reshape(values.shape), int(zero_point[0, 0]), np.float32(scale[0, 0])


def _xnnpack_quantized(values: Array, axis: int) -> tuple[Array, Array, Array]:
    """Stored values, zero points and scales, with one of these for all values along `axis`."""
    zero, one = np.float32(0), np.float32(1)
    low = np.minimum(values.min(axis, keepdims=True), zero)
    high = np.maximum(values.max(axis, keepdims=True), zero)
    scale = np.where(low == high, one, np.float32(255) / np.where(low == high, one, high - low))
    low_scaled, high_scaled = low * scale, high * scale
    from_low, from_high = np.float32(INT8_MIN) - low_scaled, np.float32(INT8_MAX) - high_scaled
    errors = (np.float32(INT8_MIN) + low_scaled) + (np.float32(INT8_MAX) + high_scaled)
    # Values that are not numbers have no range, and no zero point that would mean anything.
    best = np.nan_to_num(np.where(errors > 0, from_low, from_high))
    zero_point = np.rint(np.clip(best, INT8_MIN, INT8_MAX))
    stored = np.clip(np.rint(values * scale) + zero_point, INT8_MIN, INT8_MAX).astype(np.int8)
    return stored, zero_point, one / scale


def weight_scale_first(sums: Array, scale: np.float32, weight_scales: Array, bias: Array) -> Array:
    """TFLite `reference_ops::HybridConvPerChannel`."""
    return sums * weight_scales * scale + bias


def scales_multiplied_first(sums: Array, scale: np.float32 | Array, weight_scales: Array, bias: Array) -> Array:
    """TFLite `reference_integer_ops::DepthwiseConvHybridPerChannel`."""
    real: Array = sums * (weight_scales * scale) + bias
    return real


def image_scale_first_fused(sums: Array, scale: np.float32 | Array, weight_scales: Array, bias: Array) -> Array:
    """XNNPACK's qd8_qc8w kernels with a fused multiply-add, which CPUs without one cannot reproduce."""
    # The float64 product of two float32 is exact, so that only the sum is rounded.
    fused = (sums * scale).astype(np.float64) * weight_scales + bias
    return fused.astype(np.float32)


def optimized_depthwise(channels: int) -> Scaling:
    """LiteRT's optimised hybrid depthwise kernel (x86): whole groups of channels scale by their weights first."""

    def scaling(sums: Array, scale: np.float32, weight_scales: Array, bias: Array) -> Array:
        tail = np.arange(weight_scales.size) % channels >= channels - channels % VECTOR
        scaled = np.where(tail, sums * scale * weight_scales, sums * weight_scales * scale)
        return scaled + bias

    return scaling


VECTOR = 4
"""Channels that the optimised depthwise kernel takes at once."""
