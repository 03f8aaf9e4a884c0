"""Random models of one pooling, mean or resize in int8."""

from __future__ import annotations

import numpy as np

from benchmarks.models.draw import Rng, image, scale, size, stored, zero
from benchmarks.models.tflite import Model, O, T, constant
from benchmarks.models.weighted import geometry


def _pool(rng: Rng, name: str) -> Model:
    (n, h, w, c), kernel, fields, _ = geometry(rng)
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
