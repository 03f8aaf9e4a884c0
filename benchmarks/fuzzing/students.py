"""Tiny students for the exporters, and their artifacts in one format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from convert.meaning import Meaning
from convert.targets import TARGETS, export, precisions_of
from runtime_py.quiet import quiet
from training.models.pocket import PocketStudent
from training.quantize import calibrate
from training.tracing import trace

SIZE = 32
"""Height and width of the inputs."""


class OneLayer(nn.Module):
    """The two views joined and one convolution: the smallest file of all."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(2, 1, 2, stride=2)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        return torch.relu(self.head(torch.cat([left_NCHW, right_NCHW], dim=1)))


class Steps(nn.Module):
    """Down, up and a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(2, 2, 2, stride=2)
        self.depthwise = nn.Conv2d(2, 2, 3, padding=1, groups=2)
        self.up = nn.ConvTranspose2d(2, 1, 2, stride=2)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        half = torch.relu(self.down(torch.cat([left_NCHW, right_NCHW], dim=1)))
        raised: Tensor = self.up(torch.relu(half + self.depthwise(half)))
        return raised


def write_artifacts(folder: Path, kind: str, precisions: Sequence[str]) -> None:
    """Every tiny student at those of `precisions` that format `kind` has, each in a folder of its own."""
    torch.manual_seed(0)
    views = {name: torch.randn(1, 1, SIZE, SIZE) for name in ("left", "right")}
    (target,) = (name for name, t in TARGETS.items() if t.suffix == f".{kind}")
    students = {"one_layer": OneLayer(), "steps": Steps(), "pocket": PocketStudent(2, 3, 4, 5)}
    for name, student in students.items():
        graph = trace(student.eval(), list(views.values()))
        grid = calibrate(graph, [views], input_scale=3 / 127)
        meaning = Meaning(name, working_width=SIZE, output_stride=2)
        (folder / name).mkdir()
        with quiet(native=True):
            for precision in precisions_of(target):
                if precision in precisions:
                    export(graph, meaning, [target], precision, folder / name, grid)
