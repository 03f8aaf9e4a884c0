"""`Call`: one operation of an ML program with its operands looked up, as the translators of operations receive it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError
from runtime_py.program import Quant
from runtime_py.readers.assembly import Assembly
from runtime_py.readers.layout import MOVED, TO_NCHW, TO_NHWC
from runtime_py.readers.mil import Literal, Named, Operation
from runtime_py.readers.mil_constants import Parts

Array = NDArray[Any]

REQUIRED: Any = object()

COMPUTED = ("float16", "float32", "int8", "uint8", "int16", "int32", "int64", "bool")
"""Types of tensors that are computed; constants may have others."""


@dataclass
class Scope:
    """What the names of a function stand for: constants, or tensors of the Program under construction."""

    assembly: Assembly
    constants: dict[str, Literal] = field(default_factory=dict)
    tensors: dict[str, int] = field(default_factory=dict)
    unsigned: set[str] = field(default_factory=set)
    """Tensors that the file has as uint8."""
    images: dict[int, int] = field(default_factory=dict)
    """Codes of an image of 8-bit grey, less 128, and the input with the image itself."""

    def taken(self, named: Named, place: str) -> int:
        """An input of the function, which the caller fills; an image of codes keeps the file's type."""
        if named.dtype != "uint8":
            return self.assembly.fed(self.tensor(named, place))
        image = self.assembly.fed(self.assembly.tensor(named.name, named.shape, "uint8"))
        codes = self.assembly.tensor(f"{named.name}:codes", named.shape, "int8")
        self.assembly.op("quantize", (image,), (codes,), f"{place}, '{named.name}'")
        self.tensors[named.name] = codes
        self.unsigned.add(named.name)
        self.images[codes] = image
        return image

    def set_image_grid(self, codes: int, quant: Quant) -> None:
        """Gives an image the grid that its first dequantise names."""
        self.assembly.regrid(codes, quant)
        self.assembly.regrid(self.images[codes], Quant(quant.scale, quant.zero_point + 128))

    def tensor(self, named: Named, place: str, quant: Quant | None = None) -> int:
        """A new tensor under a name of the file."""
        if named.name in self.tensors or named.name in self.constants:
            raise ArtifactError(f"{place} writes '{named.name}' a second time")
        index = self.assembly.tensor(named.name, named.shape, stored_dtype(named, place), quant)
        self.tensors[named.name] = index
        if named.dtype == "uint8":
            self.unsigned.add(named.name)
        return index


def stored_dtype(named: Named, place: str) -> str:
    """A computed tensor's type in a Program: uint8 becomes int8 with another zero point, see `mil_ops`."""
    if named.dtype not in COMPUTED:
        raise ArtifactError(f"{place} has '{named.name}' of type {named.dtype}; supported are {', '.join(COMPUTED)}")
    return "int8" if named.dtype == "uint8" else named.dtype


