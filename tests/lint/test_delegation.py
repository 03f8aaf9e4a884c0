"""What lint says XNNPACK leaves outside, against what LiteRT's delegate does leave outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.models import INT8_OPS, OTHER_OPS
from benchmarks.models.tflite import Model
from runtime_py.errors import ArtifactError
from runtime_py.lint.xnnpack import outside
from runtime_py.readers.tflite import read_tflite

OPS = {**INT8_OPS, **OTHER_OPS}


def left_outside(content: bytes) -> set[int]:
    """Numbers of the operators that no delegate's partition computes: walked back from each partition's outputs."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    ops: list[dict[str, Any]] = interpreter._get_ops_details()
    delegates = [op for op in ops if op["op_name"] == "DELEGATE"]
    own = [op for op in ops if op["op_name"] != "DELEGATE"]
    maker = {int(i): op for op in own for i in op["outputs"]}
    taken: set[int] = set()
    for delegate in delegates:
        todo, given = [int(i) for i in delegate["outputs"]], {int(i) for i in delegate["inputs"]}
        while todo:
            i = todo.pop()
            if i in maker and i not in given and maker[i]["index"] not in taken:
                taken.add(maker[i]["index"])
                todo += [int(j) for j in maker[i]["inputs"]]
    return {int(op["index"]) for op in own} - taken


def forms(model: Model, name: str) -> Iterator[Model]:
    """The model, on real numbers too, and on real numbers with int8 weights."""
    yield model
    if name not in ("quantize", "requantize", "dequantize"):
        yield model.float_twin()
    if name in ("conv2d", "depthwise_conv2d"):
        yield model.hybrid_twin()


@pytest.mark.parametrize("name", OPS)
def test_the_delegate_takes_exactly_what_lint_says(name: str) -> None:
    compared = 0
    for seed in range(6):
        for model in forms(OPS[name](np.random.default_rng(seed)), name):
            content = model.content()
            try:
                program, found = read_tflite(content, "model"), left_outside(content)
            except (RuntimeError, ArtifactError):  # a random model that LiteRT, or this project, does not take at all
                continue
            expected = {int(op.where.split()[1]) for op in program.ops if outside(program, op)}
            assert expected == found, [(op.where, outside(program, op)) for op in program.ops]
            compared += 1
    assert compared
