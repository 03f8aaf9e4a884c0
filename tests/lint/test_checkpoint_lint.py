"""Lint of checkpoints and graphs: overflow, clipping and biases with the line of the model, before any converter."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import dpocket
from convert import student as student_module
from convert.lint import half, lint_student, refusals, require_clean
from convert.lint.integers import findings_on_codes, findings_on_grid
from convert.lint.measure import Codes, OnGrid, Reach, observe
from convert.student import export_checkpoint
from runtime_py.errors import DpocketError
from runtime_py.lint import Finding, Report
from runtime_py.lint.table import show
from training.advice import Refusal, Refused
from training.checkpoint import SHIPPED, load_checkpoint
from training.graph import StudentGraph
from training.quantize import Grid, Steps, calibrate
from training.tracing import trace

PAIRS = [("litert", "fp16"), ("coreml", "fp16"), ("litert", "int8")]


class Student(nn.Module):
    """A convolution of the sum of the views, and one more."""

    def __init__(self, weight: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 2, 1)
        self.head = nn.Conv2d(2, 1, 1)
        for module, factor in ((self.first, weight), (self.head, 1.0)):
            nn.init.constant_(module.weight, factor)
            nn.init.constant_(module.bias, bias)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head(self.first(left + right))


def graph_of(student: nn.Module) -> StudentGraph:
    return trace(student.eval(), [torch.zeros(1, 1, 4, 4)] * 2)


def ones(value: float = 1.0) -> list[dict[str, Tensor]]:
    return [{"left": torch.full((1, 1, 4, 4), value), "right": torch.full((1, 1, 4, 4), value)}]


def half_findings(graph: StudentGraph, batches: list[dict[str, Tensor]]) -> list[Finding]:
    reach = Reach(graph)
    observe(graph, batches, [reach])
    return list(half.findings(graph, reach, PAIRS))


def test_reach_is_the_largest_value_and_the_sum_of_all_magnitudes() -> None:
    """Inputs of -1 and 2, weights of 3, -3 and a bias of 5: 3 * 1 + 5, and 3 * 1 + 5 whatever the signs."""
    student = Student()
    with torch.no_grad():
        student.first.weight[:] = torch.tensor([3.0, -3.0]).view(2, 1, 1, 1)
        student.first.bias[:] = 5
    graph, reach = graph_of(student), Reach(graph_of(student))
    observe(graph, [{"left": torch.full((1, 1, 4, 4), -1.0), "right": torch.full((1, 1, 4, 4), 2.0)}], [reach])
    assert (reach.activation["add"], reach.partial["add"]) == (1.0, 3.0)
    assert (reach.activation["first"], reach.partial["first"]) == (8.0, 8.0)
    # The head adds 8 * 1 and 2 * 1.
    assert (reach.activation["disparity"], reach.partial["disparity"]) == (10.0, 10.0)


@pytest.mark.parametrize(
    ("weight", "expected"), [(1e3, []), (1e4, ["warning"]), (4e4, ["refused"]), (7e4, ["refused", "refused"])]
)
def test_float16_overflow_is_found_with_the_line_of_the_model(weight: float, expected: list[str]) -> None:
    found = [f for f in half_findings(graph_of(Student(weight)), ones()) if f.layer == "first"]
    assert [f.status for f in found] == expected
    assert all("test_checkpoint_lint.py" in f.place and f.target == "litert, coreml" for f in found)
    # Weights are in the file and so with every target; the rest would be computed in halves.
    assert (torch.tensor(weight * 2).half().isinf().item()) == ("refused" in expected)


def test_sums_that_cancel_are_a_warning() -> None:
    student = Student(3e4)
    with torch.no_grad():
        student.head.weight[:] = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)
    found = half_findings(graph_of(student), ones(0.4))
    assert [(f.layer, f.status) for f in found] == [("first", "warning")], "24000 of 65504"
    student.first.weight.data *= 0.5
    student.head.weight.data *= 4
    (finding,) = half_findings(graph_of(student), ones(0.4))
    assert (finding.layer, finding.status) == ("disparity", "warning")
    assert "partial sums" in finding.what


def test_weights_that_float16_flushes_are_told_unless_they_say_nothing() -> None:
    assert [f.layer for f in half_findings(graph_of(Student(1e-5)), ones()) if "subnormal" in f.what] == ["first"]
    student = Student()
    student.first.weight.data[1] = 1e-6
    assert half_findings(graph_of(student), ones()) == []


def test_codes_count_what_a_grid_clips_and_uses() -> None:
    """Steps of 1 from zero point -128: of 0, 100, 300 and 600 two are clipped above, 0 to 255 are in use."""
    on_grid = OnGrid(Grid({"x": Steps(1.0, -128)}, {}))
    on_grid.see({"x": torch.tensor([0.0, 100.0, 300.0, 600.0])})
    assert on_grid.codes() == {"x": Codes(0.0, 0.5, 1.0)}
    on_grid.see({"x": torch.tensor([-5.0, 0.0, 0.0, 0.0])})
    assert on_grid.codes()["x"] == Codes(1 / 8, 2 / 8, 1.0)


def test_a_grid_of_other_inputs_clips_and_one_that_is_too_wide_wastes_codes() -> None:
    graph = graph_of(Student())
    grid = calibrate(graph, ones(1.0), input_scale=3 / 127)

    def checks(grid: Grid) -> set[tuple[str, str]]:
        seen = OnGrid(grid)
        observe(graph, ones(1.0), [seen])
        return {(f.check, f.layer) for f in findings_on_codes(graph, seen.codes())}

    narrow = replace(grid, tensors={**grid.tensors, "first": Steps(grid.tensors["first"].scale / 3, -128)})
    assert ("clipping", "first") in checks(narrow) - checks(grid)
    assert ("codes", "first") in checks(grid), "one value alone is in use"


def test_all_biases_that_are_too_large_are_told_at_once() -> None:
    graph = graph_of(Student(bias=1e4))
    weights = {name: (1e-5,) * n for name, n in (("first", 2), ("disparity", 1))}
    grid = replace(calibrate(graph, ones(), input_scale=3 / 127), weights=weights)
    found, audits = findings_on_grid(graph, grid, ["litert"])
    assert [(f.check, f.status, f.layer) for f in found] == [("bias", "refused", n) for n in ("first", "disparity")]
    assert audits == []


def test_the_grid_of_another_student_is_a_finding() -> None:
    (finding,), _ = findings_on_grid(graph_of(Student()), Grid({}, {}), ["litert"])
    assert (finding.check, finding.status) == ("grid", "refused")


def test_one_line_that_runs_many_times_is_one_finding() -> None:
    place = 'File "net.py", line 7'
    refused = [Refusal("tanh", f"{place} (module '{m}')", "what", "instead") for m in ("a", "b", "c")]
    (finding,) = refusals(Refused(refused))
    assert finding.place == f"{place} (module 'a')"
    assert "3 times" in finding.what


def test_everything_that_is_refused_is_raised_as_one_error() -> None:
    found = tuple(Finding("x", "refused", "", f"line {i}", "is wrong", "write it anew") for i in (1, 2))
    with pytest.raises(DpocketError, match=r"2 things:\nline 1: is wrong; write it anew\nline 2"):
        require_clean(Report("net", found))
    require_clean(Report("net", (replace(found[0], status="warning"),)))


def test_the_shipped_student_is_refused_nothing_and_has_its_lines() -> None:
    checkpoint = load_checkpoint(SHIPPED)
    graph = trace(checkpoint.student, [torch.zeros(1, 1, 32, 64)] * 2, outputs=checkpoint.outputs)
    report = lint_student(checkpoint, graph, Grid.from_json(checkpoint.grid_path.read_text()), [("onnx", "int8")])
    assert report.refused == ()
    assert {(f.check, f.target) for f in report.warnings} >= {("rules", "onnx")}
    assert all("pyramid.py" in layer.place for layer in report.layers)
    assert all(np.isfinite(value) for layer in report.layers for value in layer.figures.values())
    for width in (80, 120):
        console = Console(width=width, record=True, file=io.StringIO())
        show(report, console)
        assert max(len(line) for line in console.export_text().splitlines()) <= width


def test_export_refuses_before_any_converter_runs_and_shows_the_lint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = load_checkpoint(SHIPPED)
    with torch.no_grad():
        checkpoint.student.match.weight *= 1e6
        checkpoint.student.head.weight *= 1e6
    monkeypatch.setattr(student_module, "export", lambda *_: pytest.fail("a converter ran"))
    shown: list[Report] = []
    with pytest.raises(DpocketError) as refused:
        export_checkpoint(checkpoint, ["litert"], "fp16", tmp_path, (32, 64), linted=shown.append)
    lines = str(refused.value).splitlines()
    assert len(shown[0].refused) + 1 == len(lines)
    assert all(any('pyramid.py", line' in line and name in line for line in lines) for name in ("match", "head"))
    assert not list(tmp_path.iterdir())


def test_the_command_says_1_for_what_is_refused_and_writes_its_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lint.json"
    with pytest.raises(SystemExit) as done:
        dpocket.main(
            ["lint", str(SHIPPED), "--target", "litert", "--precision", "int8", "--size", "32x64", "--json", str(out)]
        )
    assert done.value.code == 0, capsys.readouterr().err
    assert json.loads(out.read_text())["refused"] == 0
    for arguments in (["--target", "executorch", "--precision", "fp16"], ["--size", "33x64"], ["--target", "tensorrt"]):
        with pytest.raises(SystemExit) as done:
            dpocket.main(["lint", str(SHIPPED), *arguments])
        assert done.value.code == 2
