"""Stereo-Net as a teacher: the disparities and features of a run of the task `recursive`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from runtime_py.errors import DpocketError
from runtime_py.files import sha256_of
from training.checkpoint import load_checkpoint
from training.data.datasets.pictures import luminance
from training.data.sample import Sample
from training.models.blocks import SIZE_MULTIPLE, Outputs
from training.tasks.inputs import encoded
from training.teachers.matching import left_right_agreement
from training.teachers.teacher import Label

TOLERANCE = 1.0
"""px by which the disparities of both views may differ before confidence is 0."""

MONO, STEREO = "student.safetensors", "stereo.safetensors"
"""What a run of the task `recursive` leaves in its folder."""


def claims_run(text: str) -> bool:
    """Whether `text` is a folder with a trained Stereo-Net."""
    return all((Path(text) / name).is_file() for name in (MONO, STEREO))


@lru_cache(maxsize=2)
def stereo_network(folder: str) -> StereoTeacher:
    """The teacher in the folder of a run. Raises DpocketError when there is none."""
    if not claims_run(folder):
        raise DpocketError(f"{folder} holds no {MONO} and {STEREO}; give the folder of a run of the task 'recursive'")
    return StereoTeacher(Path(folder))


class StereoTeacher:
    """Mono-Net for the first estimate, Stereo-Net for the rest. It never has gradients.

    width: px to which `label` brings wider pairs, 0 for none.
    """

    pairs = ("stereo",)

    def __init__(self, folder: Path, width: int = 0) -> None:
        self.folder, self.width = folder, width
        self.mono, self.stereo = (
            load_checkpoint(folder / name).student.requires_grad_(False) for name in (MONO, STEREO)
        )
        first = next(self.mono.parameters())
        self.colours = int(first.shape[1])

    def to(self, device: torch.device) -> StereoTeacher:
        """The same teacher, moved to `device`."""
        self.mono, self.stereo = self.mono.to(device), self.stereo.to(device)
        return self

    def identity(self) -> dict[str, Any]:
        hashes = {name: sha256_of(self.folder / name) for name in (MONO, STEREO)}
        return {"teacher": "stereo_net", **hashes, "width": self.width, "tolerance": TOLERANCE}

    def prepare(self, names: Sequence[str]) -> None:
        pass

    @torch.no_grad()
    def outputs(self, left: Tensor, right: Tensor) -> Outputs:
        """What the last recursion gives for (B, colours, H, W) gamma-encoded views in 0..1, sides multiples of 32."""
        found: Outputs = self.stereo(left, right, self.mono(left).disparities[0])[-1]
        return found

    def label(self, sample: Sample) -> Label:
        """Label of a stereo sample of batch 1, of any size."""
        views = stereo_views(sample, self.colours)
        full = sample.size
        if 0 < self.width < full[1]:
            size = (round(full[0] * self.width / full[1]), self.width)
            left, right = (F.interpolate(view, size=size, mode="bilinear", antialias=True) for view in views)
            views = left, right
        h, w = views[0].shape[-2:]
        height, width = (-(-side // SIZE_MULTIPLE) * SIZE_MULTIPLE for side in (h, w))
        padded = [F.pad(view, (0, width - w, 0, height - h), mode="replicate") for view in views]
        found = self.outputs(*padded).disparities[0][:, :, :h, :w] * width
        of_left, of_right = (np.asarray(plane.numpy(), np.float32) for plane in found[0])
        agreement = left_right_agreement(of_left, of_right, TOLERANCE)
        planes = torch.stack([found[0, 0] * (full[1] / w), torch.from_numpy(agreement)])[None]
        if (h, w) != full:
            planes = F.interpolate(planes, size=full, mode="bilinear", align_corners=False)
        disparity, confidence = (np.asarray(plane.numpy(), np.float32) for plane in planes[0])
        return Label(disparity, confidence)


def stereo_views(sample: Sample, colours: int) -> tuple[Tensor, Tensor]:
    """Both views of linear stereo pairs as the networks see them, (B, colours, H, W) in 0..1, gamma-encoded.

    The pictures are `rgb` and the first of `views`; without them the pair itself, grey in as many colours. Raises
    DpocketError where the pair is of dual pixels.
    """
    if sample.rgb is not None and sample.views is not None:
        left, right = sample.rgb, sample.views[:, 0]
        if colours == 1:
            left, right = luminance(left), luminance(right)
    elif sample.pair == "stereo":
        left, right = (view.expand(-1, colours, -1, -1) for view in (sample.left, sample.right))
    else:
        raise DpocketError("Stereo-Net sees stereo pairs, and this sample has no picture of a second camera")
    return encoded(left), encoded(right)
