"""`Assembly`: a Program under construction, with limits on what a file may declare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError
from runtime_py.program import Op, Program, Quant, Tensor

LARGEST_TENSOR = 1 << 29
"""Bytes; a tensor that claims more is taken for damage instead of being allocated."""

LARGEST_TOTAL, TOTAL_PER_BYTE = 1 << 29, 1 << 12
"""Bytes that all tensors together may declare: so many, and so many more for each byte of the file."""

BYTES_PER_OP = 8
"""A file has at least so many bytes for each operation; more operations are taken for damage."""


class Assembly:
    """Tensors and operations in order. Every method raises ArtifactError, naming the place, for what cannot be."""

    def __init__(self, source: str, file_size: int) -> None:
        self.source = source
        self._tensors: list[Tensor] = []
        self._ops: list[Op] = []
        self._written: set[int] = {-1}
        self._left = LARGEST_TOTAL + TOTAL_PER_BYTE * file_size
        self._most_ops = 64 + file_size // BYTES_PER_OP

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.source} cannot be used: {sentence}")

    def __getitem__(self, index: int) -> Tensor:
        return self._tensors[index]

    def tensor(self, name: str, shape: Sequence[int], dtype: str, quant: Quant | None = None) -> int:
        """A tensor that an operation or the caller will fill; returns its number."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        # Sizes are bounded even where one of them is 0, which numpy multiplies all the same.
        largest = math.prod(max(n, 1) for n in shape) * np.dtype(dtype).itemsize
        if any(n < 0 for n in shape) or len(shape) > 8 or largest > LARGEST_TENSOR:
            raise self.error(f"'{name}' has the impossible shape {list(shape)}")
        self._take(size, name)
        self._tensors.append(Tensor(name, tuple(shape), dtype, quant))
        return len(self._tensors) - 1

    def _take(self, size: int, name: str) -> None:
        self._left -= size
        if self._left < 0:
            raise self.error(f"its tensors up to '{name}' declare more bytes than makes sense for a file of its size")

    def constant(self, name: str, data: NDArray[Any], quant: Quant | None = None) -> int:
        """A constant; returns its number."""
        self._take(0 if 0 in data.strides else data.nbytes, name)
        self._tensors.append(Tensor(name, data.shape, str(data.dtype.newbyteorder("=")), quant, data))
        self._written.add(len(self._tensors) - 1)
        return len(self._tensors) - 1

    def splat(self, name: str, value: float, shape: Sequence[int] = ()) -> int:
        """A float32 constant that is `value` everywhere and takes no memory."""
        return self.constant(name, np.broadcast_to(np.float32(value), tuple(shape)))

    def fed(self, index: int) -> int:
        """States that the caller fills the tensor; returns its number."""
        self._written.add(index)
        return index

    def is_written(self, index: int) -> bool:
        """Whether a tensor is a constant, an input, or the result of an operation so far."""
        return index in self._written

    def set_grid(self, index: int, quant: Quant, where: str) -> None:
        """Gives an int8 tensor the grid that only its users know; all of them must agree."""
        known = self._tensors[index].quant
        if known is None:
            self._tensors[index] = replace(self._tensors[index], quant=quant)
        elif not (np.array_equal(known.scale, quant.scale) and np.array_equal(known.zero_point, quant.zero_point)):
            raise self.error(
                f"{where} takes '{self._tensors[index].name}' for quantised on another grid than others do"
            )

    def op(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], where: str, **attrs: Any) -> None:
        """Appends an operation. Every tensor must be written once, before it is read."""
        unwritten = [self._tensors[i].name for i in inputs if i not in self._written]
        if unwritten:
            raise self.error(f"{where} reads '{unwritten[0]}' before anything writes it")
        again = [self._tensors[i].name for i in outputs if i in self._written]
        if again or len(set(outputs)) != len(outputs):
            raise self.error(f"{where} writes '{again[0] if again else 'a tensor'}' a second time")
        if len(self._ops) >= self._most_ops:
            raise self.error(f"{where} is operation {len(self._ops)}, more than a file of its size can hold")
        self._written.update(outputs)
        self._ops.append(Op(kind, tuple(inputs), tuple(outputs), attrs, where))

    def made(self, kind: str, inputs: Sequence[int], shape: Sequence[int], where: str, **attrs: Any) -> int:
        """The new tensor that an operation makes: of the first input's type and grid, of the given shape."""
        like = self._tensors[inputs[0]]
        index = self.tensor(f"{like.name}:{kind}{len(self._ops)}", shape, like.dtype, like.quant)
        self.op(kind, inputs, (index,), where, **attrs)
        return index

    def transposed(self, index: int, order: Sequence[int], where: str) -> int:
        """The tensor with its axes in another order."""
        shape = self._tensors[index].shape
        if sorted(order) != list(range(len(shape))):
            raise self.error(f"{where} takes the axes {list(order)} of a tensor of rank {len(shape)}")
        return self.made("transpose", (index,), [shape[i] for i in order], where, permutation=tuple(order))

    def program(self, inputs: Sequence[int], outputs: Sequence[int], metadata: Mapping[str, bytes]) -> Program:
        """The finished Program; outputs must have been written."""
        unwritten = [self._tensors[i].name for i in outputs if i not in self._written]
        if unwritten or not outputs:
            raise self.error(f"its output '{unwritten[0]}' is never written" if unwritten else "it has no outputs")
        return Program(
            tuple(self._tensors), tuple(self._ops), tuple(inputs), tuple(outputs), dict(metadata), self.source
        )

    @property
    def ops(self) -> Sequence[Op]:
        """The operations so far."""
        return self._ops

    def set_attrs(self, number: int, **attrs: Any) -> None:
        """Adds attributes to operation `number`."""
        op = self._ops[number]
        self._ops[number] = replace(op, attrs={**op.attrs, **attrs})

    def regrid(self, index: int, quant: Quant | None) -> None:
        """Replaces the grid of a tensor."""
        self._tensors[index] = replace(self._tensors[index], quant=quant)

    def rename(self, index: int, name: str) -> None:
        self._tensors[index] = replace(self._tensors[index], name=name)


def grid(scale: float, zero_point: int) -> Quant:
    """The grid of a tensor that is quantised as a whole."""
    return Quant(np.array([scale], np.float32), np.array([zero_point], np.int64))
