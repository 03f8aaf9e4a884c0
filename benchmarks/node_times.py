"""Where a .tflite's time goes: every node as a file of its own, in LiteRT on one thread.

    python -m benchmarks.node_times ARTIFACT.tflite [ARTIFACT.tflite …] [--rounds N] [--json FILE]

The wheel of LiteRT has no profiler that Python could ask, so each node is cut out with the tensors that it reads and
writes, and all of them take turns. Alone a node also copies its input and output over the delegate's boundary, and what
a runtime fuses is not fused: the nodes add up to more than the model, which is measured with them as "whole".
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import copy
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runtime_py.bench.inputs import random_inputs
from runtime_py.bench.rounds import Clock, Spread, measure
from runtime_py.files import write_atomic
from runtime_py.program import Op, Program
from runtime_py.quiet import quiet
from runtime_py.readers import read
from runtime_py.runners.litert import LiteRTRunner

CONVOLUTIONS = ("conv2d", "depthwise_conv2d", "transpose_conv2d")


@dataclass(frozen=True)
class NodeTime:
    """A node of a file: kind, output shape and type, multiplications and additions (M), ms, whether it is delegated."""

    kind: str
    output: tuple[int, ...]
    dtype: str
    mega_macs: float
    milliseconds: Spread
    delegated: bool


def node_times(path: Path, rounds: int) -> tuple[Spread, list[NodeTime]]:
    """The whole model's time and each node's."""
    program, clock = read(path), Clock()
    whole = LiteRTRunner(path)
    parts = []
    for number in range(len(program.ops)):
        alone = path.with_name(f".{path.stem}.{number}.tflite")
        alone.write_bytes(cut_out(path.read_bytes(), number))
        try:
            parts.append(LiteRTRunner(alone))
        finally:
            alone.unlink()
    turns = [_turn(runner) for runner in (whole, *parts)]
    with quiet(native=True):
        found = [Spread.of(t.processor) for t in measure(turns, rounds, 5, clock)]
    rows = [_row(program, op, spread, part) for op, spread, part in zip(program.ops, found[1:], parts, strict=True)]
    return found[0], rows


def _turn(runner: LiteRTRunner) -> Callable[[], object]:
    given = random_inputs(runner.name, runner.inputs)
    return lambda: runner.run(given)


def _row(program: Program, op: Op, spread: Spread, alone: LiteRTRunner) -> NodeTime:
    out = program.tensors[op.outputs[0]]
    delegated = any(node.name == "DELEGATE" for node in alone.plan() or ())
    return NodeTime(op.kind, out.shape, out.dtype, macs(program, op) / 1e6, spread, delegated)


def macs(program: Program, op: Op) -> int:
    """Products that are summed: a weight is used once per output pixel, of a transposed convolution per input pixel."""
    if op.kind not in CONVOLUTIONS:
        return 0
    plane = program.tensors[op.inputs[0] if op.kind == "transpose_conv2d" else op.outputs[0]].shape[:3]
    return math.prod(plane) * math.prod(program.tensors[op.inputs[1]].shape)


def cut_out(data: bytes, number: int) -> bytes:
    """A .tflite with operator `number` of `data` alone: its activations are inputs and outputs, constants stay."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = model.subgraphs[0]
    op = graph.operators[number]
    used = [*dict.fromkeys(int(i) for i in (*op.inputs, *op.outputs) if i >= 0)]
    tensors = [copy.copy(graph.tensors[i]) for i in used]
    place = {old: new for new, old in enumerate(used)}
    buffers = [schema.BufferT()]
    for tensor in tensors:
        stored = model.buffers[tensor.buffer]
        has_data = stored.data is not None and len(stored.data) > 0
        tensor.buffer = len(buffers) if has_data else 0
        buffers += [stored] if has_data else []
    op.inputs = [place.get(int(i), -1) for i in op.inputs]
    op.outputs = [place[int(i)] for i in op.outputs]
    graph.tensors, graph.operators = tensors, [op]
    graph.inputs = [i for i in dict.fromkeys(op.inputs) if i >= 0 and tensors[i].buffer == 0]
    graph.outputs = op.outputs
    model.subgraphs, model.buffers, model.metadata, model.signatureDefs = [graph], buffers, [], []
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def report(name: str, whole: Spread, rows: list[NodeTime]) -> str:
    """A Markdown table."""
    lines = [f"{name}: whole {whole} ms, nodes alone {sum(r.milliseconds.median for r in rows):.2f} ms", ""]
    lines += ["| node | output | MMAC | median ms (quartiles) | GMAC/s |", "|---|---|---|---|---|"]
    for row in rows:
        shape, ms = "×".join(map(str, row.output)), row.milliseconds
        rate = f"{row.mega_macs / ms.median:.0f}" if row.mega_macs else ""
        kind = row.kind if row.delegated else f"{row.kind} (not delegated)"
        spread = f"{ms.median:.3f} ({ms.lower:.3f}–{ms.upper:.3f})"
        lines.append(f"| {kind} | {row.dtype} {shape} | {row.mega_macs:.1f} | {spread} | {rate} |")
    return "\n".join(lines)


def main() -> None:
    """Prints a table per artifact."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("artifacts", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    told = []
    for path in given.artifacts:
        whole, rows = node_times(path, given.rounds)
        print(report(path.name, whole, rows), end="\n\n")
        told.append({"artifact": path.name, "whole": asdict(whole), "nodes": [asdict(row) for row in rows]})
    if given.json is not None:
        write_atomic(given.json, (json.dumps(told, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
