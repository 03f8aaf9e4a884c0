"""`Limits`: how much memory and work a program may ask for, checked before anything is allocated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runtime_py.errors import ArtifactError
from runtime_py.ops.cost import Cost
from runtime_py.program import Op, Program, Tensor


@dataclass(frozen=True)
class Limits:
    """`memory`: bytes of tensors, weights and workspace alive at once; `operations`: as in `ops.cost.Cost`.

    `Limits(memory=8 << 30, operations=10**13)` runs a large network from a small file.
    """

    memory: int
    operations: int


FLOOR = Limits(memory=768 << 20, operations=80_000_000_000)
"""What any file may take: at most some 4 seconds. The shipped student at 2016x1520 is taken for 3e10 and 303 MiB."""

PER_BYTE = Limits(memory=32, operations=1 << 16)
"""And what it may take more for each byte of its constants."""


def limits_of(program: Program) -> Limits:
    """The limits of a program of which nobody said more: they grow with its constants."""
    stored = sum(_stored(t) for t in program.tensors)
    return Limits(FLOOR.memory + PER_BYTE.memory * stored, FLOOR.operations + PER_BYTE.operations * stored)


def _stored(tensor: Tensor) -> int:
    """Bytes that a constant has in the file; a value that is merely repeated counts once."""
    data = tensor.data
    if data is None:
        return 0
    return int(np.prod([n for n, step in zip(data.shape, data.strides, strict=True) if step])) * data.itemsize


def check(program: Program, costs: Sequence[Cost], limits: Limits) -> None:
    """Raises ArtifactError naming the operation at which a program passes its limits, and by what figure."""
    source = program.source or "the program"
    sizes = [_bytes(t) for t in program.tensors]
    constant = {i for i, t in enumerate(program.tensors) if t.data is not None}
    folded = _folded(program.ops, constant)
    last_use = {i: step for step, op in enumerate(program.ops) for i in (*op.outputs, *op.inputs)}
    kept = sum(cost.kept for cost in costs)
    alive = kept + sum(sizes[i] for i in set(program.inputs) | constant)
    done = 0
    for step, (op, cost) in enumerate(zip(program.ops, costs, strict=True)):
        done += cost.operations
        if done > limits.operations:
            raise ArtifactError(
                f"{source}, {op.where or op.kind}: the program needs about {done:.1e} operations up to here, "
                f"more than its limit of {limits.operations:.1e}; pass limits=Limits(...) to run it nevertheless"
            )
        alive += sum(sizes[i] for i in set(op.outputs))
        if alive + cost.workspace > limits.memory:
            largest = max((i for i in (*op.inputs, *op.outputs) if i >= 0), key=lambda i: sizes[i])
            raise ArtifactError(
                f"{source}, {op.where or op.kind}: the program needs about {(alive + cost.workspace) >> 20} MiB at "
                f"once ('{program.tensors[largest].name}' has the shape {program.tensors[largest].shape}), more than "
                f"its limit of {limits.memory >> 20} MiB; pass limits=Limits(...) to run it nevertheless"
            )
        alive -= sum(
            sizes[i] for i in {*op.inputs, *op.outputs} if _dies(i, step, last_use, program, constant | folded)
        )


def _dies(index: int, step: int, last_use: Mapping[int, int], program: Program, lasting: set[int]) -> bool:
    return index >= 0 and last_use[index] == step and index not in program.outputs and index not in lasting


def _folded(ops: Sequence[Op], constant: set[int]) -> set[int]:
    """Tensors that are computed from constants alone, once, and then kept."""
    known = set(constant)
    for op in ops:
        if op.inputs and all(i in known for i in op.inputs):
            known |= set(op.outputs)
    return known - constant


def _bytes(tensor: Tensor) -> int:
    size = int(np.dtype(tensor.dtype).itemsize)
    for n in tensor.shape:
        size *= n
    return size
