"""`Nodes`: how many operations a file holds, which of them compute in float, and what of them its runtime delegates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from runtime_py.errors import DpocketError
from runtime_py.inputs import Array
from runtime_py.lint.islands import FLOATS, islands
from runtime_py.program import Op, Program
from runtime_py.readers import file_bytes, read
from runtime_py.runners.executorch import ExecuTorchRunner
from runtime_py.runners.litert import LiteRTRunner, PlannedNode
from runtime_py.runners.onnxruntime import OnnxRuntimeRunner
from runtime_py.runners.runner import ArtifactRunner

DELEGATE = "DELEGATE"
"""What LiteRT calls a node that stands for a delegated part of the graph."""


@dataclass(frozen=True)
class Nodes:
    """Counts of one artifact; None where nobody says, and `unread` is then the reason.

    From the file, by this project's readers: `file`, `floats` (nodes with float activations, quantising ones too) and
    `islands` (the kinds of each part that computes in float between integers). From `source`: `delegated`,
    `partitions`, `outside` (kinds of the nodes that stay outside) and `runs` (kinds of what is executed, counted).
    """

    file: int | None = None
    floats: int | None = None
    islands: tuple[str, ...] | None = None
    delegated: int | None = None
    partitions: int | None = None
    outside: tuple[str, ...] | None = None
    runs: Mapping[str, int] = field(default_factory=dict)
    source: str = ""
    unread: str = ""


@dataclass(frozen=True)
class Placement:
    """Where nodes run, as `source` tells: `file` is how many there are, None where only the reader knows."""

    file: int | None
    delegated: int | None
    partitions: int | None
    outside: tuple[str, ...] | None
    runs: Mapping[str, int]
    source: str


def nodes_of(path: Path, runner: ArtifactRunner, given: Mapping[str, Array]) -> Nodes:
    """The counts of the artifact at `path`, which `runner` has loaded and `given` are inputs of.

    A file that no reader of this project knows lacks only what the readers count.
    """
    try:
        found = _in_file(read(path))
    except DpocketError as e:
        found = Nodes(unread=str(e))
    placed = _placement(path, runner, given)
    if placed is None:
        return found
    return replace(
        found,
        file=found.file if placed.file is None else placed.file,
        delegated=placed.delegated,
        partitions=placed.partitions,
        outside=placed.outside,
        runs=placed.runs,
        source=placed.source,
    )


def _in_file(program: Program) -> Nodes:
    between = tuple(", ".join(op.kind for op in i.ops) for i in islands(program) if i.where == "between")
    return Nodes(file=len(program.ops), floats=sum(_handles_floats(program, op) for op in program.ops), islands=between)


def _handles_floats(program: Program, op: Op) -> bool:
    tensors = [program.tensors[i] for i in (*op.inputs, *op.outputs) if i >= 0]
    return any(t.data is None and t.dtype in FLOATS for t in tensors)


def _placement(path: Path, runner: ArtifactRunner, given: Mapping[str, Array]) -> Placement | None:
    if isinstance(runner, LiteRTRunner):
        plan = runner.plan()
        return None if plan is None else planned(plan)
    if isinstance(runner, OnnxRuntimeRunner):
        return Placement(None, None, None, None, runner.executed(given), "ONNX Runtime's profile")
    if isinstance(runner, ExecuTorchRunner):
        return called(path)
    return None


def planned(plan: Sequence[PlannedNode]) -> Placement:
    """What LiteRT's interpreter says after delegation: the file's nodes, then one node per delegated part.

    A part covers what lies between its inputs and its outputs.
    """
    parts = [node for node in plan if node.name == DELEGATE]
    own = [node for node in plan if node.name != DELEGATE]
    maker = {tensor: i for i, node in enumerate(own) for tensor in node.outputs}
    inside: set[int] = set()
    for part in parts:
        waiting = [tensor for tensor in part.outputs if tensor in maker]
        while waiting:
            at = maker[waiting.pop()]
            if at not in inside:
                inside.add(at)
                waiting += [t for t in own[at].inputs if t in maker and t not in part.inputs]
    outside = tuple(node.name for i, node in enumerate(own) if i not in inside)
    runs = _counted([DELEGATE] * len(parts) + list(outside))
    return Placement(len(own), len(inside), len(parts), outside, runs, "LiteRT's plan after delegation")


def called(path: Path) -> Placement | None:
    """What the instructions of a .pte call: delegates with the nodes of their payloads, and kernels by name."""
    from runtime_py.readers.pte_calls_of import calls_of

    try:
        calls = calls_of(file_bytes(path), str(path))
    except DpocketError:
        return None
    inside = None if None in calls.delegates else sum(n for n in calls.delegates if n is not None)
    runs = _counted([DELEGATE] * len(calls.delegates) + list(calls.kernels))
    file = None if inside is None else inside + len(calls.kernels)
    return Placement(file, inside, len(calls.delegates), calls.kernels, runs, "the instructions of the .pte")


def _counted(names: Sequence[str]) -> dict[str, int]:
    return {name: names.count(name) for name in sorted(set(names))}


TOLD: Mapping[str, Callable[[Nodes], str]] = {
    "nodes": lambda n: _shown(n.file),
    "delegated": lambda n: _shown(n.delegated) + (f" in {n.partitions}" if n.partitions is not None else ""),
    "islands": lambda n: "?" if n.islands is None else str(len(n.islands)),
}
"""The counts as a table shows them."""


def _shown(count: int | None) -> str:
    return "–" if count is None else str(count)
