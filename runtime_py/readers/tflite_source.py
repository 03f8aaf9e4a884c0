"""`OpSource`: one TFLite operator as stored, with checked access to its options and constant operands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runtime_py.errors import ArtifactError
from runtime_py.program import Tensor
from runtime_py.readers.flatbuffer import Table

Attrs = dict[str, Any]

ACTIVATIONS = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
PADDINGS = {0: "same", 1: "valid"}


@dataclass(frozen=True)
class OpSource:
    """One operator as stored; `where` begins every error."""

    where: str
    options: Table | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: tuple[Tensor, ...]

    def integer(self, field: int, code: str = "i", default: int = 0) -> int:
        return default if self.options is None else self.options.integer(field, code, default)

    def boolean(self, field: int) -> bool:
        return self.options is not None and self.options.boolean(field)

    def real(self, field: int) -> float:
        return 0.0 if self.options is None else self.options.real(field)

    def pair(self, height_field: int, width_field: int, default: int = 0) -> tuple[int, int]:
        """(h, w) of two int32 fields, both positive."""
        h, w = self.integer(height_field, default=default), self.integer(width_field, default=default)
        if h < 1 or w < 1:
            raise self.error(f"has the impossible stride, dilation or window {h} x {w}")
        return h, w

    def activation(self, field: int) -> str:
        code = self.integer(field, "b")
        if code not in ACTIVATIONS:
            raise self.error(f"has fused activation number {code}; known are: {', '.join(ACTIVATIONS.values())}")
        return ACTIVATIONS[code]

    def padding(self, field: int) -> str:
        code = self.integer(field, "b")
        if code not in PADDINGS:
            raise self.error(f"has padding number {code}; known are: {', '.join(PADDINGS.values())}")
        return PADDINGS[code]

    def at(self, position: int, role: str) -> int:
        """The tensor number of an input that must be there."""
        if position >= len(self.inputs) or self.inputs[position] < 0:
            raise self.error(f"has no {role} (input {position})")
        return self.inputs[position]

    def constant(self, position: int, role: str) -> list[Any]:
        """The values of a constant operand, nested as its shape."""
        tensor = self.tensors[self.at(position, role)]
        if tensor.data is None:
            raise self.error(f"computes its {role} while running, which is not supported: it must be a constant")
        if tensor.dtype not in ("int32", "int64"):
            raise self.error(f"has a {role} of type {tensor.dtype}, expected int32 or int64")
        values: list[Any] = tensor.data.reshape(-1 if not tensor.shape else tensor.shape).tolist()
        return values

    def pairs(self, position: int, role: str) -> tuple[tuple[int, int], ...]:
        """The values of a constant operand of pairs of counts."""
        pairs = self.constant(position, role)
        if not all(isinstance(pair, list) and len(pair) == 2 and min(pair) >= 0 for pair in pairs):
            raise self.error(f"has {role} {pairs}, expected a pair of counts for each axis")
        return tuple((first, second) for first, second in pairs)

    def real_scalar(self, position: int, role: str) -> float:
        """The number that a constant operand of one value stands for on its grid."""
        tensor = self.tensors[self.at(position, role)]
        if tensor.data is None or tensor.data.size != 1:
            raise self.error(f"needs a constant {role} of one value")
        stored = float(tensor.data.reshape(-1)[0])
        if tensor.quant is None:
            return stored
        return (stored - float(tensor.quant.zero_point[0])) * float(tensor.quant.scale[0])

    def integers(self, position: int, role: str, count: int | None = None) -> tuple[int, ...]:
        """The values of a constant operand of rank 0 or 1; `count` is how many there must be."""
        values = self.constant(position, role)
        if any(isinstance(v, list) for v in values) or (count is not None and len(values) != count):
            raise self.error(f"has the {role} {values}")
        return tuple(values)

    def delegated(self, bias: int) -> Attrs:
        """States, where it is so, that LiteRT keeps XNNPACK from a convolution: its bias has no scale."""
        index = self.inputs[bias] if bias < len(self.inputs) else -1
        without = index >= 0 and self.tensors[index].dtype == "int32" and self.tensors[index].quant is None
        return {"delegated": False} if without else {}

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.where} {sentence}")
