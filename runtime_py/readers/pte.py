"""`.pte` files (ExecuTorch programs) into `Program`s. Field numbers are those of ExecuTorch's program.fbs (`ET12`).

The file is a FlatBuffer, an extended header inside it ("eh00" at byte 8) and segments behind it. One execution plan
per method holds values and instructions: calls of portable kernels by name, and of delegates with a payload of their
own. Sources: schema/program.fbs and exir/_serialize/_program.py of the executorch wheel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime_py.contract import CONTRACT_KEY, CONTRACT_METHOD, Contract
from runtime_py.errors import ArtifactError, ContractError
from runtime_py.program import Program
from runtime_py.readers.assembly import Assembly
from runtime_py.readers.flatbuffer import FlatBuffer, Table
from runtime_py.readers.layout import without_transposes
from runtime_py.readers.pte_calls import Call, Externals
from runtime_py.readers.pte_ops import KERNELS
from runtime_py.readers.pte_values import STRING, TENSOR, Stored, Values
from runtime_py.readers.xnnpack_nodes import read_nodes
from runtime_py.readers.xnnpack_payload import Graph, Payload

FORWARD = "forward"
"""The method that is read; others only when they are the only one with inputs or tensors."""

KERNEL, DELEGATE, MOVE, JUMP, FREE = range(1, 6)


def read_pte(data: bytes, source: str) -> Program:
    """The method "forward" of a `.pte` file as a Program; `source` names the file in errors.

    Tensors keep PyTorch's shapes (images NCHW). Names are those of the contract in the file; without one inputs are
    input0, input1, … and outputs output0, …, since the format has none. Metadata holds the results of methods that
    return a constant text, by method, and the contract under its own key. Raises ArtifactError with the place for
    anything damaged, foreign or not supported.
    """
    return _Reader(Container.of(data, source)).program()


@dataclass(frozen=True)
class Container:
    """The FlatBuffer's root and the segments of one file."""

    data: memoryview
    root: Table
    base: int
    source: str

    @staticmethod
    def of(data: bytes, source: str) -> Container:
        if data[4:6] != b"ET":
            raise ArtifactError(f"{source} is not a .pte file: bytes 4 to 8 are {data[4:8]!r}, not b'ET12' or alike")
        whole = FlatBuffer(data, source)
        size, base = len(data), 0
        if data[8:12] == b"eh00":
            size = int(whole.number("Q", 16, "the extended header"))
            base = int(whole.number("Q", 24, "the extended header"))
            whole.require(0, max(size, base), "the program")
        return Container(memoryview(data), FlatBuffer(data[:size], source).root(), base, source)

    def segment(self, index: int, place: str) -> memoryview:
        """The bytes of a segment behind the program."""
        segments = self.root.tables(4, "segment")
        if not 0 <= index < len(segments):
            raise self.error(f"{place} is in segment {index}, there are {len(segments)}")
        offset, size = segments[index].integer(0, "Q"), segments[index].integer(1, "Q")
        return self._cut(self.data, self.base + offset, size, place)

    def constant(self, number: int, size: int, place: str) -> memoryview:
        """The bytes of a constant tensor: in the constant segment, or in a buffer of the program as older files do."""
        where = self.root.table(5, "the constant segment")
        if where is None or not where.numbers(1, "uint64").size:
            buffers = self.root.tables(2, "constant buffer")
            if number >= len(buffers):
                raise self.error(f"{place} is in constant buffer {number}, there are {len(buffers)}")
            return self._cut(memoryview(buffers[number].numbers(0, "uint8").data), 0, size, place)
        offsets = where.numbers(1, "uint64")
        if number >= offsets.size:
            raise self.error(f"{place} is constant {number}, there are {offsets.size}")
        return self._cut(self.segment(where.integer(0, "I"), place), int(offsets[number]), size, place)

    def named_data(self) -> Mapping[str, memoryview]:
        """Segments that delegates know by key."""
        entries = self.root.tables(7, "named data")
        return {t.text(0): self.segment(t.integer(1, "I"), f"named data '{t.text(0)[:80]}'") for t in entries}

    def delegate_data(self, delegate: Table) -> memoryview:
        """The payload of a delegate: in the program itself or in a segment."""
        where = delegate.table(1, f"the data of {delegate.place}")
        if where is None:
            raise self.error(f"{delegate.place} has no data")
        index = where.integer(1, "I")
        if where.integer(0, "b") == 1:
            return self.segment(index, f"the data of {delegate.place}")
        inline = self.root.tables(3, "delegate data")
        if index >= len(inline):
            raise self.error(f"{delegate.place} has its data in entry {index}, there are {len(inline)}")
        return memoryview(inline[index].numbers(0, "uint8").data)

    def error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self.source} cannot be used: {sentence}")

    def _cut(self, data: memoryview, offset: int, size: int, place: str) -> memoryview:
        if offset < 0 or size < 0 or offset + size > len(data):
            raise self.error(f"{place} needs bytes {offset} to {offset + size}, there are {len(data)}")
        return data[offset : offset + size]


