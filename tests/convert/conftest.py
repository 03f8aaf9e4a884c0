"""The tiny student, its grid, and its exports, made once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_student import HEIGHT, WIDTH, TinyStudent, random_views
from torch import nn

from convert.artifact import Artifact
from convert.meaning import Meaning
from convert.targets import TARGETS, export, precisions_of
from training.graph import StudentGraph
from training.quantize import Grid, calibrate
from training.tracing import trace


@pytest.fixture(scope="session")
def student() -> nn.Module:
    torch.manual_seed(0)
    made = TinyStudent().eval()
    for parameter in made.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.2)
    return made


@pytest.fixture(scope="session")
def graph(student: nn.Module) -> StudentGraph:
    return trace(student, [torch.zeros(1, 1, HEIGHT, WIDTH)] * 2)


@pytest.fixture(scope="session")
def grid(graph: StudentGraph) -> Grid:
    return calibrate(graph, [random_views(1, 4)], input_scale=3 / 127)


@pytest.fixture(scope="session")
def meaning() -> Meaning:
    return Meaning("tiny", working_width=96, output_stride=2)


@pytest.fixture(scope="session")
def exports(
    graph: StudentGraph, grid: Grid, meaning: Meaning, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[tuple[str, str], Artifact]:
    """Every artifact that this project makes, by target and precision."""
    out: Path = tmp_path_factory.mktemp("exports")
    made = {}
    for precision in ("int8", "fp32", "fp16", "int8-weights"):
        targets = [name for name in TARGETS if precision in precisions_of(name)]
        for artifact in export(graph, meaning, targets, precision, out, grid):
            made[artifact.target, precision] = artifact
    return made


@pytest.fixture(scope="session")
def int8_views() -> dict[str, NDArray[np.int8]]:
    """Integers over their full range, which saturate every layer, NCHW."""
    rng = np.random.default_rng(5)
    return {name: rng.integers(-128, 128, (1, 1, HEIGHT, WIDTH), dtype=np.int8) for name in ("left", "right")}
