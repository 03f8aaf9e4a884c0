"""Bodies of commands that need both training and conversion."""

from __future__ import annotations

import re
from pathlib import Path

from runtime_py.errors import DpocketError
from training.calibration import calibrated, store_grid
from training.checkpoint import load_checkpoint
from training.fit import Progress, fit
from training.processes import Place
from training.recipes import Recipe


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) of "HxW". Raises DpocketError for anything else."""
    match = re.fullmatch(r"\s*(\d+)\s*[xX×]\s*(\d+)\s*", text)
    if match is None:
        raise DpocketError(f"--size takes HEIGHTxWIDTH, such as 384x512, not '{text}'")
    return int(match[1]), int(match[2])


def train_and_calibrate(recipe: Recipe, out: Path, resume: bool, progress: Progress) -> Path:
    """Train, then store the integer grid beside the weights where the recipe says so; returns the weights' path."""
    path = fit(recipe, out, resume, progress)
    if not (recipe.grid and Place.from_environment().first):
        return path
    progress("calibrate", 0, 1, {})
    checkpoint = load_checkpoint(path)
    store_grid(checkpoint, calibrated(checkpoint))
    progress("calibrate", 1, 1, {})
    return path
