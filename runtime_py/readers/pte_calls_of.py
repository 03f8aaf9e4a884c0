"""What a `.pte` file's instructions call, counted without making a Program of it: foreign kernels are no obstacle."""

from __future__ import annotations

from dataclasses import dataclass

from runtime_py.errors import ArtifactError
from runtime_py.readers.flatbuffer import Table
from runtime_py.readers.pte import DELEGATE, FORWARD, KERNEL, Container
from runtime_py.readers.xnnpack_payload import Payload

XNNPACK = "XnnpackBackend"


@dataclass(frozen=True)
class Calls:
    """The calls of method "forward": per delegate its number of nodes (None of a backend other than XNNPACK), and
    the names of the kernels that run outside of delegates, in order."""

    delegates: tuple[int | None, ...]
    kernels: tuple[str, ...]


def calls_of(data: bytes, source: str) -> Calls:
    """The calls of the file's method "forward", or of its first. Raises ArtifactError for a file that is damaged."""
    container = Container.of(data, source)
    plans = container.root.tables(1, "execution plan")
    plan = next((p for p in plans if p.text(0) == FORWARD), plans[0] if plans else None)
    if plan is None:
        raise ArtifactError(f"{source} has no method")
    operators, stored = plan.tables(6, "operator"), plan.tables(7, "delegate")
    delegates: list[int | None] = []
    kernels: list[str] = []
    for chain in plan.tables(5, "chain"):
        for instruction in chain.tables(2, "instruction"):
            content = instruction.table(1, "an instruction")
            if content is None:
                continue
            kind, index = instruction.integer(0, "B"), content.integer(0)
            if kind == KERNEL:
                kernels.append(_at(operators, index, source).text(0))
            elif kind == DELEGATE:
                delegates.append(_nodes(container, _at(stored, index, source), f"delegate {index}"))
    return Calls(tuple(delegates), tuple(kernels))


def _at(tables: tuple[Table, ...], index: int, source: str) -> Table:
    if not 0 <= index < len(tables):
        raise ArtifactError(f"{source} cannot be used: it calls number {index} of {len(tables)}")
    return tables[index]


def _nodes(container: Container, delegate: Table, where: str) -> int | None:
    if delegate.text(0) != XNNPACK:
        return None
    payload = Payload(bytes(container.delegate_data(delegate)), container.named_data(), where, container.source)
    return len(payload.graph.tables(1, "node"))