@dataclass(frozen=True)
class Call:
    """One operation. Its methods raise ArtifactError, naming the operation, for what is missing or does not fit."""

    scope: Scope
    operation: Operation

    @property
    def place(self) -> str:
        return self.operation.place

    @property
    def assembly(self) -> Assembly:
        return self.scope.assembly

    @property
    def output(self) -> Named:
        self.require(len(self.operation.outputs) == 1, f"has {len(self.operation.outputs)} outputs")
        return self.operation.outputs[0]

    def has(self, name: str) -> bool:
        return bool(self.operation.operands.get(name))

    def literals(self, names: Sequence[str] | None = None) -> Mapping[str, Literal]:
        """The constant operands by name; all of them unless `names` chooses."""
        return {name: self.literal(name) for name in (names or self.operation.operands)}

    def literal(self, name: str, default: Any = REQUIRED) -> Any:
        """An operand that must be a constant."""
        if not self.has(name):
            if default is REQUIRED:
                raise self.error(f"has no operand '{name}'")
            return default
        operand = self.operation.operands[name][0]
        value = self.scope.constants.get(operand) if isinstance(operand, str) else operand
        if value is None:
            raise self.error(f"computes its '{name}' while running, which is not supported: it must be a constant")
        return value

    def array(self, name: str, default: Any = REQUIRED) -> Any:
        """A numeric constant."""
        value = self.literal(name, default)
        self.require(not isinstance(value, tuple), f"has a text where '{name}' must be numbers")
        return value

    def numbers(self, name: str, default: Any = REQUIRED) -> tuple[int, ...]:
        """A constant list of integers."""
        value = self.array(name, None if default is not REQUIRED else REQUIRED)
        if value is None:
            return tuple(default)
        self.require(value.dtype.kind in "iub" and value.size <= 64, f"has no list of integers as '{name}'")
        return tuple(int(n) for n in value.reshape(-1))

    def integer(self, name: str, default: Any = REQUIRED) -> int:
        numbers = self.numbers(name, default if default is REQUIRED else (default,))
        self.require(len(numbers) == 1, f"has {len(numbers)} values as '{name}'")
        return numbers[0]

    def boolean(self, name: str, default: bool = False) -> bool:
        return bool(self.integer(name, default))

    def real(self, name: str, default: Any = REQUIRED) -> float:
        """A finite constant number."""
        value = np.asarray(self.array(name, default))
        self.require(value.size == 1 and value.dtype.kind in "iuf", f"has no number as '{name}'")
        return float(value.reshape(-1)[0])

    def text(self, name: str, default: Any = REQUIRED) -> str:
        value = self.literal(name, default)
        if isinstance(value, str):
            return value
        if not isinstance(value, tuple) or len(value) != 1:
            raise self.error(f"has no text as '{name}'")
        return str(value[0])

    def tensor(self, name: str) -> int:
        """The tensor of an operand, whether computed or constant."""
        self.require(self.has(name), f"has no operand '{name}'")
        return self._tensor(self.operation.operands[name][0])

    def tensors(self, name: str) -> tuple[int, ...]:
        """The tensors of an operand that is a list."""
        self.require(self.has(name), f"has no operand '{name}'")
        return tuple(self._tensor(operand) for operand in self.operation.operands[name])

    def _tensor(self, operand: str | Literal) -> int:
        name = operand if isinstance(operand, str) else f"{self.place.rsplit(', ', 1)[-1]} constant"
        if isinstance(operand, str) and operand in self.scope.tensors:
            return self.scope.tensors[operand]
        value = self.scope.constants.get(operand) if isinstance(operand, str) else operand
        if value is None or isinstance(value, tuple):
            raise self.error(f"reads '{name}', which nothing before it writes as a tensor")
        index = self.constant(name, value)
        if isinstance(operand, str):
            self.scope.tensors[operand] = index
        return index

    def shape(self, index: int) -> tuple[int, ...]:
        return self.assembly[index].shape

    def constant(self, name: str, value: Array) -> int:
        return self.assembly.constant(name, value)

    def emit(self, kind: str, inputs: Sequence[int], quant: Quant | None = None, **attrs: Any) -> None:
        """The operation that makes the output, with the shape and type that the file declares."""
        self.assembly.op(kind, inputs, (self.written(self.output, inputs[0], quant),), self.place, **attrs)

    def written(self, out: Named, like: int, quant: Quant | None = None) -> int:
        """A new tensor for an output; copies of quantised values keep the grid of `like`."""
        inherited = self.assembly[like].quant if stored_dtype(out, self.place) == "int8" else None
        return self.scope.tensor(out, self.place, quant or inherited)

    def is_unsigned(self, name: str) -> bool:
        """Whether the file has an operand as uint8."""
        operand = self.operation.operands[name][0]
        return isinstance(operand, str) and operand in self.scope.unsigned

    def inner(self, kind: str, inputs: Sequence[int], shape: Sequence[int], **attrs: Any) -> int:
        """A float32 tensor between several operations that stand for one, which rounds its result only."""
        name = f"{self.output.name}:{kind}"
        index = self.assembly.tensor(name, shape, "float32")
        self.assembly.op(kind, inputs, (index,), self.place, **attrs)
        return index

    def number(self, value: float) -> int:
        """A float32 constant of no axes."""
        return self.assembly.splat(f"{value:g}", value)

    def image(self, name: str) -> int:
        """A tensor NHWC of an operand NCHW, or NCW as one row."""
        index = self.tensor(name)
        shape = self.shape(index)
        self.require(len(shape) in (3, 4), f"has an image of shape {shape}; rank 3 and 4 are supported")
        if len(shape) == 3:
            index = self.assembly.made("reshape", (index,), (*shape[:2], 1, shape[2]), self.place)
        return self.assembly.transposed(index, TO_NHWC, self.place)

    def emit_image(self, kind: str, inputs: Sequence[int], **attrs: Any) -> None:
        """As `emit`, for an operation NHWC whose output the file has NCHW (or NCW)."""
        out = self.output
        self.require(len(out.shape) in (3, 4), f"makes an image of shape {out.shape}")
        n, c, h, w = out.shape if len(out.shape) == 4 else (*out.shape[:2], 1, out.shape[2])
        like = self.assembly[inputs[0]]
        made = self.assembly.tensor(f"{out.name}{MOVED}", (n, h, w, c), stored_dtype(out, self.place), like.quant)
        self.assembly.op(kind, inputs, (made,), self.place, **attrs)
        if len(out.shape) == 4:
            self.emit("transpose", (made,), permutation=TO_NCHW)
        else:
            self.emit("reshape", (self.assembly.transposed(made, TO_NCHW, self.place),))

    def parts(self) -> Parts:
        return Parts(self.literals(), self.place)

    def require(self, condition: bool, sentence: str) -> None:
        if not condition:
            raise self.error(sentence)

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.place} {sentence}")
