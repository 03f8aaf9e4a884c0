"""Random models of one operation that converters emit now and then: reductions, comparisons, selections, casts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.models.draw import Array, Rng, broadcastable, image, scale, shape, size, stored, zero
from benchmarks.models.tflite import Model, O, T, constant

Grid = tuple[float, int]


def _of_two(rng: Rng, op: O, out: T, same_grid: bool, first: tuple[int, ...], second: tuple[int, ...]) -> Model:
    grids = [(scale(rng, 0.01, 0.9), zero(rng)) for _ in range(2)]
    if same_grid:
        grids[1] = grids[0]
        if out.scale is None and out.dtype == "int8":
            out.scale, out.zero = grids[0]
    tensors = [T("first", first, "int8", *grids[0]), T("second", second, "int8", *grids[1]), out]
    return Model(tensors, [op], (0, 1), (2,), [stored(rng, first), stored(rng, second)])


def extremum(name: str) -> Callable[[Rng], Model]:
    """MAXIMUM or MINIMUM of two tensors on one grid."""

    def build(rng: Rng) -> Model:
        first = shape(rng)
        second = broadcastable(rng, first) if rng.random() < 0.5 else first
        op = O(name, (0, 1), (2,), "MaximumMinimumOptions")
        return _of_two(rng, op, T("y", first, "int8"), True, first, second)

    return build


def squared_difference(rng: Rng) -> Model:
    first = shape(rng)
    second = broadcastable(rng, first) if rng.random() < 0.5 else first
    op = O("SQUARED_DIFFERENCE", (0, 1), (2,), "SquaredDifferenceOptions")
    return _of_two(rng, op, T("y", first, "int8", scale(rng, 0.05, 5), zero(rng)), False, first, second)


def divide(rng: Rng) -> Model:
    """Divisors keep away from zero, where kernels are undefined."""
    first = image(rng)
    second = broadcastable(rng, first) if rng.random() < 0.5 else first
    op = O("DIV", (0, 1), (2,), "DivOptions", {"fusedActivationFunction": int(rng.choice([0, 1, 3]))})
    made = _of_two(rng, op, T("y", first, "int8", scale(rng, 0.05, 5), zero(rng)), False, first, second)
    divisor, unit = made.arrays[1], int(made.tensors[1].zero)
    made.arrays[1] = np.where(divisor == unit, unit + (1 if unit < 127 else -1), divisor).astype(np.int8)
    return made


def compare(name: str) -> Callable[[Rng], Model]:
    """GREATER and its sisters."""

    def build(rng: Rng) -> Model:
        first = shape(rng)
        second = broadcastable(rng, first) if rng.random() < 0.5 else first
        options = {"GREATER": "GreaterOptions", "LESS_EQUAL": "LessEqualOptions", "EQUAL": "EqualOptions"}[name]
        return _of_two(rng, O(name, (0, 1), (2,), options), T("y", first, "bool"), rng.random() < 0.4, first, second)

    return build


def prelu(rng: Rng) -> Model:
    """One slope per channel, or one in all."""
    given = image(rng)
    slopes = (1, 1, given[3]) if rng.random() < 0.7 else (1,) * 3
    s = scale(rng)
    tensors = [
        T("x", given, "int8", s, zero(rng)),
        constant("slope", stored(rng, slopes), scale(rng, 1e-3, 0.02), zero(rng)),
        T("y", given, "int8", s * rng.uniform(0.3, 2), zero(rng)),
    ]
    return Model(tensors, [O("PRELU", (0, 1), (2,))], (0,), (2,), [stored(rng, given)])


def reduction(name: str) -> Callable[[Rng], Model]:
    """REDUCE_MAX, REDUCE_MIN or SUM over any axes."""

    def build(rng: Rng) -> Model:
        given, keep = shape(rng), bool(rng.random() < 0.5)
        axes = rng.permutation(len(given))[: size(rng, 1, len(given) + 1)]
        out = tuple(1 if i in axes else n for i, n in enumerate(given) if keep or i not in axes)
        s, z = scale(rng), zero(rng)
        to = (s, z) if name != "SUM" else (s * float(np.prod([given[i] for i in axes])) * 0.5, zero(rng))
        signed = np.where(rng.random(len(axes)) < 0.3, axes - len(given), axes).astype(np.int32)
        tensors = [T("x", given, "int8", s, z), T("y", out, "int8", *to), constant("axes", signed)]
        op = O(name, (0, 2), (1,), "ReducerOptions", {"keepDims": keep})
        return Model(tensors, [op], (0,), (1,), [stored(rng, given)])

    return build


def table(name: str, options: str = "", positive: bool = False) -> Callable[[Rng], Model]:
    """A function of one value that kernels tabulate; `positive` keeps inputs above zero."""

    def build(rng: Rng) -> Model:
        given = shape(rng)
        x = T("x", given, "int8", scale(rng, 0.005, 0.1), -128 if positive else zero(rng))
        array = stored(rng, given)
        if positive:
            array = np.maximum(array, -127).astype(np.int8)
        tensors = [x, T("y", given, "int8", scale(rng, 0.005, 0.1), zero(rng))]
        return Model(tensors, [O(name, (0,), (1,), options)], (0,), (1,), [array])

    return build


def batch_matmul(rng: Rng) -> Model:
    batch = tuple(size(rng, 1, 4) for _ in range(size(rng, 0, 3)))
    m, k, n = size(rng), size(rng, 1, 40), size(rng)
    turn_a, turn_b = bool(rng.random() < 0.4), bool(rng.random() < 0.4)
    first = (*batch, k, m) if turn_a else (*batch, m, k)
    second = (*batch, n, k) if turn_b else (*batch, k, n)
    op = O("BATCH_MATMUL", (0, 1), (2,), "BatchMatMulOptions", {"adjX": turn_a, "adjY": turn_b})
    made = _of_two(rng, op, T("y", (*batch, m, n), "int8"), False, first, second)
    made.tensors[2].scale = float(made.tensors[0].scale * made.tensors[1].scale * 60 * np.sqrt(k))
    made.tensors[2].zero = zero(rng)
    return made


def stack(rng: Rng) -> Model:
    given, count = shape(rng)[:4], size(rng, 1, 5)
    axis = size(rng, 0, len(given) + 1)
    out = (*given[:axis], count, *given[axis:])
    grid = scale(rng), zero(rng)
    tensors = [*(T(f"x{i}", given, "int8", *grid) for i in range(count)), T("y", out, "int8", *grid)]
    order = tuple(range(count))
    op = O("PACK", order, (count,), "PackOptions", {"axis": axis, "valuesCount": count})
    return Model(tensors, [op], order, (count,), [stored(rng, given) for _ in order])


def unstack(rng: Rng) -> Model:
    given = shape(rng)
    axis = size(rng, 0, len(given))
    out, grid = (*given[:axis], *given[axis + 1 :]), (scale(rng), zero(rng))
    made = tuple(range(1, given[axis] + 1))
    tensors = [T("x", given, "int8", *grid), *(T(f"y{i}", out, "int8", *grid) for i in made)]
    op = O("UNPACK", (0,), made, "UnpackOptions", {"axis": axis, "num": given[axis]})
    return Model(tensors, [op], (0,), made, [stored(rng, given)])


def padv2(rng: Rng) -> Model:
    given, grid = image(rng), (scale(rng), zero(rng))
    pairs = rng.integers(0, 4, (4, 2)).astype(np.int32)
    out = tuple(int(n + p.sum()) for n, p in zip(given, pairs, strict=True))
    tensors = [
        T("x", given, "int8", *grid),
        T("y", out, "int8", *grid),
        constant("p", pairs),
        constant("v", stored(rng, (1,)), *grid),
    ]
    return Model(tensors, [O("PADV2", (0, 2, 3), (1,), "PadV2Options")], (0,), (1,), [stored(rng, given)])


def mirror_pad(rng: Rng) -> Model:
    given, grid = image(rng, 3), (scale(rng), zero(rng))
    mode = size(rng, 0, 2)
    most = [max(n - 1 + mode, 0) for n in given]
    pairs = np.array([[rng.integers(0, min(m, 3) + 1) for _ in range(2)] for m in most], np.int32)
    out = tuple(int(n + p.sum()) for n, p in zip(given, pairs, strict=True))
    tensors = [T("x", given, "int8", *grid), T("y", out, "int8", *grid), constant("p", pairs)]
    op = O("MIRROR_PAD", (0, 2), (1,), "MirrorPadOptions", {"mode": mode})
    return Model(tensors, [op], (0,), (1,), [stored(rng, given)])


def split_v(rng: Rng) -> Model:
    given, grid = shape(rng), (scale(rng), zero(rng))
    axis = size(rng, 0, len(given))
    cut = size(rng, 0, given[axis] + 1)
    parts = [cut, given[axis] - cut] if 0 < cut < given[axis] else [given[axis]]
    outs = [(*given[:axis], n, *given[axis + 1 :]) for n in parts]
    tensors = [T("x", given, "int8", *grid), *(T(f"y{i}", o, "int8", *grid) for i, o in enumerate(outs))]
    made = tuple(range(1, len(outs) + 1))
    if rng.random() < 0.3:
        parts[-1] = -1
    tensors += [constant("s", np.array(parts, np.int32)), constant("axis", np.array(axis, np.int32))]
    op = O("SPLIT_V", (0, len(outs) + 1, len(outs) + 2), made, "SplitVOptions", {"numSplits": len(outs)})
    return Model(tensors, [op], (0,), made, [stored(rng, given)])


def cast(rng: Rng) -> Model:
    """Between float32, int32 and booleans."""
    given = shape(rng)
    numbers: dict[str, Array] = {
        "float32": (rng.normal(0, 50, given)).astype(np.float32),
        "int32": rng.integers(-1000, 1000, given).astype(np.int32),
        "int64": rng.integers(-1000, 1000, given),
        "bool": rng.random(given) < 0.5,
        "int8": stored(rng, given),
    }
    source, target = (str(n) for n in rng.choice(list(numbers), 2, replace=False))
    if source == "float32" and target == "int8":
        target = "int32"
    tensors = [T("x", given, source), T("y", given, target)]
    return Model(tensors, [O("CAST", (0,), (1,), "CastOptions")], (0,), (1,), [numbers[source]])


def squeezed(rng: Rng) -> Model:
    """SQUEEZE or EXPAND_DIMS."""
    given, grid = (1, size(rng), 1, size(rng)), (scale(rng), zero(rng))
    if rng.random() < 0.5:
        out: tuple[int, ...] = (given[1], given[3])
        op = O("SQUEEZE", (0,), (1,), "SqueezeOptions", {"squeezeDims": [0, 2]})
    else:
        out = (1, 1, *given[1:])
        op = O("EXPAND_DIMS", (0, 2), (1,), "ExpandDimsOptions")
    tensors = [T("x", given, "int8", *grid), T("y", out, "int8", *grid), constant("axis", np.array(1, np.int32))]
    return Model(tensors, [op], (0,), (1,), [stored(rng, given)])


def gather(rng: Rng) -> Model:
    given, grid = shape(rng), (scale(rng), zero(rng))
    axis = size(rng, 0, len(given))
    picked = rng.integers(0, given[axis], size(rng, 1, 6)).astype(np.int32)
    out = (*given[:axis], len(picked), *given[axis + 1 :])
    tensors = [T("x", given, "int8", *grid), T("y", out, "int8", *grid), constant("i", picked)]
    op = O("GATHER", (0, 2), (1,), "GatherOptions", {"axis": axis})
    return Model(tensors, [op], (0,), (1,), [stored(rng, given)])


OTHER_OPS: dict[str, Any] = {
    "maximum": extremum("MAXIMUM"),
    "minimum": extremum("MINIMUM"),
    "squared_difference": squared_difference,
    "div": divide,
    "greater": compare("GREATER"),
    "less_equal": compare("LESS_EQUAL"),
    "equal": compare("EQUAL"),
    "prelu": prelu,
    "reduce_max": reduction("REDUCE_MAX"),
    "reduce_min": reduction("REDUCE_MIN"),
    "sum": reduction("SUM"),
    "exponential": table("EXP", "ExpOptions"),
    "logarithm": table("LOG", positive=True),
    "square_root": table("SQRT", positive=True),
    "reciprocal_square_root": table("RSQRT", positive=True),
    "gelu": table("GELU", "GeluOptions"),
    "absolute": table("ABS", "AbsOptions"),
    "elu": table("ELU"),
    "negate": table("NEG", "NegOptions"),
    "relu_0_to_1": table("RELU_0_TO_1"),
    "relu_n1_to_1": table("RELU_N1_TO_1"),
    "batch_matmul": batch_matmul,
    "stack": stack,
    "unstack": unstack,
    "padv2": padv2,
    "mirror_pad": mirror_pad,
    "split_v": split_v,
    "cast": cast,
    "squeeze": squeezed,
    "gather": gather,
}
