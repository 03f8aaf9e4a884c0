"""ExecuTorch's portable kernels that only move or copy values, as operations of a Program.

Positions of arguments are those of the operator's schema with its `out` argument last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from runtime_py.readers.pte_calls import Call

Read = Callable[[Call], None]


def _reshape(out: int) -> Read:
    return lambda call: call.emit_copy("reshape", call.tensor(0), out)


def _concat(call: Call) -> None:
    inputs = call.tensors(0)
    if not inputs:
        raise call.error("joins no tensors")
    call.inherit(inputs[0], call.target(2))
    call.emit("concat", inputs, 2, axis=call.integer(1, 0))


def _permute(call: Call) -> None:
    order = tuple(axis % max(len(call[0].shape), 1) for axis in call.integers(1))
    call.emit_copy("transpose", call.tensor(0), 2, permutation=order)


def _swap(call: Call) -> None:
    order = list(range(len(call[0].shape)))
    first, second = call.axis(1, len(order)), call.axis(2, len(order))
    order[first], order[second] = order[second], order[first]
    call.emit_copy("transpose", call.tensor(0), 3, permutation=tuple(order))


def _slice(call: Call) -> None:
    shape = call[0].shape
    axis = call.axis(1, len(shape))
    begin, end, stride = [0] * len(shape), list(shape), [1] * len(shape)
    begin[axis] = call.integer(2, 0)
    end[axis] = min(call.integer(3, shape[axis]), shape[axis])
    stride[axis] = call.integer(4, 1)
    _strided(call, 5, begin, end, stride, 0)


def _select(call: Call) -> None:
    shape = call[0].shape
    axis, cell = call.axis(1, len(shape)), call.integer(2)
    begin = [cell if i == axis else 0 for i in range(len(shape))]
    _strided(call, 3, begin, list(shape), [1] * len(shape), 1 << axis)


def _strided(call: Call, out: int, begin: list[int], end: list[int], stride: list[int], shrink: int) -> None:
    attrs = {"begin": tuple(begin), "end": tuple(end), "stride": tuple(stride)}
    masks = {"begin_mask": 0, "end_mask": 0, "shrink_mask": shrink}
    call.emit_copy("strided_slice", call.tensor(0), out, **attrs, **masks)


def _split(call: Call) -> None:
    axis, size = call.axis(2, len(call[0].shape)), call.integer(1)
    total = call[0].shape[axis]
    if not 0 < size <= max(total, 1):
        raise call.error(f"cuts {total} cells into parts of {size}")
    _parts(call, axis, [min(size, total - first) for first in range(0, total, size)])


def _split_with_sizes(call: Call) -> None:
    _parts(call, call.axis(2, len(call[0].shape)), list(call.integers(1)))


def _parts(call: Call, axis: int, sizes: list[int]) -> None:
    given, outs = call.tensor(0), call.targets(3)
    shape = call.assembly[given].shape
    if len(outs) != len(sizes):
        raise call.error(f"cuts into {len(sizes)} parts and has {len(outs)} outputs")
    first = 0
    for out, size in zip(outs, sizes, strict=True):
        begin = tuple(first if i == axis else 0 for i in range(len(shape)))
        those = tuple(size if i == axis else n for i, n in enumerate(shape))
        call.inherit(given, out)
        call.assembly.op("slice", (given,), (out,), call.where, begin=begin, size=those)
        first += size


def _pad(call: Call) -> None:
    """Pairs of paddings start at the last axis."""
    pairs, rank = call.integers(1), len(call[0].shape)
    if len(pairs) % 2 or len(pairs) > 2 * rank:
        raise call.error(f"has {len(pairs)} paddings for rank {rank}")
    if min(pairs, default=0) < 0:
        raise call.error(f"has the paddings {pairs}; cutting by negative ones is not supported")
    after = [(pairs[i], pairs[i + 1]) for i in range(0, len(pairs), 2)][::-1]
    paddings = (*((0, 0) for _ in range(rank - len(after))), *after)
    call.inherit(call.tensor(0), call.target(3))
    call.emit("pad", (call.tensor(0),), 3, paddings=paddings, value=call.real(2, 0))


def _copy_of_any_type(out: int) -> Read:
    def read(call: Call) -> None:
        if call[0].dtype == call[out].dtype:
            call.emit_copy("reshape", call.tensor(0), out)
        else:
            call.emit("cast", (call.tensor(0),), out)

    return read


def _expand(call: Call) -> None:
    call.emit_copy("broadcast_to", call.tensor(0), 3, shape=call[3].shape)


def _repeat(call: Call) -> None:
    """Axes that the input lacks stand before its own."""
    repeats, given = call.integers(1), call[0].shape
    if len(repeats) < len(given):
        raise call.error(f"repeats {list(given)} {repeats} times")
    shape = (*(1 for _ in repeats[len(given) :]), *given)
    call.inherit(call.tensor(0), call.target(2))
    wide = call.assembly.made("reshape", (call.tensor(0),), shape, call.where)
    call.emit("tile", (wide,), 2, repeats=repeats)


def _full(call: Call) -> None:
    out = call[2]
    if out.dtype == "int8":
        raise call.error("fills integers on a grid that is not known")
    value = np.broadcast_to(np.array(call.real(1)).astype(out.dtype), out.shape)
    call.emit("reshape", (call.assembly.constant(f"{call.where}:value", value),), 2)


def _select_by_truth(call: Call) -> None:
    call.inherit(call.tensor(1), call.target(3))
    call.emit("select", (call.tensor(0), call.tensor(1), call.tensor(2)), 3)


MOVING_KERNELS: Mapping[str, Read] = {
    "aten::_to_copy.out": _copy_of_any_type(3),
    "aten::alias_copy.out": _reshape(1),
    "aten::cat.out": _concat,
    "aten::clone.out": _reshape(2),
    "aten::constant_pad_nd.out": _pad,
    "aten::detach_copy.out": _reshape(1),
    "aten::expand_copy.out": _expand,
    "aten::flip.out": lambda call: call.emit_copy("reverse", call.tensor(0), 2, axes=call.integers(1)),
    "aten::full.out": _full,
    "aten::lift_fresh_copy.out": _reshape(1),
    "aten::permute_copy.out": _permute,
    "aten::repeat.out": _repeat,
    "aten::select_copy.int_out": _select,
    "aten::slice_copy.Tensor_out": _slice,
    "aten::split_copy.Tensor_out": _split,
    "aten::split_with_sizes_copy.out": _split_with_sizes,
    "aten::squeeze_copy.dim_out": _reshape(2),
    "aten::squeeze_copy.dims_out": _reshape(2),
    "aten::t_copy.out": lambda call: call.emit_copy("transpose", call.tensor(0), 1, permutation=(1, 0)),
    "aten::transpose_copy.int_out": _swap,
    "aten::unsqueeze_copy.out": _reshape(2),
    "aten::view_copy.out": _reshape(2),
    "aten::where.self_out": _select_by_truth,
    "dim_order_ops::_clone_dim_order.out": _copy_of_any_type(3),
    "dim_order_ops::_to_dim_order_copy.out": _copy_of_any_type(3),
    "executorch_prim::et_view.default": _reshape(2),
}
"""Every kernel that is read here, by operator and overload."""
