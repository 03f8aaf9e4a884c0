"""`checkpoint`: a trained network of this project labels dual-pixel pairs, each frame whole, without tiles."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runtime_py.contract import Contract, TensorSpec
from runtime_py.files import sha256_of
from runtime_py.student import Student
from training.checkpoint import Checkpoint, load_checkpoint
from training.data.sample import Sample
from training.teachers.matching import left_right_agreement
from training.teachers.teacher import Kind, Label, turned_back, views_of, without_settings

TOLERANCE = 1.0
"""px of the working width by which the disparities of both views may differ before confidence is 0."""


class CheckpointTeacher:
    """Labels dual-pixel pairs with the float network of a checkpoint, on a GPU where torch sees one."""

    pairs = ("dual-pixel",)

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._device = _device()
        checkpoint.student.to(self._device)

    def identity(self) -> dict[str, Any]:
        card = self._checkpoint
        return {
            "teacher": "checkpoint",
            "name": card.name,
            "model": card.card["recipe"]["model"],
            "weights_sha256": sha256_of(card.path),
            "working_width": card.working_width,
            "tolerance": TOLERANCE,
        }

    def prepare(self, names: Sequence[str]) -> None:
        pass

    def label(self, sample: Sample) -> Label:
        left, right = views_of(sample)
        student = Student(self, self._contract(left.shape))
        disparity = student.disparity(left, right)
        # In a mirror the right view is a left one.
        from_right = student.disparity(*(np.ascontiguousarray(view[:, ::-1]) for view in (right, left)))[:, ::-1]
        tolerance = TOLERANCE * left.shape[1] / self._checkpoint.working_width
        agreement = left_right_agreement(disparity, from_right, tolerance)
        return turned_back(Label(disparity, agreement), sample)

    @torch.no_grad()
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The network itself, as a `runtime_py.student.Runner`."""
        left, right = (torch.from_numpy(inputs[name]).to(self._device) for name in ("left", "right"))
        found = self._checkpoint.answer(left, right)["disparity"]
        return {"disparity": np.asarray(found.cpu().numpy(), np.float32)}

    def _contract(self, shape: tuple[int, ...]) -> Contract:
        """For inputs that hold a view of `shape` at the working width as one tile."""
        card = self._checkpoint
        multiple, stride = card.size_multiple, card.output_stride
        plane = (max(1, round(shape[0] * card.working_width / shape[1])), card.working_width)
        height, width = (ceil(side / multiple) * multiple for side in plane)
        limit = card.preprocess.limit
        views = [
            TensorSpec(name, (1, 1, height, width), "NCHW", "float32", "1", (-limit, limit))
            for name in ("left", "right")
        ]
        reach = (-float(card.working_width), float(card.working_width))
        disparity = TensorSpec("disparity", (1, 1, height // stride, width // stride), "NCHW", "float32", "px", reach)
        return Contract(card.name, tuple(views), (disparity,), card.working_width, stride, card.preprocess)


def _device() -> torch.device:
    """The GPU of this process's local rank (as torchrun numbers them), or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    local = os.environ.get("LOCAL_RANK", "0")
    return torch.device("cuda", int(local) % torch.cuda.device_count() if local.isdigit() else 0)


def _claims(text: str) -> bool:
    path = Path(text)
    return path.suffix == ".safetensors" or (path / "student.safetensors").is_file()


def _make(text: str, settings: Sequence[str]) -> CheckpointTeacher:
    without_settings("checkpoint", settings)
    return CheckpointTeacher(load_checkpoint(Path(text)))


KIND = Kind("checkpoint", "the path of a checkpoint (.safetensors, or a run's folder)", _claims, _make)
