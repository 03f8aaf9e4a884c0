"""From a module to its layers, and the operations that students may not use."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training import tracing
from training.advice import ADVICE, Refused
from training.graph import same_pads
from training.models.pocket import PocketStudent
from training.tracing import trace

VIEWS = (torch.zeros(1, 1, 16, 32), torch.zeros(1, 1, 16, 32))


class Body(nn.Module):
    """A student whose body is given."""

    def __init__(self, body: Callable[[Body, Tensor], Tensor]) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.strided = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.pair = nn.Conv2d(4, 2, 1)
        self.head = nn.Conv2d(4, 1, 1)
        self.body = body

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head(self.body(self, self.first(torch.cat([left, right], 1))))


def test_tensors_carry_module_paths_and_relu_belongs_to_its_producer() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x + F.relu(self.conv(x)))

    student = Body(lambda self, x: self.block(x))
    student.block = Block()
    layers = trace(student, VIEWS).layers
    assert [(layer.name, layer.kind, layer.relu) for layer in layers] == [
        ("concat", "concat", False),
        ("first", "conv2d", False),
        ("block.conv", "conv2d", True),
        ("block.add", "add", True),
        ("disparity", "conv2d", False),
    ]
    assert layers[-1].module == "head"


def test_the_graph_computes_what_the_module_computes() -> None:
    torch.manual_seed(0)
    student = PocketStudent(4, 6, 6, 8)
    graph = trace(student, [torch.zeros(1, 1, 32, 48)] * 2)
    left, right = torch.randn(2, 3, 1, 32, 48)
    with torch.no_grad():
        found = graph.run({"left": left, "right": right})
        torch.testing.assert_close(found["disparity"], student(left, right))
    assert {name: value.shape[1:] for name, value in found.items()} == {
        n: torch.Size(s[1:]) for n, s in graph.shapes.items()
    }


def test_a_module_used_twice_gives_two_layers_with_the_same_weights() -> None:
    layers = trace(Body(lambda self, x: self.second(torch.relu(self.second(x)))), VIEWS).layers
    assert [layer.name for layer in layers if layer.module == "second"] == ["second", "second_2"]


def test_a_batch_norm_is_part_of_the_convolution_in_front_of_it() -> None:
    torch.manual_seed(0)
    student = Body(lambda self, x: torch.relu(self.norm(self.second(x)))).eval()
    student.norm.running_mean.normal_()
    student.norm.running_var.uniform_(0.5, 2.0)
    graph = trace(student, VIEWS)
    assert [(layer.name, layer.relu) for layer in graph.layers[2:]] == [("second", True), ("disparity", False)]
    left, right = torch.randn(2, 3, 1, 16, 32)
    with torch.no_grad():
        torch.testing.assert_close(graph.run({"left": left, "right": right})["disparity"], student(left, right))
    assert isinstance(student.norm, nn.BatchNorm2d), "the student itself stays what it was"


def test_tracing_leaves_training_mode_alone() -> None:
    student = Body(lambda self, x: self.second(x)).train()
    student.head.eval()
    trace(student, VIEWS)
    assert student.training
    assert not student.head.training


REFUSED: dict[str, tuple[Callable[[Body, Tensor], Tensor], str]] = {
    "leaky_relu": (lambda self, x: F.leaky_relu(x), "use ReLU"),
    "batch_norm": (lambda self, x: self.norm(torch.relu(x)), "put it right behind a convolution"),
    "upsample_bilinear2d": (lambda self, x: F.interpolate(x, scale_factor=2, mode="bilinear"), "ConvTranspose2d"),
    "mul": (lambda self, x: x * x, "fold"),
    "cumsum": (lambda self, x: x.cumsum(1), "compose it from add, cat, conv2d"),
    "stride 2 of an odd kernel": (lambda self, x: self.strided(x), r"kernel \(3, 3\) of stride \(2, 2\)"),
    "constant": (lambda self, x: x + 1.0, "bias"),
    "concat's relu": (lambda self, x: torch.relu(torch.cat([self.pair(x), self.pair(x)], 1)), "ReLU after concat"),
    "two uses": (lambda self, x: x + torch.relu(x), "both with and without its ReLU"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_refusal_names_the_line_and_what_to_write_instead(name: str) -> None:
    body, instead = REFUSED[name]
    line = inspect.getsourcelines(Body.forward)[1] + 1
    with pytest.raises(DpocketError, match=rf'File ".*test_tracing.py", line {line}.*{instead}'):
        trace(Body(body), VIEWS)


def test_every_line_that_is_refused_is_told_at_once_and_none_because_of_another() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 4, 3, padding=1)
            self.strided = nn.Conv2d(4, 4, 3, stride=2, padding=1)
            self.head = nn.Conv2d(4, 1, 1)

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            x = F.leaky_relu(self.conv(torch.cat([left, right], 1)))
            x = torch.relu(x)
            first, second = torch.relu(self.strided(x)).split(2, 1)
            return self.head(torch.cat([first, second], 1))

    with pytest.raises(Refused) as refused:
        trace(Two(), VIEWS)
    start = inspect.getsourcelines(Two.forward)[1]
    found = [(r.op, int(r.place.split("line ")[1].split()[0]) - start) for r in refused.value.refusals]
    # The ReLUs after something refused could be fused as well as not: nothing is known of what they follow.
    assert found == [("leaky_relu", 1), ("conv2d", 3), ("split", 3)]
    assert str(refused.value.refusals[0]) in str(refused.value)
    assert "2 more" in str(refused.value)


class Advised(nn.Module):
    """Every operation that there is advice about, in the order of ADVICE."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.prelu = nn.PReLU()
        self.linear = nn.Linear(32, 32)
        self.layer_norm = nn.LayerNorm(32)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        x = self.conv(torch.cat([left, right], 1))
        results = [
            self.norm(torch.max_pool2d(x, 2)),
            F.interpolate(x, scale_factor=2, mode="bilinear"),
            F.interpolate(x, scale_factor=2, mode="nearest"),
            F.pixel_shuffle(x, 2),
            F.leaky_relu(x),
            self.prelu(x),
            F.hardtanh(x),
            F.relu6(x),
            x.clamp(0, 1),
            F.hardswish(x),
            F.gelu(x),
            F.silu(x),
            F.elu(x),
            torch.sigmoid(x),
            torch.tanh(x),
            torch.softmax(x, 1),
            x - x,
            x * x,
            x[:, 1:3],
            x.split(2, 1)[0],
            x.split([1, 3], 1)[0],
            x.chunk(2, 1)[0],
            F.pad(x, (1, 1, 1, 1)),
            torch.constant_pad_nd(x, (1, 1)),
            F.instance_norm(x),
            F.group_norm(x, 2),
            self.layer_norm(x),
            self.linear(x),
            F.avg_pool2d(x, 2),
            F.adaptive_avg_pool2d(x, 1),
            x.mean(1),
            F.grid_sample(x, torch.zeros(1, 16, 32, 2), align_corners=False),
        ]
        return results[0]


