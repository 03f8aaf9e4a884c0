"""What a student is calibrated on: rendered scenes, or dual-pixel captures as its artifacts are given them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.captures import DPCapture, find_captures, open_capture
from runtime_py.captures.orientation import views
from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import CaptureError, ContractError, DpocketError
from runtime_py.student import network_inputs
from training.checkpoint import Checkpoint
from training.data.augment import Augmentation, augment
from training.data.preprocess import preprocess
from training.data.rendered import RenderedPool

T = TypeVar("T")

SEED = 15485863
"""Scenes of this seed are seen by neither training nor validation."""

BATCH = 8
TILE = (384, 512)
"""Height and width, px, of the tiles of captures, rounded down to what the network takes; an artifact's usual size."""

TILES, TILES_PER_CAPTURE = 64, 12
"""At most so many tiles altogether (1.5 MB each, and their tensors, are held in memory), and of one capture."""


@dataclass(frozen=True)
class CalibrationInputs:
    """float32 NCHW `left` and `right` of one size, in batches, and what they are, in words."""

    batches: tuple[dict[str, Tensor], ...]
    source: str

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the inputs."""
        height, width = self.batches[0]["left"].shape[-2:]
        return height, width


def rendered_inputs(checkpoint: Checkpoint, scenes: int, seed: int = SEED) -> CalibrationInputs:
    """Freshly rendered scenes of the kind that the student was trained on, augmented as then; the same every time."""
    data = replace(checkpoint.data, count=scenes, seed=seed)
    sample = RenderedPool(data, None).every()
    sample = augment(sample, replace(Augmentation(), tone=0.0), torch.Generator().manual_seed(seed))
    side = data.size - data.size % checkpoint.size_multiple
    left, right = (preprocess(view, checkpoint.preprocess)[..., :side, :side] for view in (sample.left, sample.right))
    return _batched(left, right, f"{scenes} rendered scenes of seed {seed}")


def capture_inputs(checkpoint: Checkpoint, path: Path) -> CalibrationInputs:
    """Tiles of the capture at `path`, or of the captures in and below a folder.

    A capture is brought to the working width, preprocessed and cut as `Student` does it; of many captures and of many
    tiles those are taken that lie evenly over them. Raises CaptureError where there is none, or naming one that is
    damaged or cannot be used.
    """
    captures = _evenly(_left_views(path), TILES)
    share = max(1, min(TILES_PER_CAPTURE, TILES // len(captures)))
    contract = _contract(checkpoint)
    tiles = [tile for left in captures for tile in _tiles_of(open_capture(left), contract, share)]
    left, right = (torch.from_numpy(np.stack([tile[name] for tile in tiles]))[:, None] for name in ("left", "right"))
    count = f"{len(captures)} captures" if len(captures) > 1 else "1 capture"
    return _batched(left, right, f"{len(tiles)} tiles of {count}")


def _left_views(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(find_captures(path, deep=True))
    if not path.exists():
        raise CaptureError(f"there is no capture or folder {path} to calibrate on; 'rendered' stands for scenes")
    return [path]


def _tiles_of(capture: DPCapture, contract: Contract, count: int) -> list[dict[str, NDArray[np.float32]]]:
    """Copies, at most `count`: a tile as it is cut would keep the whole capture in memory."""
    try:
        tiles = network_inputs(contract, *views(capture))[1]
    except ContractError as e:
        raise CaptureError(f"{capture.name} cannot be calibrated on: {e}") from e
    return [{name: np.array(plane) for name, plane in tile.items()} for tile in _evenly(tiles, count)]


def _contract(checkpoint: Checkpoint) -> Contract:
    """Of the float student, as far as its inputs go."""
    multiple, limit = checkpoint.size_multiple, checkpoint.preprocess.limit
    height, width = (side - side % multiple for side in TILE)
    if min(height, width) < multiple:
        raise DpocketError(f"tiles of {TILE[0]}x{TILE[1]} are too small for a network of steps of {multiple} px")
    inputs = tuple(
        TensorSpec(name, (1, 1, height, width), "NCHW", "float32", "", (-limit, limit)) for name in ("left", "right")
    )
    return Contract(
        checkpoint.name, inputs, (), checkpoint.working_width, checkpoint.output_stride, checkpoint.preprocess
    )


def _evenly(items: list[T], count: int) -> list[T]:
    if len(items) <= count:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]


def _batched(left: Tensor, right: Tensor, source: str) -> CalibrationInputs:
    starts = range(0, left.shape[0], BATCH)
    return CalibrationInputs(
        tuple({"left": left[i : i + BATCH], "right": right[i : i + BATCH]} for i in starts), source
    )
