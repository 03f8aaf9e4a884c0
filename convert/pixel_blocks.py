"""An integer program's narrow operations on blocks of pixels instead: the same integers, sooner, on LiteRT's CPU.

XNNPACK computes 16 output channels at once from 4 or 8 input channels at once, and copies pixels one by one where
channels are joined. So one output channel costs as much as 16, two input channels as much as eight, and joining two
one-channel views more than any convolution of a small student. Where several neighbouring pixels are the channels,
nothing is wasted. Weights that a block does not use are 0, which adds nothing to an integer sum; scales are repeated.
(benchmarks/node_times.py measures each node.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Quant, Tensor

SQUARE = {"stride": (1, 1), "dilation": (1, 1)}


def with_pixel_blocks(program: Program) -> Program:
    """`program` with every operation of FORMS that it has replaced; other operations, and a float program, are kept.

    Tensors keep their names and grids; weights, biases and the joined views have other shapes. Every other tensor keeps
    its integers, in every dialect.
    """
    building = _Building(program)
    for position, op in enumerate(program.ops):
        if position not in building.replaced and not any(form(building, position) for form in FORMS):
            building.ops.append(op)
    return building.program()


class _Building:
    """The program as it grows: old tensors keep their numbers until the end, new ones follow them."""

    def __init__(self, source: Program) -> None:
        self.source = source
        self.tensors = list(source.tensors)
        self.ops: list[Op] = []
        self.replaced: set[int] = set()

    def shape(self, index: int) -> tuple[int, ...]:
        return self.tensors[index].shape

    def users(self, index: int) -> list[int]:
        return [i for i, op in enumerate(self.source.ops) if index in op.inputs]

    def is_int8(self, op: Op) -> bool:
        return all(self.tensors[i].dtype == "int8" for i in (*op.inputs[:2], *op.outputs))

    def view(self, index: int, name: str, shape: Sequence[int]) -> int:
        """A new activation on the grid of `index`."""
        self.tensors.append(replace(self.tensors[index], name=name, shape=tuple(shape)))
        return len(self.tensors) - 1

    def op(self, kind: str, inputs: Sequence[int], output: int, where: str, **attrs: Any) -> int:
        self.ops.append(Op(kind, tuple(inputs), (output,), attrs, where))
        return output

    def weights(self, op: Op, weight: NDArray[np.int8], copies: int) -> tuple[int, int]:
        """The weights in their new shape and the bias, for `copies` times the channels, under their old names."""
        bias = self.constant(op.inputs[2])
        return self._again(op.inputs[1], weight, copies), self._again(op.inputs[2], np.tile(bias, copies), copies)

    def constant(self, index: int) -> NDArray[Any]:
        data = self.tensors[index].data
        if data is None:
            raise DpocketError(f"'{self.tensors[index].name}' should be a constant; report it as a defect")
        return data

    def _again(self, index: int, data: NDArray[Any], copies: int) -> int:
        old = self.tensors[index]
        steps = None if old.quant is None else _repeated(old.quant, copies)
        self.tensors.append(Tensor(old.name, data.shape, old.dtype, steps, np.ascontiguousarray(data)))
        return len(self.tensors) - 1

    def program(self) -> Program:
        """The finished program, without the tensors that nothing uses any more."""
        source = self.source
        used = {i for op in self.ops for i in (*op.inputs, *op.outputs)} | {*source.inputs, *source.outputs}
        number = {old: new for new, old in enumerate(sorted(used))}
        ops = [
            replace(op, inputs=_renumbered(op.inputs, number), outputs=_renumbered(op.outputs, number))
            for op in self.ops
        ]
        return replace(
            source,
            tensors=tuple(self.tensors[i] for i in number),
            ops=tuple(ops),
            inputs=_renumbered(source.inputs, number),
            outputs=_renumbered(source.outputs, number),
        )


def _renumbered(indices: Sequence[int], number: dict[int, int]) -> tuple[int, ...]:
    return tuple(number[i] for i in indices)


def _repeated(quant: Quant, copies: int) -> Quant:
    return Quant(np.tile(quant.scale, copies), np.tile(quant.zero_point, copies), 0)


def _joined_stem(b: _Building, position: int) -> bool:
    """Two one-channel views, joined, under a 4×4 convolution of stride 2: blocks of 2×4 pixels of both as 16 channels.

    Joined along the width, the rows of both views alternate, so that a 4×4 block of that tall picture is a 2×4 block
    of each view. With one row and column of padding before, the 4×6 pixels under two neighbouring outputs lie in 2×2
    blocks.
    """
    join = b.source.ops[position]
    users = b.users(join.outputs[0])
    if join.kind != "concat" or join.attrs["axis"] != 3 or len(join.inputs) != 2 or len(users) != 1:
        return False
    conv, shape = b.source.ops[users[0]], b.shape(join.inputs[0])
    if not _is_convolution(b, conv, kernel=(4, 4), stride=(2, 2)) or join.outputs[0] in b.source.outputs:
        return False
    if any(b.shape(i) != (1, *shape[1:3], 1) for i in join.inputs) or shape[1] % 2 or shape[2] % 4:
        return False
    _, height, width, _ = shape
    name, out = b.tensors[join.outputs[0]].name, conv.outputs[0]
    rows = b.view(join.inputs[0], name, (1, height, 2 * width, 1))
    b.op("concat", join.inputs, rows, join.where, axis=2)
    # With the width innermost XNNPACK pads row by row; with one channel innermost, pixel by pixel (100 times slower).
    flat = b.op("reshape", (rows,), b.view(rows, f"{name}.flat", (1, 1, 2 * height, width)), join.where)
    padded = b.view(rows, f"{name}.padded", (1, 1, 2 * height + 4, width + 4))
    b.op("pad", (flat,), padded, join.where, paddings=((0, 0), (0, 0), (2, 2), (1, 3)))
    tall = b.op("reshape", (padded,), b.view(rows, f"{name}.tall", (1, 2 * height + 4, width + 4, 1)), join.where)
    blocks = b.view(rows, f"{name}.blocks", (1, height // 2 + 1, width // 4 + 1, 16))
    b.op("space_to_depth", (tall,), blocks, join.where, block=4)
    weight, bias = b.weights(conv, _stem_weights(b.constant(conv.inputs[1])), 2)
    channels = b.shape(out)[3]
    pairs = b.view(out, f"{b.tensors[out].name}.pairs", (1, height // 2, width // 4, 2 * channels))
    attrs = {**SQUARE, "padding": "valid", "activation": conv.attrs["activation"]}
    b.op("conv2d", (blocks, weight, bias), pairs, conv.where, **attrs)
    b.op("reshape", (pairs,), out, conv.where)
    b.replaced.add(users[0])
    return True


def _stem_weights(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """OHWI (O, 4, 4, 2) to (2·O, 2, 2, 16): pixel p of a pair sees columns 2p to 2p+3 of the eight under two blocks."""
    count = weight.shape[0]
    wide = np.zeros((2, count, 4, 2, 8), np.int8)
    for pixel in range(2):
        wide[pixel, ..., 2 * pixel : 2 * pixel + 4] = weight.transpose(0, 1, 3, 2)
    # pixel, output, block row, row, view, block column, column -> channels in the order row, view, column
    apart = wide.reshape(2, count, 2, 2, 2, 2, 4).transpose(0, 1, 2, 5, 3, 4, 6)
    return apart.reshape(2 * count, 2, 2, 16)


def _doubling(b: _Building, position: int) -> bool:
    """A 2×2 transposed convolution of stride 2: a 1×1 convolution to four times the channels, then DEPTH_TO_SPACE."""
    op = b.source.ops[position]
    if op.kind != "transpose_conv2d" or not b.is_int8(op) or op.attrs["stride"] != (2, 2):
        return False
    stored = b.constant(op.inputs[1])
    count, *kernel, depth = stored.shape
    if kernel != [2, 2]:
        return False
    weight, bias = b.weights(op, stored.transpose(1, 2, 0, 3).reshape(4 * count, 1, 1, depth), 4)
    _from_depth(b, op, weight, bias, {**SQUARE, "padding": "valid"})
    return True


def _one_channel(b: _Building, position: int) -> bool:
    """A 3×3 convolution to one channel: a 4×4 one of stride 2 to four, then DEPTH_TO_SPACE."""
    op = b.source.ops[position]
    if not _is_convolution(b, op, kernel=(3, 3), stride=(1, 1)) or b.shape(op.outputs[0])[3] != 1:
        return False
    if any(size % 2 for size in b.shape(op.outputs[0])[1:3]):
        return False
    stored = b.constant(op.inputs[1])
    wide = np.zeros((2, 2, 4, 4, stored.shape[3]), np.int8)
    for row in range(2):
        for column in range(2):
            wide[row, column, row : row + 3, column : column + 3] = stored[0]
    weight, bias = b.weights(op, wide.reshape(4, 4, 4, stored.shape[3]), 4)
    _from_depth(b, op, weight, bias, {"stride": (2, 2), "dilation": (1, 1), "padding": "same"})
    return True


def _from_depth(b: _Building, op: Op, weight: int, bias: int, attrs: dict[str, Any]) -> None:
    """`op` as a convolution of 2×2 pixels to channels, spread out into its output."""
    out = op.outputs[0]
    _, height, width, channels = b.shape(out)
    deep = b.view(out, f"{b.tensors[out].name}.deep", (1, height // 2, width // 2, 4 * channels))
    activation = op.attrs.get("activation", "none")
    b.op("conv2d", (op.inputs[0], weight, bias), deep, op.where, **attrs, activation=activation)
    b.op("depth_to_space", (deep,), out, op.where, block=2)


def _is_convolution(b: _Building, op: Op, kernel: tuple[int, int], stride: tuple[int, int]) -> bool:
    """Whether `op` is a dense int8 convolution of that kernel and stride, padded to keep its size, with a bias."""
    if op.kind != "conv2d" or not b.is_int8(op) or len(op.inputs) != 3:
        return False
    attrs = op.attrs
    given = (b.shape(op.inputs[1])[1:3], attrs["stride"], attrs["dilation"], attrs["padding"])
    return given == (kernel, stride, (1, 1), "same")


FORMS: tuple[Callable[[_Building, int], bool], ...] = (_joined_stem, _doubling, _one_channel)
"""Each replaces the operation at a position if it is one of its kind, and says whether it did."""
