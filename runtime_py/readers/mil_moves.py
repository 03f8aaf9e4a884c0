"""Translators of MIL's operations that move values without arithmetic: shapes, slices, concatenation and padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_py.readers.mil_call import Call

PAD_MODES: Mapping[str, str] = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
"""MIL's ways of padding by name, and the Program's."""


def reshaped(call: Call) -> None:
    """The same values under the declared shape."""
    call.emit("reshape", (call.tensor("x"),))


def concat(call: Call) -> None:
    call.require(not call.boolean("interleave"), "interleaves, which is not supported")
    call.emit("concat", call.tensors("values"), axis=call.integer("axis"))


def stack(call: Call) -> None:
    """A concatenation along a new axis."""
    shape, axis = call.output.shape, call.integer("axis")
    call.require(-len(shape) <= axis < len(shape), f"has axis {axis} for shape {shape}")
    single = tuple(1 if i == axis % len(shape) else n for i, n in enumerate(shape))
    parts = [call.assembly.made("reshape", (i,), single, call.place) for i in call.tensors("values")]
    call.emit("concat", parts, axis=axis)


def split(call: Call) -> None:
    """Equal or unequal parts, each as a slice."""
    index, axis = call.tensor("x"), call.integer("axis")
    shape = call.shape(index)
    call.require(-len(shape) <= axis < len(shape), f"has axis {axis} for shape {shape}")
    axis, first = axis % len(shape), 0
    for part in call.operation.outputs:
        call.require(len(part.shape) == len(shape), f"makes the shape {part.shape} out of {shape}")
        begin = tuple(first if i == axis else 0 for i in range(len(shape)))
        made = call.written(part, index)
        call.assembly.op("slice", (index,), (made,), call.place, begin=begin, size=part.shape)
        first += part.shape[axis]
    call.require(first == shape[axis], f"cuts {first} cells out of {shape[axis]}")


def slice_by_index(call: Call) -> None:
    index = call.tensor("x")
    rank = len(call.shape(index))
    none = (0,) * rank
    attrs: dict[str, Any] = {name: call.numbers(name) for name in ("begin", "end")}
    attrs["stride"] = call.numbers("stride", (1,) * rank)
    masks = {"begin_mask": "begin_mask", "end_mask": "end_mask", "shrink_mask": "squeeze_mask"}
    for attr, name in masks.items():
        attrs[attr] = sum(bool(bit) << i for i, bit in enumerate(call.numbers(name, none)))
    call.emit("strided_slice", (index,), **attrs)


def slice_by_size(call: Call) -> None:
    call.emit("slice", (call.tensor("x"),), begin=call.numbers("begin"), size=call.numbers("size"))


def pad(call: Call) -> None:
    """`pad` has pairs for the last axes only."""
    index, flat = call.tensor("x"), call.numbers("pad")
    rank = len(call.shape(index))
    call.require(len(flat) % 2 == 0 and len(flat) <= 2 * rank, f"has paddings {flat} for rank {rank}")
    pairs = tuple(zip(flat[::2], flat[1::2], strict=True))
    paddings = ((0, 0),) * (rank - len(pairs)) + pairs
    mode = call.text("mode", "constant")
    call.require(mode in PAD_MODES, f"pads by '{mode}'; known are: {', '.join(PAD_MODES)}")
    value = call.real("constant_val", 0.0)
    call.emit("pad", (index,), paddings=paddings, mode=PAD_MODES[mode], value=value)


def transpose(call: Call) -> None:
    index, order = call.tensor("x"), call.numbers("perm")
    rank = len(call.shape(index))
    call.emit("transpose", (index,), permutation=tuple(axis % max(rank, 1) for axis in order))


def crop(call: Call) -> None:
    """Cells cut off both ends of the last two axes."""
    index = call.tensor("x")
    rows, columns, shape = call.numbers("crop_height"), call.numbers("crop_width"), call.shape(index)
    call.require(len(rows) == 2 and len(columns) == 2 and len(shape) >= 2, f"crops {shape} by {rows} and {columns}")
    begin = (0,) * (len(shape) - 2) + (rows[0], columns[0])
    call.emit("slice", (index,), begin=begin, size=call.output.shape)


def reverse(call: Call) -> None:
    """A slice that runs backwards along some axes."""
    index = call.tensor("x")
    rank = len(call.shape(index))
    axes = call.numbers("axes", range(rank))
    call.require(all(-rank <= axis < rank for axis in axes), f"has axes {axes} for rank {rank}")
    backwards = {axis % rank for axis in axes}
    every = (1 << rank) - 1
    stride = tuple(-1 if i in backwards else 1 for i in range(rank))
    attrs: dict[str, Any] = {"begin": (0,) * rank, "end": (0,) * rank, "stride": stride, "shrink_mask": 0}
    attrs |= {"begin_mask": every, "end_mask": every}
    call.emit("strided_slice", (index,), **attrs)
