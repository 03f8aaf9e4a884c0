"""`Node`: one operation with its tensors and dialect, as every op file receives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime_py.dialects import Dialect
from runtime_py.errors import ArtifactError
from runtime_py.program import Op, Tensor

Array = NDArray[Any]
Shape = tuple[int, ...]
Rule = TypeVar("Rule")

Kernel = Callable[[Sequence[Array]], Sequence[Array]]
"""A bound operation: the inputs' arrays to the outputs' arrays. An absent optional input is an empty array."""


@dataclass(frozen=True)
class Node:
    """One operation about to be bound. Its helpers raise ArtifactError naming the operation."""

    op: Op
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    dialect: Dialect

    @property
    def output(self) -> Tensor:
        return self.outputs[0]

    def input(self, position: int) -> Tensor:
        tensor = self.optional(position)
        if tensor is None:
            raise self.error(f"has no input {position}")
        return tensor

    def optional(self, position: int) -> Tensor | None:
        return self.inputs[position] if position < len(self.inputs) else None

    def constant(self, position: int, role: str) -> Array:
        """The data of an input that must be a constant."""
        tensor = self.input(position)
        if tensor.data is None:
            raise self.error(f"computes its {role} while running, which is not supported: it must be a constant")
        return tensor.data

    def attr(self, name: str) -> Any:
        if name not in self.op.attrs:
            raise self.error(f"has no attribute '{name}'")
        return self.op.attrs[name]

    def grid(self, tensor: Tensor) -> tuple[np.float32, int]:
        """Scale and zero point of a tensor that is quantised as a whole."""
        if tensor.quant is None:
            raise self.error(f"needs a scale and zero point on '{tensor.name}' ({tensor.dtype})")
        if tensor.quant.per_channel:
            raise self.error(f"needs one scale on '{tensor.name}', it has {tensor.quant.scale.size}")
        return np.float32(tensor.quant.scale.reshape(-1)[0]), int(tensor.quant.zero_point.reshape(-1)[0])

    def rule(self, rules: Mapping[str, Rule]) -> Rule:
        """The dialect's entry of a table of rules by dialect."""
        if self.dialect.name not in rules:
            raise self.error(f"on {self.input(0).dtype} has no rule in dialect '{self.dialect.name}'")
        return rules[self.dialect.name]

    @property
    def unsigned_step(self) -> int:
        """128 where the file has uint8 for what is int8 here, else 0: rules that add a zero point before they round
        must add the file's own, since float32 sums depend on its size."""
        return 128 if self.op.attrs.get("unsigned", False) else 0

    def same_grid(self, *tensors: Tensor) -> bool:
        """Whether all tensors have the grid of the first; true for floats."""
        if tensors[0].dtype == "float32":
            return True
        return all(self.grid(t) == self.grid(tensors[0]) for t in tensors)

    def require(self, condition: bool, sentence: str) -> None:
        if not condition:
            raise self.error(sentence)

    def dtypes(self) -> tuple[str, ...]:
        """Data types of the inputs that are there, then of the outputs."""
        return tuple(t.dtype for t in (*self.inputs, *self.outputs) if t is not None)

    def unsupported(self) -> ArtifactError:
        return self.error(f"combines the types {', '.join(self.dtypes())}, which has no arithmetic here")

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.op.where or self.op.kind} {sentence}")
