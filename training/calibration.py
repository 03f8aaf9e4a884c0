"""The grid of a trained student, calibrated once on rendered scenes and stored beside its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic
from training.checkpoint import Checkpoint
from training.data.augment import Augmentation, augment
from training.data.preprocess import preprocess
from training.data.rendered import RenderedPool
from training.graph import StudentGraph
from training.quantize import Grid, calibrate
from training.tracing import trace

SCENES = 32
SEED = 15485863
"""Scenes of this seed are seen by neither training nor validation."""

METHOD = "percentile"


def stored_grid(checkpoint: Checkpoint) -> Grid | None:
    """The grid beside the weights, None when the student was never calibrated. Raises DpocketError when damaged."""
    if not checkpoint.grid_path.exists():
        return None
    return Grid.from_json(checkpoint.grid_path.read_text())


def store_grid(checkpoint: Checkpoint, grid: Grid) -> Path:
    """Write `grid` beside the weights."""
    write_atomic(checkpoint.grid_path, (grid.to_json() + "\n").encode())
    return checkpoint.grid_path


def traced(checkpoint: Checkpoint, size: tuple[int, int]) -> StudentGraph:
    """The student's graph for inputs of `size` (height, width).

    Raises DpocketError for a network that is no student.
    """
    if not checkpoint.outputs:
        raise DpocketError(f"the network of {checkpoint.name} is no student: it cannot become an artifact")
    example = torch.zeros(1, 1, *size)
    return trace(checkpoint.student, (example, example), outputs=checkpoint.outputs)


def calibrated(checkpoint: Checkpoint, scenes: int = SCENES) -> Grid:
    """Calibrate on freshly rendered scenes, augmented as in training; the same grid every time."""
    data = replace(checkpoint.data, count=scenes, seed=SEED)
    sample = RenderedPool(data, None).every()
    sample = augment(sample, replace(Augmentation(), tone=0.0), torch.Generator().manual_seed(SEED))
    side = data.size - data.size % checkpoint.size_multiple
    left, right = (preprocess(view, checkpoint.preprocess)[..., :side, :side] for view in (sample.left, sample.right))
    graph = traced(checkpoint, (side, side))
    batches = [{"left": left[i : i + 8], "right": right[i : i + 8]} for i in range(0, scenes, 8)]
    return calibrate(graph, batches, input_scale=checkpoint.preprocess.limit / 127, method=METHOD)
