"""Random models of one operation that only moves values, in int8."""

from __future__ import annotations

import numpy as np

from benchmarks.models.draw import Array, Rng, image, scale, size, stored, zero
from benchmarks.models.tflite import Model, O, T, constant


def concat(rng: Rng) -> Model:
    shape, axis, count = image(rng), size(rng, 0, 4), size(rng, 2, 6)
    s, z = scale(rng), zero(rng)
    shapes = [tuple(size(rng) if i == axis else n for i, n in enumerate(shape)) for _ in range(count)]
    out = tuple(sum(p[i] for p in shapes) if i == axis else n for i, n in enumerate(shape))
    tensors = [T(f"x{i}", p, "int8", s, z) for i, p in enumerate(shapes)] + [T("y", out, "int8", s, z)]
    order = tuple(range(count))
    op = O("CONCATENATION", order, (count,), "ConcatenationOptions", {"axis": axis - (4 if rng.random() < 0.5 else 0)})
    return Model(tensors, [op], order, (count,), [stored(rng, p) for p in shapes])


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
