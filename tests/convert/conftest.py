"""The tiny student, its grid, and its exports, made once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_student import HEIGHT, MEANING, WIDTH, export_all, graph_of, grid_of, trained
from torch import nn

from convert.artifact import Artifact
from convert.meaning import Meaning
from training.graph import StudentGraph
from training.quantize import Grid


@pytest.fixture(scope="session")
def student() -> nn.Module:
    return trained()


@pytest.fixture(scope="session")
def graph(student: nn.Module) -> StudentGraph:
    return graph_of(student)


@pytest.fixture(scope="session")
def grid(graph: StudentGraph) -> Grid:
    return grid_of(graph)


@pytest.fixture(scope="session")
def meaning() -> Meaning:
    return MEANING


@pytest.fixture(scope="session")
def exports(
    graph: StudentGraph, grid: Grid, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[tuple[str, str], Artifact]:
    """Every artifact that this project makes, by target and precision."""
    return export_all(graph, grid, tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="session")
def int8_views() -> dict[str, NDArray[np.int8]]:
    """Integers over their full range, which saturate every layer, NCHW."""
    rng = np.random.default_rng(5)
    return {name: rng.integers(-128, 128, (1, 1, HEIGHT, WIDTH), dtype=np.int8) for name in ("left", "right")}
