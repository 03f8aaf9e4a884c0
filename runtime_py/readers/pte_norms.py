"""ExecuTorch's portable normalisations, in terms of means, products and sums of float32 values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from runtime_py.readers.pte_calls import Array, Call


def _batch_norm(call: Call) -> None:
    """One factor and one offset for each channel, from constants."""
    given = call[0]
    weight, bias = _optional(call, 1), _optional(call, 2)
    mean, variance = call.constant(3), call.constant(4)
    factor = (1 if weight is None else weight) / np.sqrt(variance + np.float32(call.real(6)))
    offset = (0 if bias is None else bias) - mean * factor
    if len(given.shape) < 2 or {factor.shape, offset.shape} != {(given.shape[1],)}:
        raise call.error(f"normalises {list(given.shape)} by {factor.size} channels")
    _scaled(call, call.tensor(0), factor, offset, _along_channels(call), 7)


def _instance_norm(call: Call) -> None:
    """A batch norm by the batch's own statistics: of each channel over all other axes."""
    rank = len(call[0].shape)
    axes = tuple(axis for axis in range(rank) if axis != 1)
    normal = _normalised(call, call.tensor(0), axes, call.real(5))
    _scaled(call, normal, _optional(call, 1), _optional(call, 2), _along_channels(call), 6)


def _layer_norm(call: Call) -> None:
    """Over the last axes, as many as `normalized_shape` has."""
    rank, last = len(call[0].shape), len(call.integers(1))
    if not 0 < last <= rank:
        raise call.error(f"normalises over {last} axes of {rank}")
    normal = _normalised(call, call.tensor(0), tuple(range(rank - last, rank)), call.real(4))
    _scaled(call, normal, _optional(call, 2), _optional(call, 3), call[0].shape[rank - last :], 5)


def _group_norm(call: Call) -> None:
    """Over the channels of a group and all pixels."""
    given, groups = call[0].shape, call.integer(6)
    if len(given) < 2 or groups < 1 or given[1] % groups:
        raise call.error(f"cannot normalise {list(given)} in {groups} groups")
    shape = (given[0], groups, math.prod(given[1:]) // groups)
    apart = call.assembly.made("reshape", (call.tensor(0),), shape, call.where)
    normal = _normalised(call, apart, (2,), call.real(7))
    whole = call.assembly.made("reshape", (normal,), given, call.where)
    _scaled(call, whole, _optional(call, 1), _optional(call, 2), _along_channels(call), 8)


def _optional(call: Call, position: int) -> Array | None:
    return None if call.absent(position) else call.constant(position)


def _along_channels(call: Call) -> tuple[int, ...]:
    return (-1, *(1 for _ in call[0].shape[2:]))


def _normalised(call: Call, given: int, axes: tuple[int, ...], epsilon: float) -> int:
    """`(x - mean) / sqrt(variance + epsilon)` over the axes."""
    assembly, shape = call.assembly, call.assembly[given].shape
    narrow = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    reduced = {"axes": axes, "keep_dims": True}
    mean = assembly.made("mean", (given,), narrow, call.where, **reduced)
    centred = assembly.made("sub", (given, mean), shape, call.where, activation="none")
    squared = assembly.made("square", (centred,), shape, call.where)
    variance = assembly.made("mean", (squared,), narrow, call.where, **reduced)
    small = assembly.splat(f"{call.where}:epsilon", epsilon)
    positive = assembly.made("add", (variance, small), narrow, call.where, activation="none")
    inverse = assembly.made("reciprocal_square_root", (positive,), narrow, call.where)
    return assembly.made("mul", (centred, inverse), shape, call.where, activation="none")


def _scaled(call: Call, given: int, factor: Array | None, offset: Array | None, shape: Sequence[int], out: int) -> None:
    """`given * factor + offset`, both constants seen under `shape`, into the tensor at `out`."""
    operands = []
    for name, data, neutral in (("factor", factor, 1), ("offset", offset, 0)):
        data = np.full(1, neutral, np.float32) if data is None else data
        try:
            known = data.astype(np.float32).reshape((1,) if data.size == 1 else tuple(shape))
        except ValueError as e:
            raise call.error(f"scales by {data.size} numbers, which do not fit {list(shape)}") from e
        operands.append(call.assembly.constant(f"{call.where}:{name}", known))
    scaled = call.assembly.made("mul", (given, operands[0]), call[0].shape, call.where, activation="none")
    call.emit("add", (scaled, operands[1]), out, activation="none")


NORM_KERNELS: Mapping[str, Callable[[Call], None]] = {
    "aten::_native_batch_norm_legit.no_stats_out": _instance_norm,
    "aten::_native_batch_norm_legit_no_training.out": _batch_norm,
    "aten::native_group_norm.out": _group_norm,
    "aten::native_layer_norm.out": _layer_norm,
}
"""Every normalisation that is read, by operator and overload."""
