"""Random models of one operation with weights: convolutions and fully connected layers, in int8."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.models.draw import Array, Rng, image, scale, size, stored, zero
from benchmarks.models.tflite import Model, O, T, constant


def weighted(
    rng: Rng, name: str, options: str, given: tuple[int, ...], weights: Array, axis: int, out: tuple[int, ...], f: Any
) -> Model:
    """A convolution whose output scale lets part of the results clamp."""
    channels = weights.shape[axis]
    count = channels if rng.random() < 0.7 else 1
    si = np.float32(scale(rng))
    sw = np.array([scale(rng, 1e-3, 0.1) for _ in range(count)], np.float32)
    spread = float(si) * float(sw.mean()) * np.sqrt(weights.size / channels) * 70 / 60
    bias = np.asarray(rng.integers(-3000, 3000, (channels,)), np.int32)
    tensors = [
        T("x", given, "int8", si, zero(rng)),
        constant("w", weights, sw, 0, axis),
        constant("b", bias, si * sw if rng.random() < 0.8 else None),
        T("y", out, "int8", spread * rng.uniform(0.2, 4), zero(rng)),
    ]
    f = {**f, "fusedActivationFunction": int(rng.choice([0, 1, 3]))}
    order: tuple[int, ...] = (0, 1, 2)
    if name == "TRANSPOSE_CONV":
        tensors.append(constant("shape", np.array(out, np.int32)))
        order = (4, 1, 0, 2)
    return Model(tensors, [O(name, order, (3,), options, f)], (0,), (3,), [stored(rng, given)])


def geometry(rng: Rng) -> tuple[tuple[int, ...], tuple[int, int], dict[str, int], tuple[int, int]]:
    """Image, kernel, stride-dilation-padding fields and output size of a convolution."""
    kernel = size(rng, 1, 5), size(rng, 1, 5)
    stride, dilation = (size(rng, 1, 4), size(rng, 1, 4)), (1, 1)
    if rng.random() < 0.3:
        stride, dilation = (1, 1), (size(rng, 1, 3), size(rng, 1, 3))
    n, h, w, c = image(rng)
    padding = size(rng, 0, 2)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if padding == 1:
        h, w = max(h, extent[0]), max(w, extent[1])
    cells = zip((h, w), extent, stride, strict=True)
    out = [-(-i // s) if padding == 0 else (i - e) // s + 1 for i, e, s in cells]
    fields = {"strideH": stride[0], "strideW": stride[1], "padding": padding}
    if dilation != (1, 1) or rng.random() < 0.5:
        fields |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
    else:
        fields |= {"dilationHFactor": 1, "dilationWFactor": 1}
    return (n, h, w, c), kernel, fields, (out[0], out[1])


def conv2d(rng: Rng) -> Model:
    (n, h, w, c), kernel, fields, out = geometry(rng)
    groups = int(rng.choice([1, 1, 2]))
    filters = size(rng, 1, 12) * groups
    weights = rng.integers(-127, 128, (filters, *kernel, c)).astype(np.int8)
    given, result = (n, h, w, c * groups), (n, *out, filters)
    return weighted(rng, "CONV_2D", "Conv2DOptions", given, weights, 0, result, fields)


def depthwise_conv2d(rng: Rng) -> Model:
    given, kernel, fields, out = geometry(rng)
    multiplier = size(rng, 1, 4)
    weights = rng.integers(-127, 128, (1, *kernel, given[3] * multiplier)).astype(np.int8)
    fields = {**fields, "depthMultiplier": multiplier}
    result = (given[0], *out, given[3] * multiplier)
    return weighted(rng, "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", given, weights, 3, result, fields)


def transpose_conv2d(rng: Rng) -> Model:
    n, h, w, c = image(rng)
    kernel, stride = (size(rng, 1, 5), size(rng, 1, 5)), (size(rng, 1, 4), size(rng, 1, 4))
    padding = size(rng, 0, 2)
    cells = zip((h, w), kernel, stride, strict=True)
    out = [i * s - size(rng, 0, s) if padding == 0 else (i - 1) * s + k + size(rng, 0, s) for i, k, s in cells]
    weights = rng.integers(-127, 128, (size(rng, 1, 20), *kernel, c)).astype(np.int8)
    fields = {"strideH": stride[0], "strideW": stride[1], "padding": padding}
    result = (n, out[0], out[1], weights.shape[0])
    return weighted(rng, "TRANSPOSE_CONV", "TransposeConvOptions", (n, h, w, c), weights, 0, result, fields)


def fully_connected(rng: Rng) -> Model:
    n, i, o = size(rng, 1, 9), size(rng, 1, 40), size(rng, 1, 30)
    weights = rng.integers(-127, 128, (o, i)).astype(np.int8)
    keep = rng.random() < 0.5
    given = (n, size(rng, 1, 5), i)
    out = (*given[:2], o) if keep else (n * given[1], o)
    fields = {"keepNumDims": keep}
    return weighted(rng, "FULLY_CONNECTED", "FullyConnectedOptions", given, weights, 0, out, fields)
