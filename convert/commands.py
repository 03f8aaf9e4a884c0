"""Bodies of commands that need both training and conversion."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from runtime_py.errors import DpocketError
from training.calibration import METHOD, calibrated, store_grid, stored_grid
from training.calibration_inputs import capture_inputs
from training.checkpoint import Checkpoint, load_checkpoint
from training.fit import Progress, fit
from training.processes import Place
from training.quantize import Grid
from training.quantize.post_training import parsed
from training.recipes import Recipe


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) of "HxW". Raises DpocketError for anything else."""
    match = re.fullmatch(r"\s*(\d+)\s*[xX×]\s*(\d+)\s*", text)
    if match is None:
        raise DpocketError(f"--size takes HEIGHTxWIDTH, such as 384x512, not '{text}'")
    return int(match[1]), int(match[2])


def recalibration(precision: str, method: str | None, source: str | None) -> Callable[[Checkpoint], Grid] | None:
    """What makes a student's grid anew by `method` on `source` ("rendered", or the path of captures); None for neither.

    Raises DpocketError for a method that there is not, and for a precision without activations on a grid.
    """
    if method is None and source is None:
        return None
    if precision != "int8":
        raise DpocketError(f"--calibrate and --calibration make the grid of int8; {precision} has none: leave them out")
    chosen = METHOD if method is None else method
    parsed(chosen)

    def grid_of(checkpoint: Checkpoint) -> Grid:
        if source is None or source == "rendered":
            return calibrated(checkpoint, method=chosen)
        return calibrated(checkpoint, method=chosen, inputs=capture_inputs(checkpoint, Path(source)))

    return grid_of


def train_and_calibrate(recipe: Recipe, out: Path, resume: bool, progress: Progress) -> Path:
    """Train; returns the weights' path.

    Where the recipe asks for an integer grid and the run has not trained the student on one, calibrate it and store the
    grid beside the weights.
    """
    path = fit(recipe, out, resume, progress)
    if not (recipe.grid and Place.from_environment().first):
        return path
    checkpoint = load_checkpoint(path)
    if stored_grid(checkpoint) is not None:
        return path
    progress("calibrate", 0, 1, {})
    store_grid(checkpoint, calibrated(checkpoint))
    progress("calibrate", 1, 1, {})
    return path
