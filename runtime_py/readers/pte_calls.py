"""`Call`: one instruction of an execution plan with its arguments, and `Externals`: a delegate's view of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError
from runtime_py.program import Tensor
from runtime_py.readers.assembly import Assembly
from runtime_py.readers.layout import TO_NCHW, TO_NHWC
from runtime_py.readers.pte_values import Scalar, Values

Array = NDArray[Any]


class Call:
    """A call of a portable kernel. Positions are those of the operator's schema, its outputs after its inputs."""

    def __init__(self, where: str, arguments: Sequence[int], values: Values, assembly: Assembly) -> None:
        self.where = where
        self.arguments = arguments
        self.values = values
        self.assembly = assembly

    def tensor(self, position: int) -> int:
        """The Program's number of a tensor argument that is read."""
        return self.values.readable(self._at(position), self.where).index

    def target(self, position: int) -> int:
        """The Program's number of a tensor argument that is written."""
        return self.values.tensor(self._at(position), self.where).index

    def __getitem__(self, position: int) -> Tensor:
        return self.assembly[self.target(position)]

    def tensors(self, position: int) -> tuple[int, ...]:
        """A list of tensors that are read."""
        items = self.values.tensors(self._at(position), self.where)
        return tuple(self.values.readable(item, self.where).index for item in items)

    def targets(self, position: int) -> tuple[int, ...]:
        """A list of tensors that are written."""
        items = self.values.tensors(self._at(position), self.where)
        return tuple(self.values.tensor(item, self.where).index for item in items)

    def absent(self, position: int) -> bool:
        return self.values.is_null(self._at(position), self.where)

    def scalar(self, position: int) -> Scalar:
        return self.values.scalar(self._at(position), self.where)

    def real(self, position: int, default: float | None = None) -> float:
        value = self.scalar(position)
        value = default if value is None else value
        if isinstance(value, str) or value is None:
            raise self.error(f"has no number as argument {position}")
        return float(value)

    def integer(self, position: int, default: int | None = None) -> int:
        value = self.real(position, default)
        if value != int(value if np.isfinite(value) else 0):
            raise self.error(f"has {value} as argument {position}, expected an integer")
        return int(value)

    def number(self, position: int, dtype: str) -> int:
        """The Program's number of a constant that holds a scalar argument."""
        value = np.array(self.real(position)).astype(dtype)
        return self.assembly.constant(f"{self.where}:argument{position}", value)

    def constant(self, position: int) -> Array:
        """The data of a tensor argument that must be a constant."""
        data = self[position].data
        if data is None:
            raise self.error(f"computes argument {position} while running, which is not supported")
        return data

    def boolean(self, position: int) -> bool:
        return bool(self.real(position, 0))

    def integers(self, position: int, count: int | None = None) -> tuple[int, ...]:
        """A list of integers; a list of one stands for `count` equal ones."""
        numbers = () if self.absent(position) else self.values.integers(self._at(position), self.where)
        if count is not None and len(numbers) == 1:
            numbers = numbers * count
        if count is not None and len(numbers) != count:
            raise self.error(f"has {len(numbers)} numbers as argument {position}, expected {count}")
        return numbers

    def reals(self, position: int) -> tuple[float, ...]:
        return () if self.absent(position) else self.values.reals(self._at(position), self.where)

    def axis(self, position: int, rank: int) -> int:
        axis = self.integer(position)
        if not -rank <= axis < rank:
            raise self.error(f"has axis {axis} for rank {rank}")
        return axis % rank

    def emit(self, kind: str, inputs: Sequence[int], out: int, **attrs: Any) -> None:
        """An operation that writes the tensor at schema position `out`."""
        self.assembly.op(kind, inputs, (self.target(out),), self.where, **attrs)

    def emit_copy(self, kind: str, given: int, out: int, **attrs: Any) -> None:
        """As `emit`, for an operation that moves values only: the output has the grid of the tensor `given`."""
        self.inherit(given, self.target(out))
        self.emit(kind, (given,), out, **attrs)

    def inherit(self, given: int, out: int) -> None:
        quant = self.assembly[given].quant
        if quant is not None:
            self.assembly.set_grid(out, quant, self.where)

    def image(self, position: int) -> int:
        """An NCHW argument as NHWC."""
        return self.assembly.transposed(self.tensor(position), TO_NHWC, self.where)

    def emit_image(self, kind: str, inputs: Sequence[int], out: int, **attrs: Any) -> None:
        """An operation on NHWC whose result is the NCHW tensor at `out`."""
        result = self[out]
        if len(result.shape) != 4:
            raise self.error(f"has a result of rank {len(result.shape)}, expected 4")
        shape = [result.shape[i] for i in TO_NHWC]
        like = self.assembly[inputs[0]]
        made = self.assembly.tensor(f"{result.name}:{kind}", shape, like.dtype, like.quant)
        self.assembly.op(kind, inputs, (made,), self.where, **attrs)
        self.emit_copy("transpose", made, out, permutation=TO_NCHW)

    def error(self, sentence: str) -> ArtifactError:
        return self.assembly.error(f"{self.where} {sentence}")

    def _at(self, position: int) -> int:
        if position >= len(self.arguments):
            raise self.error(f"has {len(self.arguments)} arguments, no argument {position}")
        return self.arguments[position]


class Externals:
    """What a delegate reads and writes: the arguments of its call, as they lie in memory."""

    def __init__(self, call: Call) -> None:
        self.where = call.where
        self.assembly = call.assembly
        self._call = call

    def __len__(self) -> int:
        return len(self._call.arguments)

    def argument(self, position: int, is_read: bool) -> int:
        """The Program's number of an argument. Tensors that lie otherwise in memory than in axis order are refused."""
        values = self._call.values
        find = values.readable if is_read else values.tensor
        value = find(self._call.arguments[position], self.where)
        if value.order != tuple(range(len(value.order))):
            raise self._call.error(f"takes argument {position} with its axes in the memory order {value.order}")
        return value.index
