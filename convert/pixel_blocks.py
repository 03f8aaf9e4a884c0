"""An integer program's narrow operations on blocks of pixels instead: the same integers, sooner, on XNNPACK.

XNNPACK computes 16 output channels at once from 4 or 8 input channels at once, looks up an address for every pixel
under a kernel, and copies pixels one by one where channels are joined. So one output channel costs as much as 16, two
input channels as much as eight, many narrow pixels more than a few wide ones, and joining two one-channel views more
than any convolution of a small student. Where several neighbouring pixels are the channels, little is wasted. Weights
that a block does not use are 0, which adds nothing to an integer sum; scales are repeated. (benchmarks/node_times.py
measures each node.)
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


def with_pixel_blocks(program: Program, head: tuple[int, int] = (2, 2), space_to_depth: bool = True) -> Program:
    """`program` with every operation of FORMS that it has replaced; other operations, and a float program, are kept.

    `head` are the rows and columns, the latter even, of the pixels that a convolution to one channel computes at once:
    more of them are sooner done, and have more weights. `space_to_depth`: the stem reads SPACE_TO_DEPTH and square
    heads give DEPTH_TO_SPACE; else they transpose. Tensors keep their names and grids; weights, biases and the joined
    views have other shapes. Every other tensor keeps its integers, in every dialect.
    """
    building = _Building(program, head, space_to_depth)
    for position, op in enumerate(program.ops):
        if position not in building.replaced and not any(form(building, position) for form in FORMS):
            building.ops.append(op)
    return building.program()


class _Building:
    """The program as it grows: old tensors keep their numbers until the end, new ones follow them."""

    def __init__(self, source: Program, head: tuple[int, int], space_to_depth: bool) -> None:
        self.source = source
        self.head = head
        self.space_to_depth = space_to_depth
        self.tensors = list(source.tensors)
        self.ops: list[Op] = []
        self.replaced: set[int] = set()
        self._pairs: dict[int, int] = {}

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

    def reshaped(self, index: int, name: str, shape: Sequence[int], where: str) -> int:
        return self.op("reshape", (index,), self.view(index, name, shape), where)

    def pairs(self, index: int, where: str) -> int:
        """Pixels side by side as channels, (1, H + 2, W / 2 + 1, 2C), from one pixel of padding on every side."""
        if index not in self._pairs:
            name, (_, height, width, channels) = self.tensors[index].name, self.shape(index)
            # With rows innermost XNNPACK pads row by row; with pixels innermost, pixel by pixel (100 times slower).
            flat = self.reshaped(index, f"{name}.flat", (1, 1, height, width * channels), where)
            padded = self.view(index, f"{name}.padded", (1, 1, height + 2, (width + 2) * channels))
            self.op("pad", (flat,), padded, where, paddings=((0, 0), (0, 0), (1, 1), (channels, channels)))
            shape = (1, height + 2, width // 2 + 1, 2 * channels)
            self._pairs[index] = self.reshaped(padded, f"{name}.pairs", shape, where)
        return self._pairs[index]

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
    """Two one-channel views, joined, under a 4×4 convolution of stride 2: blocks of both views' pixels as channels.

    Joined along the width, the rows of both views alternate, so that a 4×4 block of that tall picture is a 2×4 block
    of each view. With one row and column of padding before, the 4×4 pixels under an output, and the 4×6 under two
    neighbouring ones, lie in few such blocks.
    """
    join = b.source.ops[position]
    users = b.users(join.outputs[0])
    if join.kind != "concat" or join.attrs["axis"] != 3 or len(join.inputs) != 2 or len(users) != 1:
        return False
    conv, (_, height, width, _) = b.source.ops[users[0]], b.shape(join.inputs[0])
    if not _is_convolution(b, conv, kernel=(4, 4), stride=(2, 2)) or join.outputs[0] in b.source.outputs:
        return False
    across = 4 if b.space_to_depth else 2
    if any(b.shape(i) != (1, height, width, 1) for i in join.inputs) or height % 2 or width % across:
        return False
    name = b.tensors[join.outputs[0]].name
    rows = b.view(join.inputs[0], name, (1, height, 2 * width, 1))
    b.op("concat", join.inputs, rows, join.where, axis=2)
    # With the width innermost XNNPACK pads row by row; with one channel innermost, pixel by pixel (100 times slower).
    flat = b.reshaped(rows, f"{name}.flat", (1, 1, 2 * height, width), join.where)
    padded = b.view(rows, f"{name}.padded", (1, 1, 2 * height + 4, width + across))
    b.op("pad", (flat,), padded, join.where, paddings=((0, 0), (0, 0), (2, 2), (1, across - 1)))
    (_stem_of_pairs if b.space_to_depth else _stem_by_transposing)(b, name, conv, padded)
    b.replaced.add(users[0])
    return True


def _stem_of_pairs(b: _Building, name: str, conv: Op, padded: int) -> None:
    """4×4 blocks of the tall picture as 16 channels, to two neighbouring outputs at once."""
    (_, _, tall, wide), out = b.shape(padded), conv.outputs[0]
    picture = b.reshaped(padded, f"{name}.tall", (1, tall, wide, 1), conv.where)
    blocks = b.view(padded, f"{name}.blocks", (1, tall // 4, wide // 4, 16))
    b.op("space_to_depth", (picture,), blocks, conv.where, block=4)
    weight, bias = b.weights(conv, _pair_weights(b.constant(conv.inputs[1])), 2)
    pairs = _deep(b, conv, (blocks, weight, bias), (1, 2), SQUARE, "pairs")
    b.op("reshape", (pairs,), out, conv.where)


def _stem_by_transposing(b: _Building, name: str, conv: Op, padded: int) -> None:
    """4×2 blocks of the tall picture as 8 channels."""
    _, _, tall, wide = b.shape(padded)
    down, across = tall // 4, wide // 2
    apart = b.reshaped(padded, f"{name}.apart", (down, 4, across, 2), conv.where)
    together = b.view(padded, f"{name}.together", (down, across, 4, 2))
    b.op("transpose", (apart,), together, conv.where, permutation=(0, 2, 1, 3))
    blocks = b.reshaped(together, f"{name}.blocks", (1, down, across, 8), conv.where)
    weight, bias = b.weights(conv, _block_weights(b.constant(conv.inputs[1])), 1)
    attrs = {**SQUARE, "padding": "valid", "activation": conv.attrs["activation"]}
    b.op("conv2d", (blocks, weight, bias), conv.outputs[0], conv.where, **attrs)


def _pair_weights(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """OHWI (O, 4, 4, 2) to (2·O, 2, 2, 16): pixel p of a pair sees columns 2p to 2p+3 of the eight under two blocks."""
    count = weight.shape[0]
    wide = np.zeros((2, count, 4, 2, 8), np.int8)
    for pixel in range(2):
        wide[pixel, ..., 2 * pixel : 2 * pixel + 4] = weight.transpose(0, 1, 3, 2)
    # pixel, output, block row, row, view, block column, column -> channels in the order row, view, column
    apart = wide.reshape(2, count, 2, 2, 2, 2, 4).transpose(0, 1, 2, 5, 3, 4, 6)
    return apart.reshape(2 * count, 2, 2, 16)


def _block_weights(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """OHWI (O, 4, 4, 2) to (O, 2, 2, 8): the channels of a block are row, view, column."""
    apart = weight.reshape(-1, 2, 2, 2, 2, 2)  # output, block row, row, block column, column, view
    return apart.transpose(0, 1, 3, 2, 5, 4).reshape(-1, 2, 2, 8)


def _halving(b: _Building, position: int) -> bool:
    """A 4×4 convolution of stride 2: 4 rows of 2 pairs of pixels, half as many addresses."""
    op = b.source.ops[position]
    if not _is_convolution(b, op, kernel=(4, 4), stride=(2, 2)) or any(n % 2 for n in b.shape(op.inputs[0])[1:3]):
        return False
    stored = b.constant(op.inputs[1])
    weight, bias = b.weights(op, stored.reshape(stored.shape[0], 4, 2, -1), 1)
    attrs = {"stride": (2, 1), "dilation": (1, 1), "padding": "valid", "activation": op.attrs["activation"]}
    b.op("conv2d", (b.pairs(op.inputs[0], op.where), weight, bias), op.outputs[0], op.where, **attrs)
    return True


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
    deep = _deep(b, op, (op.inputs[0], weight, bias), (2, 2), SQUARE)
    b.op("depth_to_space", (deep,), op.outputs[0], op.where, block=2)
    return True


def _one_channel(b: _Building, position: int) -> bool:
    """A 3×3 convolution to one channel: one to a channel for each pixel of a block, from pairs of pixels."""
    op, (rows, columns) = b.source.ops[position], b.head
    if not _is_convolution(b, op, kernel=(3, 3), stride=(1, 1)):
        return False
    out = op.outputs[0]
    _, height, width, channels = b.shape(out)
    if channels != 1 or height % rows or width % columns:
        return False
    stored = b.constant(op.inputs[1])
    wide = np.zeros((rows, columns, rows + 2, columns + 2, stored.shape[3]), np.int8)
    for row in range(rows):
        for column in range(columns):
            wide[row, column, row : row + 3, column : column + 3] = stored[0]
    pixels = rows * columns
    weight, bias = b.weights(op, wide.reshape(pixels, rows + 2, columns // 2 + 1, -1), pixels)
    strides = {"stride": (rows, columns // 2), "dilation": (1, 1)}
    deep = _deep(b, op, (b.pairs(op.inputs[0], op.where), weight, bias), b.head, strides)
    if b.space_to_depth and rows == columns:
        b.op("depth_to_space", (deep,), out, op.where, block=rows)
        return True
    name = b.tensors[out].name
    apart = b.reshaped(deep, f"{name}.apart", (height // rows, width // columns, rows, columns), op.where)
    beside = b.view(out, f"{name}.beside", (height // rows, rows, width // columns, columns))
    b.op("transpose", (apart,), beside, op.where, permutation=(0, 2, 1, 3))
    b.op("reshape", (beside,), out, op.where)
    return True


def _deep(
    b: _Building, op: Op, inputs: Sequence[int], block: tuple[int, int], strides: dict[str, Any], name: str = "deep"
) -> int:
    """`op` as a convolution to blocks of pixels as channels."""
    out = op.outputs[0]
    _, height, width, channels = b.shape(out)
    shape = (1, height // block[0], width // block[1], block[0] * block[1] * channels)
    deep = b.view(out, f"{b.tensors[out].name}.{name}", shape)
    attrs = {**strides, "padding": "valid", "activation": op.attrs.get("activation", "none")}
    return b.op("conv2d", inputs, deep, op.where, **attrs)


def _is_convolution(b: _Building, op: Op, kernel: tuple[int, int], stride: tuple[int, int]) -> bool:
    """Whether `op` is a dense int8 convolution of that kernel and stride, padded to keep its size, with a bias."""
    if op.kind != "conv2d" or not b.is_int8(op) or len(op.inputs) != 3:
        return False
    attrs = op.attrs
    given = (b.shape(op.inputs[1])[1:3], attrs["stride"], attrs["dilation"], attrs["padding"])
    return given == (kernel, stride, (1, 1), "same")


FORMS: tuple[Callable[[_Building, int], bool], ...] = (_joined_stem, _halving, _doubling, _one_channel)
"""Each replaces the operation at a position if it is one of its kind, and says whether it did."""
