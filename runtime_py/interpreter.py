"""`Interpreter`: runs a Program in one dialect. The reference for what a phone computes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from runtime_py.dialects import dialect_named
from runtime_py.errors import ArtifactError
from runtime_py.inputs import Array, checked_inputs
from runtime_py.limits import Limits, limits_of
from runtime_py.limits import check as check_limits
from runtime_py.ops import check, prepare
from runtime_py.ops.node import Kernel
from runtime_py.program import Op, Program

Listener = Callable[[str, Array], None]


class Interpreter:
    """A Program made ready for one dialect ("xnnpack" or "litert-reference"); may be run any number of times.

    Raises ArtifactError when an operation cannot be done or the program would take more memory or work than `limits`
    (those of `limits_of` when not given), DpocketError for an unknown dialect.
    """

    def __init__(self, program: Program, dialect: str = "xnnpack", limits: Limits | None = None) -> None:
        self.program = program
        rules = dialect_named(dialect)
        names = program.input_names()
        if len(set(names)) < len(names):
            raise ArtifactError(f"{program.source or 'the program'} names an input twice: {', '.join(names)}")
        self._tensors = list(program.tensors)
        self._steps: list[tuple[Op, Kernel]] = []
        checked = [check(self._tensors, op, rules, program.source) for op in program.ops]
        check_limits(program, [c.cost for c in checked], limits or limits_of(program))
        with np.errstate(all="ignore"):
            for op, ready in zip(program.ops, checked, strict=True):
                self._add(op, prepare(ready, self._tensors))
        last_use = {i: step for step, (op, _) in enumerate(self._steps) for i in (*op.outputs, *op.inputs)}
        kept = {*program.outputs, *(i for i, t in enumerate(self._tensors) if t.data is not None), -1}
        self._freed: list[list[int]] = [[] for _ in self._steps]
        for index, step in last_use.items():
            if index not in kept:
                self._freed[step].append(index)

    def _add(self, op: Op, kernel: Kernel) -> None:
        """A step of its own, or constants at once where only constants go in (weights stored as half floats, say)."""
        data = [self._tensors[i].data for i in op.inputs if i >= 0]
        known = [array for array in data if array is not None]
        if not op.inputs or -1 in op.inputs or len(known) < len(data):
            self._steps.append((op, kernel))
            return
        for index, array in zip(op.outputs, _computed(op, kernel, known), strict=True):
            self._tensors[index] = replace(self._tensors[index], data=array)

    def run(self, inputs: Mapping[str, Array], listener: Listener | None = None) -> dict[str, Array]:
        """Outputs by name. `listener` gets (name, array) of every input and of every tensor that depends on them.

        Raises ContractError when names, shapes or types are not those of the program's inputs.
        """
        steps = self.trace(inputs)
        while True:
            try:
                name, array = next(steps)
            except StopIteration as finished:
                outputs: dict[str, Array] = finished.value
                return outputs
            if listener is not None:
                listener(name, array)

    def trace(self, inputs: Mapping[str, Array]) -> Generator[tuple[str, Array], None, dict[str, Array]]:
        """Yields (name, array) of every tensor as soon as it exists and returns the outputs.

        A tensor is dropped after its last use, so memory is bounded by the largest set that is alive at once, unless
        the caller keeps what it is given. Raises as `run`.
        """
        program = self.program
        values: dict[int, Array] = {i: t.data for i, t in enumerate(self._tensors) if t.data is not None}
        values[-1] = np.empty(0)
        expected = [program.tensors[i] for i in program.inputs]
        for index, array in zip(program.inputs, checked_inputs(expected, inputs), strict=True):
            values[index] = array
            yield program.tensors[index].name, array
        for (op, kernel), freed in zip(self._steps, self._freed, strict=True):
            results = _computed(op, kernel, [values[i] for i in op.inputs])
            for index, array in zip(op.outputs, results, strict=True):
                values[index] = np.asarray(array)
                yield program.tensors[index].name, values[index]
            for index in freed:
                del values[index]
        return {program.tensors[i].name: values[i] for i in program.outputs}


def _computed(op: Op, kernel: Kernel, arrays: Sequence[Array]) -> Sequence[Array]:
    try:
        with np.errstate(all="ignore"):
            return kernel(arrays)
    except MemoryError as e:
        raise ArtifactError(f"{op.where or op.kind} needs more memory than there is here ({e})") from e
