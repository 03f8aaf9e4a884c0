"""Random models of one operation: int8, full-range inputs, random geometry, scales and zero points.

`BUILDERS` maps a name to a function from a generator to a model with its input arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tflite_models import Model, O, T, constant

Array = NDArray[Any]
Rng = np.random.Generator


def stored(rng: Rng, shape: tuple[int, ...]) -> Array:
    return rng.integers(-128, 128, shape).astype(np.int8)


def scale(rng: Rng, low: float = 1e-3, high: float = 1.0) -> float:
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def zero(rng: Rng) -> int:
    return int(rng.choice([-128, 0, 127, int(rng.integers(-128, 128))]))


def size(rng: Rng, low: int = 1, high: int = 12) -> int:
    return int(rng.integers(low, high))


def image(rng: Rng, low: int = 1) -> tuple[int, int, int, int]:
    return size(rng, 1, 3), size(rng, low, 16), size(rng, low, 16), size(rng, 1, 20)


def _weighted(
    rng: Rng, name: str, options: str, given: tuple[int, ...], weights: Array, axis: int, out: tuple[int, ...], f: Any
) -> Model:
    """A convolution whose output scale lets part of the results clamp."""
    channels = weights.shape[axis]
    count = channels if rng.random() < 0.7 else 1
    si = np.float32(scale(rng))
    sw = np.array([scale(rng, 1e-3, 0.1) for _ in range(count)], np.float32)
    spread = float(si) * float(sw.mean()) * np.sqrt(weights.size / channels) * 70 / 60
    bias = rng.integers(-3000, 3000, channels).astype(np.int32)
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


def _geometry(rng: Rng) -> tuple[tuple[int, ...], tuple[int, int], dict[str, int], tuple[int, int]]:
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
    (n, h, w, c), kernel, fields, out = _geometry(rng)
    groups = int(rng.choice([1, 1, 2]))
    filters = size(rng, 1, 12) * groups
    weights = rng.integers(-127, 128, (filters, *kernel, c)).astype(np.int8)
    given, result = (n, h, w, c * groups), (n, *out, filters)
    return _weighted(rng, "CONV_2D", "Conv2DOptions", given, weights, 0, result, fields)


def depthwise_conv2d(rng: Rng) -> Model:
    given, kernel, fields, out = _geometry(rng)
    multiplier = size(rng, 1, 4)
    weights = rng.integers(-127, 128, (1, *kernel, given[3] * multiplier)).astype(np.int8)
    fields = {**fields, "depthMultiplier": multiplier}
    result = (given[0], *out, given[3] * multiplier)
    return _weighted(rng, "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", given, weights, 3, result, fields)


def transpose_conv2d(rng: Rng) -> Model:
    n, h, w, c = image(rng)
    kernel, stride = (size(rng, 1, 5), size(rng, 1, 5)), (size(rng, 1, 4), size(rng, 1, 4))
    padding = size(rng, 0, 2)
    cells = zip((h, w), kernel, stride, strict=True)
    out = [i * s - size(rng, 0, s) if padding == 0 else (i - 1) * s + k + size(rng, 0, s) for i, k, s in cells]
    weights = rng.integers(-127, 128, (size(rng, 1, 20), *kernel, c)).astype(np.int8)
    fields = {"strideH": stride[0], "strideW": stride[1], "padding": padding}
    result = (n, out[0], out[1], weights.shape[0])
    return _weighted(rng, "TRANSPOSE_CONV", "TransposeConvOptions", (n, h, w, c), weights, 0, result, fields)


def _binary(rng: Rng, name: str, options: str, out_scale: Callable[[float, float], float]) -> Model:
    shape = image(rng)
    other = shape
    if rng.random() < 0.4:
        other = tuple(1 if rng.random() < 0.5 else n for n in shape)
    s1, s2 = scale(rng, 1e-2), scale(rng, 1e-2)
    tensors = [
        T("a", shape, "int8", s1, zero(rng)),
        T("b", other, "int8", s2, zero(rng)),
        T("y", shape, "int8", out_scale(s1, s2) * rng.uniform(0.3, 3), zero(rng)),
    ]
    arrays = [stored(rng, shape), stored(rng, other)]
    inputs: tuple[int, ...] = (0, 1)
    if rng.random() < 0.3:
        tensors[1].data = arrays.pop()
        inputs = (0,)
    op = O(name, (0, 1), (2,), options, {"fusedActivationFunction": int(rng.choice([0, 1, 3]))})
    return Model(tensors, [op], inputs, (2,), arrays)


def add(rng: Rng) -> Model:
    return _binary(rng, "ADD", "AddOptions", lambda a, b: a + b)


def concat(rng: Rng) -> Model:
    shape, axis, count = image(rng), size(rng, 0, 4), size(rng, 2, 6)
    s, z = scale(rng), zero(rng)
    shapes = [tuple(size(rng) if i == axis else n for i, n in enumerate(shape)) for _ in range(count)]
    out = tuple(sum(p[i] for p in shapes) if i == axis else n for i, n in enumerate(shape))
    tensors = [T(f"x{i}", p, "int8", s, z) for i, p in enumerate(shapes)] + [T("y", out, "int8", s, z)]
    order = tuple(range(count))
    op = O("CONCATENATION", order, (count,), "ConcatenationOptions", {"axis": axis - (4 if rng.random() < 0.5 else 0)})
    return Model(tensors, [op], order, (count,), [stored(rng, p) for p in shapes])


def _unary(rng: Rng, op: O, ratio: float, low: float = 1e-3, fixed_out: tuple[float, int] | None = None) -> Model:
    shape, s = image(rng), scale(rng, low)
    out = fixed_out or (s / ratio, zero(rng))
    tensors = [T("x", shape, "int8", s, zero(rng)), T("y", shape, "int8", *out)]
    return Model(tensors, [op], (0,), (1,), [stored(rng, shape)])


def requantize(rng: Rng) -> Model:
    return _unary(rng, O("QUANTIZE", (0,), (1,), "QuantizeOptions"), scale(rng, 2**-10, 2**9))


def quantize(rng: Rng) -> Model:
    shape, s = image(rng), scale(rng)
    tensors = [T("x", shape, "float32"), T("y", shape, "int8", s, zero(rng))]
    x = np.where(rng.random(shape) < 0.1, s * (rng.integers(-150, 150, shape) + 0.5), rng.normal(0, 90 * s, shape))
    return Model(tensors, [O("QUANTIZE", (0,), (1,), "QuantizeOptions")], (0,), (1,), [x.astype(np.float32)])


def dequantize(rng: Rng) -> Model:
    shape = image(rng)
    tensors = [T("x", shape, "int8", scale(rng), zero(rng)), T("y", shape, "float32")]
    return Model(tensors, [O("DEQUANTIZE", (0,), (1,), "DequantizeOptions")], (0,), (1,), [stored(rng, shape)])


def relu(rng: Rng) -> Model:
    return _unary(rng, O("RELU", (0,), (1,)), scale(rng, 0.1, 10))


def relu6(rng: Rng) -> Model:
    return _unary(rng, O("RELU6", (0,), (1,)), scale(rng, 0.1, 10))


def reshape(rng: Rng) -> Model:
    n, h, w, c = image(rng)
    s, z = scale(rng), zero(rng)
    out = (n * h, w * c)
    tensors = [T("x", (n, h, w, c), "int8", s, z), T("y", out, "int8", s, z), constant("s", np.array(out, np.int32))]
    op = O("RESHAPE", (0, 2), (1,), "ReshapeOptions", {"newShape": list(out)})
    return Model(tensors, [op], (0,), (1,), [stored(rng, (n, h, w, c))])


def pad(rng: Rng) -> Model:
    shape = image(rng)
    s, z = scale(rng), zero(rng)
    paddings = rng.integers(0, 4, (4, 2)).astype(np.int32)
    out = tuple(int(n + p.sum()) for n, p in zip(shape, paddings, strict=True))
    tensors = [T("x", shape, "int8", s, z), T("y", out, "int8", s, z), constant("p", paddings)]
    return Model(tensors, [O("PAD", (0, 2), (1,), "PadOptions")], (0,), (1,), [stored(rng, shape)])


def _pool(rng: Rng, name: str) -> Model:
    (n, h, w, c), kernel, fields, _ = _geometry(rng)
    stride = fields["strideH"], fields["strideW"]
    h, w = max(h, kernel[0]), max(w, kernel[1])
    cells = zip((h, w), kernel, stride, strict=True)
    result = [-(-i // s) if fields["padding"] == 0 else (i - k) // s + 1 for i, k, s in cells]
    s, z = scale(rng), zero(rng)
    tensors = [T("x", (n, h, w, c), "int8", s, z), T("y", (n, *result, c), "int8", s, z)]
    f = {k: v for k, v in fields.items() if not k.startswith("dilation")}
    f |= {"filterHeight": kernel[0], "filterWidth": kernel[1], "fusedActivationFunction": int(rng.choice([0, 1, 3]))}
    return Model(tensors, [O(name, (0,), (1,), "Pool2DOptions", f)], (0,), (1,), [stored(rng, (n, h, w, c))])


def max_pool2d(rng: Rng) -> Model:
    return _pool(rng, "MAX_POOL_2D")


def sub(rng: Rng) -> Model:
    return _binary(rng, "SUB", "SubOptions", lambda a, b: a + b)


def mul(rng: Rng) -> Model:
    return _binary(rng, "MUL", "MulOptions", lambda a, b: 60 * a * b)


def fully_connected(rng: Rng) -> Model:
    n, i, o = size(rng, 1, 9), size(rng, 1, 40), size(rng, 1, 30)
    weights = rng.integers(-127, 128, (o, i)).astype(np.int8)
    keep = rng.random() < 0.5
    given = (n, size(rng, 1, 5), i)
    out = (*given[:2], o) if keep else (n * given[1], o)
    fields = {"keepNumDims": keep}
    return _weighted(rng, "FULLY_CONNECTED", "FullyConnectedOptions", given, weights, 0, out, fields)


def average_pool2d(rng: Rng) -> Model:
    return _pool(rng, "AVERAGE_POOL_2D")


def mean(rng: Rng) -> Model:
    shape, keep = image(rng), rng.random() < 0.5
    axes = [(1, 2), (1, 2), (2,), (3,), (1, 2, 3), (-2, 1)][size(rng, 0, 6)]
    if axes == (1, 2) and not keep:
        keep = rng.random() < 0.5
    gone = {a % 4 for a in axes}
    out = tuple(1 if i in gone else n for i, n in enumerate(shape) if keep or i not in gone)
    s = scale(rng)
    tensors = [
        T("x", shape, "int8", s, zero(rng)),
        T("y", out, "int8", s * rng.uniform(0.1, 2), zero(rng)),
        constant("axes", np.array(axes, np.int32)),
    ]
    op = O("MEAN", (0, 2), (1,), "ReducerOptions", {"keepDims": keep})
    return Model(tensors, [op], (0,), (1,), [stored(rng, shape)])


def _resize(rng: Rng, name: str, options: str) -> Model:
    n, h, w, c = image(rng)
    factor = size(rng, 1, 5)
    out = (h * factor, w * factor) if rng.random() < 0.6 else (size(rng, 1, 40), size(rng, 1, 40))
    align, half = [(False, False), (True, False), (False, True)][size(rng, 0, 3)]
    s, z = scale(rng), zero(rng)
    tensors = [
        T("x", (n, h, w, c), "int8", s, z),
        T("y", (n, *out, c), "int8", s, z),
        constant("size", np.array(out, np.int32)),
    ]
    op = O(name, (0, 2), (1,), options, {"alignCorners": align, "halfPixelCenters": half})
    return Model(tensors, [op], (0,), (1,), [stored(rng, (n, h, w, c))])


def resize_bilinear(rng: Rng) -> Model:
    return _resize(rng, "RESIZE_BILINEAR", "ResizeBilinearOptions")


def resize_nearest(rng: Rng) -> Model:
    return _resize(rng, "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions")


def leaky_relu(rng: Rng) -> Model:
    alpha = float(rng.choice([0.01, 0.1, 0.2, 0.3, -0.25]))
    return _unary(rng, O("LEAKY_RELU", (0,), (1,), "LeakyReluOptions", {"alpha": alpha}), scale(rng, 0.05, 20))


def logistic(rng: Rng) -> Model:
    return _unary(rng, O("LOGISTIC", (0,), (1,)), 1, fixed_out=(1 / 256, -128))


def tanh(rng: Rng) -> Model:
    return _unary(rng, O("TANH", (0,), (1,)), 1, fixed_out=(1 / 128, 0))


def hard_swish(rng: Rng) -> Model:
    return _unary(rng, O("HARD_SWISH", (0,), (1,), "HardSwishOptions"), scale(rng, 0.2, 2), low=5e-3)


def softmax(rng: Rng) -> Model:
    op = O("SOFTMAX", (0,), (1,), "SoftmaxOptions", {"beta": float(rng.choice([1.0, 1.0, 0.5, 2.0]))})
    return _unary(rng, op, 1, fixed_out=(1 / 256, -128))


def _copied(
    rng: Rng, given: tuple[int, ...], out: tuple[int, ...], op: O, *parameters: Array, outputs: int = 1
) -> Model:
    """Input 0, outputs from 1 on, then the constant parameters, all on one grid."""
    s, z = scale(rng), zero(rng)
    tensors = [T("x", given, "int8", s, z), *(T(f"y{i}", out, "int8", s, z) for i in range(outputs))]
    tensors += [constant(f"p{i}", p) for i, p in enumerate(parameters)]
    return Model(tensors, [op], (0,), tuple(range(1, outputs + 1)), [stored(rng, given)])


def slice_(rng: Rng) -> Model:
    given = image(rng, 2)
    begin = np.array([rng.integers(0, n) for n in given], np.int32)
    length = np.array([rng.integers(1, n - b + 1) for n, b in zip(given, begin, strict=True)], np.int32)
    out = tuple(int(n) for n in length)
    if rng.random() < 0.5:
        out, length[1] = (out[0], int(given[1] - begin[1]), *out[2:]), -1
    return _copied(rng, given, out, O("SLICE", (0, 2, 3), (1,), "SliceOptions"), begin, length)


def strided_slice(rng: Rng) -> Model:
    given = image(rng, 3)
    stride = np.array([1, *rng.integers(1, 3, 3)], np.int32)
    begin = np.array([rng.integers(0, n) for n in given], np.int32)
    end = np.array([rng.integers(b + 1, n + 1) for n, b in zip(given, begin, strict=True)], np.int32)
    masks = {"beginMask": size(rng, 0, 16), "endMask": size(rng, 0, 16), "shrinkAxisMask": 0}
    out = []
    for i, (n, b, e, s) in enumerate(zip(given, begin, end, stride, strict=True)):
        first = 0 if masks["beginMask"] >> i & 1 else b
        last = n if masks["endMask"] >> i & 1 else e
        out.append(len(range(int(first), int(last), int(s))))
    op = O("STRIDED_SLICE", (0, 2, 3, 4), (1,), "StridedSliceOptions", masks)
    return _copied(rng, given, tuple(out), op, begin, end, stride)


def transpose(rng: Rng) -> Model:
    given, order = image(rng), rng.permutation(4).astype(np.int32)
    out = tuple(given[i] for i in order)
    return _copied(rng, given, out, O("TRANSPOSE", (0, 2), (1,), "TransposeOptions"), order)


def split(rng: Rng) -> Model:
    part, axis, count = image(rng), size(rng, 0, 4), size(rng, 1, 4)
    given = tuple(n * count if i == axis else n for i, n in enumerate(part))
    made = tuple(range(1, count + 1))
    op = O("SPLIT", (count + 1, 0), made, "SplitOptions", {"numSplits": count})
    return _copied(rng, given, part, op, np.array(axis, np.int32), outputs=count)


def depth_to_space(rng: Rng) -> Model:
    (n, h, w, c), block = image(rng), size(rng, 1, 4)
    op = O("DEPTH_TO_SPACE", (0,), (1,), "DepthToSpaceOptions", {"blockSize": block})
    return _copied(rng, (n, h, w, c * block**2), (n, h * block, w * block, c), op)


def space_to_depth(rng: Rng) -> Model:
    (n, h, w, c), block = image(rng), size(rng, 1, 4)
    op = O("SPACE_TO_DEPTH", (0,), (1,), "SpaceToDepthOptions", {"blockSize": block})
    return _copied(rng, (n, h * block, w * block, c), (n, h, w, c * block**2), op)


BUILDERS: dict[str, Callable[[Rng], Model]] = {
    "conv2d": conv2d,
    "depthwise_conv2d": depthwise_conv2d,
    "transpose_conv2d": transpose_conv2d,
    "add": add,
    "concat": concat,
    "requantize": requantize,
    "quantize": quantize,
    "dequantize": dequantize,
    "relu": relu,
    "relu6": relu6,
    "reshape": reshape,
    "pad": pad,
    "max_pool2d": max_pool2d,
    "sub": sub,
    "mul": mul,
    "fully_connected": fully_connected,
    "average_pool2d": average_pool2d,
    "mean": mean,
    "resize_bilinear": resize_bilinear,
    "resize_nearest": resize_nearest,
    "leaky_relu": leaky_relu,
    "logistic": logistic,
    "tanh": tanh,
    "hard_swish": hard_swish,
    "softmax": softmax,
    "strided_slice": strided_slice,
    "transpose": transpose,
    "split": split,
    "depth_to_space": depth_to_space,
    "space_to_depth": space_to_depth,
    "slice": slice_,
}
