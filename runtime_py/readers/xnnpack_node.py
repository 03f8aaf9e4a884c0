"""`XNode`: one node of an XNNPACK delegate, with what it takes to append its operations."""

from __future__ import annotations

from typing import Any

from runtime_py.arithmetic import ACTIVATION_RANGES
from runtime_py.dialects import DIALECTS
from runtime_py.errors import ArtifactError
from runtime_py.ops import OPS
from runtime_py.ops.node import Node
from runtime_py.program import Op, Tensor
from runtime_py.readers.assembly import Assembly
from runtime_py.readers.flatbuffer import Table
from runtime_py.readers.xnnpack_payload import NONE, Graph


class XNode:
    """One node: its table of fields, and the tensors that they name."""

    def __init__(self, where: str, fields: Table, limits: tuple[float, float], graph: Graph) -> None:
        self.where = where
        self.fields = fields
        self.limits = limits
        self.graph = graph

    @property
    def assembly(self) -> Assembly:
        return self.graph.assembly

    def integer(self, field: int) -> int:
        return self.fields.integer(field, "I")

    def pair(self, first: int, second: int) -> tuple[int, int]:
        return self.integer(first), self.integer(second)

    def integers(self, field: int, rank: int) -> tuple[int, ...]:
        numbers = self.fields.numbers(field, "uint32")
        if numbers.size != rank:
            raise self.error(f"has {numbers.size} numbers for rank {rank}")
        return tuple(numbers.tolist())

    def tensor(self, field: int) -> int:
        return self.graph.tensor(self.integer(field))

    def optional(self, field: int) -> tuple[int, ...]:
        """The tensor of a field in a tuple, which is empty when the node has none."""
        return () if self.integer(field) == NONE else (self.tensor(field),)

    def shape(self, index: int) -> tuple[int, ...]:
        return self.assembly[index].shape

    def image(self, index: int) -> tuple[int, int, int, int]:
        """The shape of a tensor that must have rank 4."""
        shape = self.shape(index)
        if len(shape) != 4:
            raise self.error(f"needs rank 4, has {list(shape)}")
        return shape[0], shape[1], shape[2], shape[3]

    def emit(
        self, kind: str, inputs: tuple[int, ...], field: int, shape: tuple[int, ...] | None = None, **attrs: Any
    ) -> None:
        """An operation that writes the value of a field, of the given shape or of that which follows from the inputs.

        A clamp that is fused into the node becomes an operation of its own.
        """
        self._emit(kind, inputs, field, shape, attrs, self.limits)

    def emit_activated(
        self, kind: str, inputs: tuple[int, ...], field: int, shape: tuple[int, ...] | None = None, **attrs: Any
    ) -> None:
        """As `emit`, for a kind that has fused activations: those are fused that have a name."""
        activation = next((name for name, limits in ACTIVATION_RANGES.items() if limits == self.limits), None)
        limits = self.limits if activation is None else ACTIVATION_RANGES["none"]
        self._emit(kind, inputs, field, shape, attrs | {"activation": activation or "none"}, limits)

    def _emit(
        self,
        kind: str,
        inputs: tuple[int, ...],
        field: int,
        shape: tuple[int, ...] | None,
        attrs: dict[str, Any],
        limits: tuple[float, float],
    ) -> None:
        def inferred(stored: Tensor) -> tuple[int, ...]:
            op = Op(kind, inputs, (), attrs, f"{self.assembly.source}, {self.where}")
            operands = tuple(self.assembly[i] for i in inputs)
            return OPS[kind].shape(Node(op, operands, (stored,), DIALECTS["xnnpack"]))[0]

        output = self.graph.output(self.integer(field), inferred if shape is None else lambda _: shape)
        if limits == ACTIVATION_RANGES["none"]:
            self.assembly.op(kind, inputs, (output,), self.where, **attrs)
            return
        out = self.assembly[output]
        free = self.assembly.tensor(f"{out.name}:unclamped", out.shape, out.dtype, out.quant)
        self.assembly.op(kind, inputs, (free,), self.where, **attrs)
        self.assembly.op("clamp", (free,), (output,), self.where, low=limits[0], high=limits[1])

    def error(self, sentence: str) -> ArtifactError:
        return self.assembly.error(f"{self.where} {sentence}")
