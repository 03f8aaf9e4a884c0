"""The table of operation × precision × target, against exports of students with one operation each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from convert import litert, onnx, torch_view
from convert.lint.rules import CAVEATS, KINDS, NOTES, table, verdict
from convert.meaning import Meaning
from convert.precision import PRECISIONS
from convert.targets import TARGETS, export
from runtime_py.errors import DpocketError
from runtime_py.lint import lint_artifact
from runtime_py.readers import read
from training.advice import ADVICE
from training.quantize import calibrate
from training.tracing import LAYERS, trace

HEIGHT, WIDTH = 8, 12

Body = Callable[["Single", Tensor], Tensor]

BODIES: dict[str, Body] = {
    "conv2d": lambda self, x: self.dense(x),
    "depthwise_conv2d": lambda self, x: self.depthwise(x),
    "transpose_conv2d": lambda self, x: self.up(x),
    "add relu": lambda self, x: torch.relu(x + x),
    "max_pool2d": lambda self, x: torch.max_pool2d(x, 2),
}
"""By what is in them, besides the concatenation of the inputs and the convolution at the end."""

OF_WRITERS = {"quantize", "dequantize", "reshape", "pad", "space_to_depth", "depth_to_space"}
"""What the writers add of themselves, at the boundary or instead of something."""


class Single(nn.Module):
    """A student whose one operation is given, between the concatenation of its inputs and a head."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.dense = nn.Conv2d(2, 2, 3, padding=1)
        self.depthwise = nn.Conv2d(2, 2, 3, padding=1, groups=2)
        self.up = nn.ConvTranspose2d(2, 2, 2, stride=2)
        self.head = nn.Conv2d(2, 1, 3, padding=1)
        self.body = body

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head(self.body(self, torch.cat([left, right], 1)))


@pytest.mark.parametrize("body", BODIES)
def test_what_the_table_allows_is_exported_and_nothing_else(body: str, tmp_path: Path) -> None:
    graph = trace(Single(BODIES[body]).eval(), [torch.zeros(1, 1, HEIGHT, WIDTH)] * 2)
    views = torch.randn(2, 4, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1)).clamp(-3, 3)
    grid = calibrate(graph, [{"left": views[0], "right": views[1]}], input_scale=3 / 127)
    kinds = {"concat", "conv2d", *body.split()}
    # The ReLU belongs to the addition; XNNPACK gets a transposed convolution as a convolution and a copy.
    copies = {"transpose_conv2d", "depth_to_space", "transpose"}
    names = {"add relu": {"add"}, "transpose_conv2d": copies}.get(body, {body})
    for target in TARGETS:
        for precision in PRECISIONS:
            told = {verdict(kind, target, precision).status for kind in kinds}
            made, refusal = None, ""
            try:
                (made,) = export(graph, Meaning("one", 96, 1), [target], precision, tmp_path, grid)
            except DpocketError as e:
                refusal = str(e)
            assert (made is None) == ("refused" in told), f"{target} {precision}: {refusal or 'was exported'}"
            if made is None:
                continue
            assert names & {op.kind for op in read(made.path).ops}
            # An artifact's lint looks at the file: it must find what the table warns of, and nothing besides.
            runs_otherwise = [f for f in lint_artifact(made.path).findings if f.check in ("island", "delegate")]
            assert bool(runs_otherwise) == ("warning" in told), f"{target} {precision}: {runs_otherwise}"


def test_the_students_have_every_kind_of_the_table() -> None:
    assert {"concat", *" ".join(BODIES).split()} == set(KINDS)


def test_the_table_has_every_kind_that_the_writers_and_the_tracer_know() -> None:
    for known in (litert.OPERATORS, onnx.OPERATORS, torch_view.BODIES):
        assert set(known) - OF_WRITERS == set(KINDS) - {"relu"}
    traced = {"conv_transpose2d": "transpose_conv2d", "cat": "concat"}
    assert {traced.get(name, name) for name in LAYERS} == set(KINDS) - {"relu", "depthwise_conv2d"}


def test_every_cell_that_is_not_ok_says_why_and_what_to_write_instead() -> None:
    cells = list(table())
    assert len(cells) == (len(KINDS) + len(ADVICE)) * len(TARGETS) * len(PRECISIONS)
    for op, target, precision, told in cells:
        assert bool(told.why) == bool(told.instead) == (told.status != "ok"), (op, target, precision)
        assert told.status == "refused" or op in KINDS


def test_an_operation_without_a_rule_is_refused() -> None:
    assert verdict("cumsum", "litert", "fp32").status == "refused"


def test_rules_and_advice_name_targets_and_precisions_that_there_are() -> None:
    named = [(t, p) for _, t, p in CAVEATS] + list(NOTES)
    assert all(t in TARGETS and p in PRECISIONS and p not in TARGETS[t].refused for t, p in named)
    assert {target for advice in ADVICE.values() for target in advice.targets} <= set(TARGETS)
    assert {kind for kind, _, _ in CAVEATS} <= set(KINDS)
