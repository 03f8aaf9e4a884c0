"""The cameras behind a pool of rendered scenes, without rendering the scenes again."""

from __future__ import annotations

import torch
from torch import Tensor

from training.camera import Camera, random_camera
from training.data.rendered import RenderedData


def camera_of(data: RenderedData, index: int) -> Camera:
    """The camera of sample `index`: `render_sample` draws it before anything else."""
    return random_camera(torch.Generator().manual_seed(data.seed * 1_000_003 + index), 1, data.reach)


def alphas(data: RenderedData) -> Tensor:
    """(count,) disparity per px of circle of confusion of every sample, in the middle of its picture."""
    return torch.cat([camera_of(data, index).alpha for index in range(data.count)])
