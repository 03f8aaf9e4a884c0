"""The .tflite file as a file: what the format asks for beyond what one runtime happens to need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from convert.artifact import Artifact
from convert.meaning import Meaning
from convert.targets import export
from training.models import build, form_of
from training.quantize import calibrate
from training.tracing import trace

Exports = Mapping[tuple[str, str], Artifact]


@pytest.mark.parametrize("precision", ["int8", "fp32", "fp16", "int8-weights"])
def test_buffers_lie_on_multiples_of_16_bytes(precision: str, exports: Exports) -> None:
    from ai_edge_litert import schema_py_generated as schema

    data = exports["litert", precision].path.read_bytes()
    model = schema.Model.GetRootAsModel(data, 0)
    assert data[4:8] == b"TFL3"
    filled = [model.Buffers(i) for i in range(model.BuffersLength()) if model.Buffers(i).DataLength()]
    assert filled
    for buffer in filled:
        table = buffer._tab
        assert table.Vector(table.Offset(4)) % 16 == 0


@pytest.mark.parametrize("name", ["pocket", "pyramid"])
def test_an_int8_file_is_at_most_two_fifths_larger_than_its_parameters(name: str, tmp_path: Path) -> None:
    example = torch.zeros(1, 1, 64, 64)
    graph = trace(build(name), (example, example), outputs=form_of(name).outputs)
    grid = calibrate(graph, [{"left": example + 1, "right": example}], input_scale=3 / 127)
    (made,) = export(graph, Meaning(name, 768, 4), ["litert"], "int8", tmp_path, grid)
    assert made.manifest.bytes <= 1.4 * sum(p.numel() for p in build(name).parameters())


def test_operator_versions_are_those_that_introduced_what_is_used(exports: Exports) -> None:
    from ai_edge_litert import schema_py_generated as schema

    def versions(precision: str) -> dict[str, int]:
        data = exports["litert", precision].path.read_bytes()
        model = schema.Model.GetRootAsModel(data, 0)
        names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
        codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
        found: dict[str, int] = {}
        for code in codes:
            name = names[code.BuiltinCode()]
            found[name] = max(found.get(name, 0), code.Version())
        return found

    blocks = {"DEPTH_TO_SPACE": 1, "PAD": 2, "RESHAPE": 1, "SPACE_TO_DEPTH": 1}
    int8 = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "ADD": 2, "CONCATENATION": 2, "MAX_POOL_2D": 2, "TRANSPOSE_CONV": 4}
    fp32 = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 2, "ADD": 1, "CONCATENATION": 1, "MAX_POOL_2D": 1, "TRANSPOSE_CONV": 4}
    assert versions("int8") == {**int8, **blocks}
    assert versions("fp32") == fp32
    assert versions("fp16") == {**fp32, "DEQUANTIZE": 3}
    assert versions("int8-weights") == {**fp32, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 6}