class _Reader:
    def __init__(self, container: Container) -> None:
        self._container = container
        self._plans = {plan.text(0): plan for plan in container.root.tables(1, "execution plan")}
        self._assembly = Assembly(container.source, len(container.data))
        self._named_data = container.named_data()

    def program(self) -> Program:
        plan = self._plan()
        self._operators = tuple(_operator_name(t) for t in plan.tables(6, "operator"))
        self._delegates = plan.tables(7, "delegate")
        self._values = _values(plan, self._assembly, self._container.constant)
        inputs = tuple(self._assembly.fed(i) for i in self._tensors(plan, 3, "the inputs"))
        chains = plan.tables(5, "chain")
        if len(chains) != 1:
            raise self._error(f"method '{plan.text(0)}' has {len(chains)} chains, expected 1")
        instructions = chains[0].tables(2, "instruction")
        self._refuse_unknown(instructions)
        self._values.note_written(inputs)
        for number, instruction in enumerate(instructions):
            first = len(self._assembly.ops)
            self._instruct(number, instruction)
            self._values.note_written(i for op in self._assembly.ops[first:] for i in op.outputs)
        outputs = self._tensors(plan, 4, "the outputs")
        metadata = self._metadata()
        self._rename(inputs, outputs, metadata.get(CONTRACT_KEY))
        return without_transposes(self._assembly.program(inputs, outputs, metadata))

    def _error(self, sentence: str) -> ArtifactError:
        return self._assembly.error(sentence)

    def _plan(self) -> Table:
        """The method to run: "forward", or the only one that is not a constant."""
        running = [name for name, plan in self._plans.items() if plan.tables(5, "chain") and plan.tables(2, "value")]
        running = [name for name in running if _constant_text(self._plans[name]) is None]
        name = FORWARD if FORWARD in self._plans else running[0] if len(running) == 1 else None
        if name is None:
            raise self._error(f"it has no method '{FORWARD}'; its methods are: {', '.join(self._plans) or 'none'}")
        return self._plans[name]

    def _tensors(self, plan: Table, field: int, role: str) -> tuple[int, ...]:
        numbers = plan.numbers(field, "int32").tolist()
        for i in numbers:
            if self._values.kind(i, role) != TENSOR:
                raise self._error(f"{role} of '{plan.text(0)}' name value {i}, which is not a tensor")
        return tuple(self._values.readable(i, role).index for i in numbers)

    def _refuse_unknown(self, instructions: tuple[Table, ...]) -> None:
        calls = [t.table(1, f"instruction {i}") for i, t in enumerate(instructions) if t.integer(0, "B") == KERNEL]
        used = {self._operator(call.integer(0), call.place) for call in calls if call is not None}
        unknown = sorted(used - set(KERNELS))
        if unknown:
            raise self._error(f"it uses {', '.join(unknown)}; kernels that are known: {', '.join(KERNELS)}")

    def _operator(self, index: int, where: str) -> str:
        if not 0 <= index < len(self._operators):
            raise self._error(f"{where} calls operator {index}, there are {len(self._operators)}")
        return self._operators[index]

    def _instruct(self, number: int, instruction: Table) -> None:
        kind, content = instruction.integer(0, "B"), instruction.table(1, f"instruction {number}")
        if kind == FREE:
            return
        if content is None or kind not in (KERNEL, DELEGATE):
            raise self._error(f"instruction {number} moves values or jumps (kind {kind}), which is not supported")
        arguments = content.numbers(1, "int32")
        if arguments.size > MOST_ARGUMENTS:
            raise self._error(f"instruction {number} has {arguments.size} arguments")
        index = content.integer(0)
        if kind == KERNEL:
            name = self._operator(index, content.place)
            call = Call(f"instruction {number} ({name})", arguments.tolist(), self._values, self._assembly)
            KERNELS[name](call)
            return
        if not 0 <= index < len(self._delegates):
            raise self._error(f"instruction {number} calls delegate {index}, there are {len(self._delegates)}")
        self._delegate(self._delegates[index], f"delegate {index}", arguments.tolist())

    def _delegate(self, delegate: Table, where: str, arguments: list[int]) -> None:
        if delegate.text(0) != "XnnpackBackend":
            raise self._error(f"{where} is for {delegate.text(0)!r}; supported is only XnnpackBackend")
        stored = bytes(self._container.delegate_data(delegate))
        externals = Externals(Call(where, arguments, self._values, self._assembly))
        payload = Payload(stored, self._named_data, where, self._container.source)
        read_nodes(payload.graph.tables(1, "node"), Graph(payload, externals))

    def _metadata(self) -> dict[str, bytes]:
        texts = {name: _constant_text(plan) for name, plan in self._plans.items() if name != FORWARD}
        metadata = {name: text.encode() for name, text in texts.items() if text is not None}
        if CONTRACT_METHOD in metadata:
            metadata[CONTRACT_KEY] = metadata.pop(CONTRACT_METHOD)
        return metadata

    def _rename(self, inputs: tuple[int, ...], outputs: tuple[int, ...], contract: bytes | None) -> None:
        names = [f"input{i}" for i in range(len(inputs))], [f"output{i}" for i in range(len(outputs))]
        try:
            known = None if contract is None else Contract.from_json(contract)
        except ContractError as e:
            raise self._error(str(e)) from e
        if known is not None and (len(known.inputs), len(known.outputs)) == (len(inputs), len(outputs)):
            names = [s.name for s in known.inputs], [s.name for s in known.outputs]
        taken: set[str] = set()
        for index, name in zip((*outputs, *inputs), (*names[1], *names[0]), strict=True):
            self._assembly.rename(index, f"{name}#{index}" if name in taken else name)
            taken.add(name)


MOST_ARGUMENTS = 1 << 12
"""Arguments of one call; more is taken for damage."""


def _values(plan: Table, assembly: Assembly, stored: Stored) -> Values:
    return Values(plan.tables(2, "value"), assembly, stored)


def _constant_text(plan: Table) -> str | None:
    """What a method without inputs returns when that is one constant text."""
    outputs, values = plan.numbers(4, "int32"), plan.tables(2, "value")
    if plan.numbers(3, "int32").size or outputs.size != 1 or not 0 <= int(outputs[0]) < len(values):
        return None
    value = values[int(outputs[0])]
    content = value.table(1, "the result of a constant method")
    return content.text(0) if value.integer(0, "B") == STRING and content is not None else None


def _operator_name(table: Table) -> str:
    name, overload = table.text(0), table.text(1)
    return f"{name}.{overload}" if overload else name
