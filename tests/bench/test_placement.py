from __future__ import annotations

from pathlib import Path

import pytest

from runtime_py.bench import bench
from runtime_py.bench.nodes import planned
from runtime_py.bench.table import notes
from runtime_py.runners.litert import PlannedNode

SHAPE = (1, 4, 6, 1)


def test_a_delegated_part_covers_what_lies_between_its_inputs_and_its_outputs() -> None:
    plan = [
        PlannedNode("CONV_2D", (0,), (1,)),
        PlannedNode("CUSTOM", (1,), (2,)),
        PlannedNode("ADD", (2, 1), (3,)),
        PlannedNode("RELU", (3,), (4,)),
        PlannedNode("DELEGATE", (0,), (1,)),
        PlannedNode("DELEGATE", (2, 1), (4,)),
    ]
    found = planned(plan)
    assert (found.file, found.delegated, found.partitions) == (4, 3, 2)
    assert found.outside == ("CUSTOM",)
    assert found.runs == {"CUSTOM": 1, "DELEGATE": 2}


def test_a_float_island_in_a_file_and_a_node_outside_of_the_delegate_are_named(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    from benchmarks.models.tflite import O, T, model

    tensors = [
        T("x", SHAPE, "int8", 0.1),
        T("f", SHAPE, "float32"),
        T("g", SHAPE, "float32"),
        T("y", SHAPE, "int8", 0.1),
    ]
    ops = [O("DEQUANTIZE", (0,), (1,)), O("FLOOR", (1,), (2,)), O("QUANTIZE", (2,), (3,)), O("ABS", (3,), (4,))]
    tensors.append(T("z", SHAPE, "int8", 0.1))
    path = tmp_path / "island.tflite"
    path.write_bytes(model(tensors, ops, (0,), (4,)))
    found = bench([path], rounds=1)
    nodes = found.entries[0].nodes
    assert (nodes.file, nodes.floats, nodes.islands) == (4, 3, ("floor",))
    # XNNPACK has no int8 ABS.
    assert (nodes.delegated, nodes.partitions, nodes.outside) == (3, 1, ("ABS",))
    told = ["in float between integers: floor; 3 nodes with floats", "outside of a delegate: ABS"]
    assert notes(found) == [f"island.tflite: {line}" for line in told]
