"""Float islands of an integer program: where its numbers leave int8 and come back, start late or end early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runtime_py.program import Op, Program

FLOATS = ("float32", "float16")

BORDERS = ("quantize", "dequantize")


@dataclass(frozen=True)
class Island:
    """Neighbouring operations that compute in float, in order.

    "between" int8 ones; at the "start", in front of the first of them; at the "end", behind the last.
    """

    ops: tuple[Op, ...]
    where: Literal["between", "start", "end"]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(op.kind for op in self.ops))


def is_integer(program: Program) -> bool:
    """Whether any operation computes on int8: one that only borders on it does not."""
    return any(
        op.kind not in BORDERS and program.tensors[i].dtype == "int8" and program.tensors[i].data is None
        for op in program.ops
        for i in op.outputs
    )


def islands(program: Program) -> tuple[Island, ...]:
    """All of an integer program, in the order of their first operations; none of a float program.

    What computes on nothing but constants (weights that are dequantised as they are loaded) is no island.
    """
    if not is_integer(program):
        return ()
    integer = {i for i, t in enumerate(program.tensors) if t.data is None and t.dtype == "int8"}
    moving = _reached(program, set(program.inputs), forwards=True)
    floats = [op for op in program.ops if _is_float(program, op) and moving & set(op.outputs)]
    behind = _reached(program, integer & moving, forwards=True)
    before = _reached(program, integer & moving, forwards=False)
    found = []
    for ops in _connected(program, floats):
        tensors = {i for op in ops for i in (*op.inputs, *op.outputs)}
        enters, leaves = bool(tensors & behind), bool(tensors & before)
        found.append(Island(tuple(ops), "between" if enters and leaves else "end" if enters else "start"))
    return tuple(found)


def _is_float(program: Program, op: Op) -> bool:
    """Whether an operation computes floats; what only crosses the border to int8 does not."""
    return op.kind not in BORDERS and any(program.tensors[i].dtype in FLOATS for i in op.outputs)


def _reached(program: Program, tensors: set[int], forwards: bool) -> set[int]:
    """The tensors that depend on `tensors`, or those that they depend on, with them."""
    reached = set(tensors)
    for op in program.ops if forwards else reversed(program.ops):
        given, made = (op.inputs, op.outputs) if forwards else (op.outputs, op.inputs)
        if reached & set(given):
            reached |= set(made)
    return reached


def _connected(program: Program, ops: Sequence[Op]) -> list[list[Op]]:
    """Groups of operations that hand each other float tensors."""
    group = list(range(len(ops)))
    maker: dict[int, int] = {}
    for n, op in enumerate(ops):
        for i in op.inputs:
            if i in maker:
                old, new = group[n], group[maker[i]]
                group = [new if g == old else g for g in group]
        maker.update(dict.fromkeys(op.outputs, n))
    return [[op for op, g in zip(ops, group, strict=True) if g == number] for number in dict.fromkeys(group)]
