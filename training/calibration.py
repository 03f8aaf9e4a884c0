"""The grid of a trained student, calibrated once and stored beside its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from runtime_py.errors import DpocketError
from training.calibration_inputs import SEED, CalibrationInputs, rendered_inputs
from training.checkpoint import Checkpoint, write_grid
from training.graph import StudentGraph
from training.quantize import Grid, quantised
from training.quantize.post_training import parsed
from training.tracing import trace

__all__ = ["METHOD", "RANGES", "SCENES", "SEED", "calibrated", "store_grid", "stored_grid", "traced"]

SCENES = 32
RANGES = "percentile"
"""Of the ranges alone, with the weights as they are: what quantisation-aware training begins with."""

METHOD = "percentile+balance+bias"
"""Chosen by measurement: docs/QUANTISATION.md."""


def stored_grid(checkpoint: Checkpoint) -> Grid | None:
    """The grid beside the weights, None when the student was never calibrated. Raises DpocketError when damaged."""
    if not checkpoint.grid_path.exists():
        return None
    return Grid.from_json(checkpoint.grid_path.read_text())


def store_grid(checkpoint: Checkpoint, grid: Grid) -> Path:
    """Write `grid` beside the weights."""
    return write_grid(checkpoint.path, grid)


def traced(checkpoint: Checkpoint, size: tuple[int, int]) -> StudentGraph:
    """The student's graph for inputs of `size` (height, width).

    Raises DpocketError for a network that is no student.
    """
    if not checkpoint.outputs:
        raise DpocketError(f"the network of {checkpoint.name} is no student: it cannot become an artifact")
    example = torch.zeros(1, 1, *size)
    return trace(checkpoint.student, (example, example), outputs=checkpoint.outputs)


def calibrated(
    checkpoint: Checkpoint, scenes: int = SCENES, method: str = METHOD, inputs: CalibrationInputs | None = None
) -> Grid:
    """The grid by `method` (`training.quantize.quantised`) on `inputs`, or on `scenes` rendered ones.

    The same inputs give the same grid every time. Raises DpocketError for a method that there is not, and for a network
    that is no student.
    """
    parsed(method)
    inputs = inputs or rendered_inputs(checkpoint, scenes)
    graph = traced(checkpoint, inputs.size)
    grid = quantised(graph, inputs.batches, input_scale=checkpoint.preprocess.limit / 127, method=method)
    return replace(grid, source=inputs.source)