def test_all_advice_is_about_operations_that_are_met_under_that_name() -> None:
    with pytest.raises(Refused) as refused:
        trace(Advised(), VIEWS)
    told = {r.op: r.instead for r in refused.value.refusals}
    assert {op: told.get(op) for op in ADVICE} == {op: advice.instead for op, advice in ADVICE.items()}


def test_no_refusal_is_without_what_to_write_instead() -> None:
    """Of every sentence in the tracer, found in its source."""
    for call in ast.walk(ast.parse(inspect.getsource(tracing))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "refusal":
            assert len(call.args) == 3, ast.unparse(call)
    assert all(advice.instead for advice in ADVICE.values())


def test_branching_on_values_is_explained() -> None:
    with pytest.raises(DpocketError, match=r"cannot be traced.*without branches on tensor values"):
        trace(Body(lambda self, x: x if x.sum() > 0 else self.second(x)), VIEWS)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "pads"),
    [
        (16, 3, 1, 1, (1, 1)),
        (16, 3, 2, 1, (0, 1)),
        (16, 4, 2, 1, (1, 1)),
        (16, 2, 2, 1, (0, 0)),
        (15, 3, 2, 1, (1, 1)),
        (16, 3, 1, 2, (2, 2)),
    ],
)
def test_same_padding_is_tensorflows(size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int]) -> None:
    """By hand from TensorFlow's definition: out = ceil(size / stride), the smaller half first."""
    assert same_pads(size, kernel, stride, dilation) == pads
