"""A tiny student with every kind of layer that students may have; as a script, all its artifacts in a folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from convert.artifact import Artifact
from convert.meaning import Meaning
from convert.targets import TARGETS, export, precisions_of
from training.graph import StudentGraph
from training.quantize import Grid, calibrate
from training.tracing import trace

HEIGHT, WIDTH = 32, 48


class TinyStudent(nn.Module):
    """Every kind of layer; `mixed` joins a ReLU'd and a signed tensor, so that a ReLU meets a zero point above -128."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 4, stride=2, padding=1)
        self.depthwise = nn.Conv2d(6, 12, 3, padding=1, groups=6)
        self.pool = nn.MaxPool2d(2)
        self.dilated = nn.Conv2d(12, 8, 3, padding=2, dilation=2)
        self.down = nn.Conv2d(8, 8, 2, stride=2)
        self.body = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding="same", bias=False), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 1)
        )
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.up_wide = nn.ConvTranspose2d(8, 6, 4, stride=2, padding=1)
        self.signed = nn.Conv2d(6, 3, 3, padding=1)
        self.head = nn.Conv2d(9, 1, 3, padding=1)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        half = torch.relu(self.stem(torch.cat([left_NCHW, right_NCHW], 1)))
        quarter = self.dilated(self.pool(torch.relu(self.depthwise(half)))).relu()
        eighth = torch.relu(self.down(quarter))
        eighth = torch.relu(eighth + self.body(eighth))
        quarter = quarter + self.up(eighth)
        half_again = torch.relu(self.up_wide(quarter))
        mixed = torch.cat([half_again, self.signed(half)], 1)
        return self.head(mixed)


def random_views(seed: int, count: int = 1) -> dict[str, Tensor]:
    """Float views as preprocessing makes them, NCHW."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 1, HEIGHT, WIDTH)
    return {name: torch.randn(shape, generator=generator).clamp(-3, 3) for name in ("left", "right")}


def trained() -> nn.Module:
    """The student with weights that are always the same."""
    torch.manual_seed(0)
    made = TinyStudent().eval()
    for parameter in made.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.2)
    return made


def graph_of(student: nn.Module) -> StudentGraph:
    return trace(student, [torch.zeros(1, 1, HEIGHT, WIDTH)] * 2)


def grid_of(graph: StudentGraph) -> Grid:
    return calibrate(graph, [random_views(1, 4)], input_scale=3 / 127)


MEANING = Meaning("tiny", working_width=96, output_stride=2)


def export_all(graph: StudentGraph, grid: Grid, out: Path) -> Mapping[tuple[str, str], Artifact]:
    """Every artifact that this project makes, by target and precision."""
    made = {}
    for precision in ("int8", "fp32", "fp16", "int8-weights"):
        targets = [name for name in TARGETS if precision in precisions_of(name)]
        for artifact in export(graph, MEANING, targets, precision, out, grid):
            made[artifact.target, precision] = artifact
    return made


if __name__ == "__main__":
    tiny = graph_of(trained())
    export_all(tiny, Grid.from_json(Path(sys.argv[2]).read_text()), Path(sys.argv[1]))
