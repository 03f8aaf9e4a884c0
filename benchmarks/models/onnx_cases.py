"""Random single operators for `.onnx` models, each with shapes, attributes and constants from a generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.models.onnx_files import Array, Case, Rng


def _image(rng: Rng, channels: int | None = None) -> tuple[int, int, int, int]:
    n, c, h, w = (int(v) for v in rng.integers((1, 1, 5, 5), (3, 9, 14, 14)))
    return (n, c if channels is None else channels, h, w)


def _reals(rng: Rng, *shape: int) -> Array:
    return rng.normal(0, 0.5, shape).astype(np.float32)


def _pick(rng: Rng, *options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def _windowed(rng: Rng, kernel: Sequence[int], dilated: bool = True) -> dict[str, Any]:
    pads = [int(rng.integers(0, k)) for k in (*kernel, *kernel)]
    attributes: dict[str, Any] = {"strides": [int(n) for n in rng.integers(1, 4, 2)], "pads": pads}
    if dilated:
        attributes["dilations"] = [int(n) for n in rng.integers(1, 3, 2)]
        attributes["pads"] = [p * d for p, d in zip(pads, attributes["dilations"] * 2, strict=True)]
    if rng.random() < 0.2:
        attributes["auto_pad"] = _pick(rng, "SAME_UPPER", "SAME_LOWER", "VALID")
        attributes.pop("pads")
        attributes.pop("dilations", None)
    return attributes


def conv(rng: Rng) -> Case:
    groups = _pick(rng, 1, 1, 2, 3)
    channels, filters = groups * int(rng.integers(1, 5)), groups * int(rng.integers(1, 6))
    kernel = [int(n) for n in rng.integers(1, 4, 2)]
    attributes = {**_windowed(rng, kernel), "group": groups, "kernel_shape": kernel}
    bias = _pick(rng, None, _reals(rng, filters))
    weights = _reals(rng, filters, channels // groups, *kernel)
    return Case("Conv", [_image(rng, channels)], attributes, weights, bias, grids=_pick(rng, "free", "relu"))


def depthwise(rng: Rng) -> Case:
    channels, multiplier = int(rng.integers(2, 9)), _pick(rng, 1, 1, 2)
    kernel = [int(n) for n in rng.integers(1, 5, 2)]
    attributes = {**_windowed(rng, kernel), "group": channels, "kernel_shape": kernel}
    weights, bias = _reals(rng, channels * multiplier, 1, *kernel), _reals(rng, channels * multiplier)
    return Case("Conv", [_image(rng, channels)], attributes, weights, bias)


def conv_relu(rng: Rng) -> Case:
    case = conv(rng)
    case.after, case.grids = "Relu", "relu"
    return case


def conv_transpose(rng: Rng) -> Case:
    groups = _pick(rng, 1, 1, 2)
    channels, filters = groups * int(rng.integers(1, 5)), int(rng.integers(1, 6))
    kernel, stride = [int(n) for n in rng.integers(1, 5, 2)], [int(n) for n in rng.integers(1, 4, 2)]
    pads = [int(rng.integers(0, k)) for k in (*kernel, *kernel)]
    extra = [int(rng.integers(0, s)) for s in stride]
    attributes = {"strides": stride, "pads": pads, "output_padding": extra, "group": groups, "kernel_shape": kernel}
    if rng.random() < 0.3:
        attributes |= {"dilations": [2, 2], "pads": [0, 0, 0, 0]}
    weights, bias = _reals(rng, channels, filters, *kernel), _reals(rng, filters * groups)
    return Case(
        "ConvTranspose", [_image(rng, channels)], attributes, weights, bias if groups == 1 else None, weights_axis=1
    )


def gemm(rng: Rng) -> Case:
    rows, size, filters = (int(n) for n in rng.integers(1, 40, 3))
    turned = _pick(rng, 0, 1)
    weights = _reals(rng, *((filters, size) if turned else (size, filters)))
    bias = _pick(rng, None, _reals(rng, filters))
    return Case("Gemm", [(rows, size)], {"transB": turned}, weights, bias, weights_axis=0 if turned else 1)


def matmul(rng: Rng) -> Case:
    rows, size, filters = (int(n) for n in rng.integers(1, 40, 3))
    return Case("MatMul", [(2, rows, size)], {}, _reals(rng, size, filters), weights_axis=1)


def binary(kind: str) -> Callable[[Rng], Case]:
    def made(rng: Rng) -> Case:
        shape = _image(rng)
        other = _pick(rng, shape, (1, shape[1], 1, 1), shape[1:], (1,))
        return Case(kind, [shape, other])

    return made


def unary(kind: str, **attributes: Any) -> Callable[[Rng], Case]:
    return lambda rng: Case(kind, [_image(rng)], dict(attributes))


def leaky_relu(rng: Rng) -> Case:
    return Case("LeakyRelu", [_image(rng)], {"alpha": float(rng.uniform(-0.5, 1.5))})


def prelu(rng: Rng) -> Case:
    shape = _image(rng)
    return Case("PRelu", [shape], constants=[_reals(rng, shape[1], 1, 1)])


def clip(rng: Rng) -> Case:
    low, high = np.float32(rng.uniform(-1, 0)), np.float32(rng.uniform(0, 2))
    return Case("Clip", [_image(rng)], constants=[_pick(rng, None, np.asarray(low)), np.asarray(high)])


def softmax(rng: Rng) -> Case:
    return Case("Softmax", [_image(rng)], {"axis": _pick(rng, 1, 2, -1)}, opset=_pick(rng, 13, 17))


def concat(rng: Rng) -> Case:
    shape, axis = _image(rng), int(rng.integers(0, 4))
    shapes = [tuple(n + i if j == axis else n for j, n in enumerate(shape)) for i in range(int(rng.integers(2, 5)))]
    return Case("Concat", shapes, {"axis": axis}, grids=_pick(rng, "free", "same"))


def pad(rng: Rng) -> Case:
    pads = rng.integers(-1, 4, 8) * np.array([0, 0, 1, 1, 0, 1, 1, 1])
    return Case("Pad", [_image(rng)], constants=[pads.astype(np.int64)], grids=_pick(rng, "free", "same"))


def reduce_mean(rng: Rng) -> Case:
    axes, keep = _pick(rng, [2, 3], [1], [-1, 1]), _pick(rng, 0, 1)
    if rng.random() < 0.5:
        return Case("ReduceMean", [_image(rng)], {"keepdims": keep}, constants=[np.array(axes)], opset=18)
    return Case("ReduceMean", [_image(rng)], {"axes": axes, "keepdims": keep})


def pool(kind: str) -> Callable[[Rng], Case]:
    def made(rng: Rng) -> Case:
        kernel = [int(n) for n in rng.integers(1, 5, 2)]
        attributes = {**_windowed(rng, kernel, dilated=False), "kernel_shape": kernel}
        if kind == "MaxPool" and "auto_pad" not in attributes:
            attributes["dilations"] = [int(n) for n in rng.integers(1, 3, 2)]
        if "auto_pad" in attributes:
            # ONNX Runtime refuses the negative padding that a window smaller than its stride would get.
            attributes["strides"] = [1, 1]
        if "auto_pad" not in attributes and "dilations" not in attributes:
            attributes["ceil_mode"] = _pick(rng, 0, 1)
        if kind == "AveragePool" and not attributes.get("ceil_mode"):
            attributes["count_include_pad"] = _pick(rng, 0, 1)
        return Case(kind, [_image(rng)], attributes, grids=_pick(rng, "free", "same"))

    return made


def resize(rng: Rng) -> Case:
    shape = _image(rng)
    mode = _pick(rng, "linear", "nearest")
    positions = _pick(rng, "half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel")
    attributes = {"mode": mode, "coordinate_transformation_mode": positions}
    if mode == "nearest":
        attributes["nearest_mode"] = _pick(rng, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    constants: list[Array | None] = [None, None, np.array([*shape[:2], *rng.integers(3, 30, 2)], np.int64)]
    if rng.random() < 0.5:
        constants = [None, np.array([1, 1, *(_pick(rng, 0.5, 1, 1.7, 2, 3) for _ in range(2))], np.float32)]
    return Case("Resize", [shape], attributes, constants=constants, grids=_pick(rng, "free", "same"))


def cut(rng: Rng) -> Case:
    constants = [np.array(v, np.int64) for v in ([1, -1], [1000, -1000], [2, 3], [2, -1])]
    return Case("Slice", [_image(rng)], constants=constants, grids=_pick(rng, "free", "same"))


def reshape(rng: Rng) -> Case:
    return Case("Reshape", [_image(rng)], constants=[np.array([0, -1], np.int64)], grids=_pick(rng, "free", "same"))


def transpose(rng: Rng) -> Case:
    return Case("Transpose", [_image(rng)], {"perm": [int(n) for n in rng.permutation(4)]}, grids="same")


def squeeze(rng: Rng) -> Case:
    n, _, h, w = _image(rng)
    return Case("Squeeze", [(n, 1, h, w)], constants=[np.array([1], np.int64)], grids="same")


def unsqueeze(rng: Rng) -> Case:
    return Case("Unsqueeze", [_image(rng)], constants=[np.array([0, -1], np.int64)], grids="same")


def flatten(rng: Rng) -> Case:
    return Case("Flatten", [_image(rng)], {"axis": int(rng.integers(0, 5))}, grids="same")


def split(rng: Rng) -> Case:
    n, c, h, w = _image(rng)
    sizes = np.array([c, c + 1], np.int64)
    return Case("Split", [(n, 2 * c + 1, h, w)], {"axis": 1}, constants=[sizes], outputs=2, grids="same")


def depth_to_space(rng: Rng) -> Case:
    block = _pick(rng, 2, 3)
    attributes = {"blocksize": block, "mode": _pick(rng, "DCR", "CRD")}
    return Case("DepthToSpace", [_image(rng, block**2 * int(rng.integers(1, 4)))], attributes, grids="same")


def space_to_depth(rng: Rng) -> Case:
    n, c, h, w = _image(rng)
    return Case("SpaceToDepth", [(n, c, 2 * h, 2 * w)], {"blocksize": 2}, grids="same")


def batch_normalization(rng: Rng) -> Case:
    shape = _image(rng)
    constants = [_reals(rng, shape[1]) for _ in range(3)]
    return Case("BatchNormalization", [shape], constants=[*constants, np.abs(_reals(rng, shape[1])) + np.float32(0.1)])


CASES: Mapping[str, Callable[[Rng], Case]] = {
    "add": binary("Add"),
    "average_pool": pool("AveragePool"),
    "batch_normalization": batch_normalization,
    "clip": clip,
    "concat": concat,
    "conv": conv,
    "conv_relu": conv_relu,
    "conv_transpose": conv_transpose,
    "depth_to_space": depth_to_space,
    "depthwise": depthwise,
    "div": binary("Div"),
    "flatten": flatten,
    "gemm": gemm,
    "global_average_pool": unary("GlobalAveragePool"),
    "hard_sigmoid": unary("HardSigmoid", alpha=0.3),
    "hard_swish": unary("HardSwish"),
    "identity": unary("Identity"),
    "leaky_relu": leaky_relu,
    "matmul": matmul,
    "max_pool": pool("MaxPool"),
    "mul": binary("Mul"),
    "pad": pad,
    "prelu": prelu,
    "reduce_mean": reduce_mean,
    "relu": unary("Relu"),
    "reshape": reshape,
    "resize": resize,
    "sigmoid": unary("Sigmoid"),
    "slice": cut,
    "softmax": softmax,
    "space_to_depth": space_to_depth,
    "split": split,
    "squeeze": squeeze,
    "sub": binary("Sub"),
    "tanh": unary("Tanh"),
    "transpose": transpose,
    "unsqueeze": unsqueeze,
}
"""Every operator of the reader, by name: a random model of it."""
