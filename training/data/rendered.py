"""Training scenes that the project renders itself: sample `i` follows from the seed and `i` alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.camera import random_camera
from training.data.plane_pool import PlanePool, hashed_with
from training.data.sample import Sample
from training.photographs import photographs
from training.render import render_pair
from training.scenes import random_scene

MARGIN = 24
PLANES = 4

RENDERER = tuple(
    Path(__file__).parents[1] / name
    for name in (
        *("optics.py", "camera.py", "scenes.py", "dice.py", "textures.py", "silhouettes.py", "surfaces.py"),
        *("photographs.py", "slices.py", "render.py", "data/rendered.py"),
    )
)
"""Files whose change makes a cache of rendered scenes stale."""


@dataclass(frozen=True)
class RenderedData:
    """`count` scenes of `size`×`size` px with disparities within ±`reach` px."""

    count: int = 12000
    size: int = 208
    reach: float = 6.0
    seed: int = 1
    misregistration: float = 0.7
    """Largest vertical shift of one view against the other, px; half of the scenes have one."""
    photographs: str = ""
    """A folder with photographs and pictures with depth, as `training.photographs` describes it; none when empty."""
    photographic: float = 0.3
    """Share of the scenes that are made of them."""

    def identity(self) -> str:
        """A short hash of these settings and of the renderer's source, for the name of a cache."""
        settings = json.dumps(asdict(self), sort_keys=True)
        listing = photographs(Path(self.photographs)).listing if self.photographs else ""
        return hashed_with(settings + listing, RENDERER)


def render_batch(data: RenderedData, generator: torch.Generator, count: int) -> Tensor:
    """`count` fresh scenes on the generator's device: left, right, disparity, visible, float32 (count, 4, size, size).

    Views are scaled to a mean of 0.35, so that highlights may exceed 1.
    """
    canvas = data.size + 2 * MARGIN
    camera = random_camera(generator, count, data.reach)
    scene = random_scene(generator, camera, (canvas, canvas), reach=data.reach)
    if data.photographs:
        pictures = photographs(Path(data.photographs))
        scene = pictures.mixed_into(scene, generator, camera, data.reach, data.photographic)
    draw = torch.rand(2, count, generator=generator, device=generator.device)
    shift = torch.zeros(count, 2, 2, device=generator.device)
    shift[:, 1, 0] = torch.where(draw[0] < 0.5, (2.0 * draw[1] - 1.0) * data.misregistration, 0.0)
    rendered = render_pair(scene, camera, shift, MARGIN)
    exposure = 0.35 / rendered.left.mean((2, 3), keepdim=True).clamp(min=1e-4)
    left, right = ((view * exposure).clamp(0.0, 60.0) for view in (rendered.left, rendered.right))
    return torch.cat([left, right, rendered.disparity, rendered.visible], dim=1)


def render_sample(data: RenderedData, index: int) -> NDArray[np.float16]:
    """Sample `index` of a pool, float16 (4, size, size), as `render_batch` makes them."""
    generator = torch.Generator().manual_seed(data.seed * 1_000_003 + index)
    planes: NDArray[np.float16] = render_batch(data, generator, 1)[0].numpy().astype(np.float16)
    return planes


def sample_of(planes: Tensor) -> Sample:
    """Planes (B, 4, H, W) of `render_batch`, of any float dtype, as a sample."""
    left, right, disparity, visible = torch.split(planes.float(), 1, dim=1)
    return Sample(left, right, disparity, torch.ones_like(disparity), confidence=visible)


@dataclass(frozen=True)
class RenderedScenes:
    """What a `RenderedPool` is made by: one sample per scene."""

    data: RenderedData

    @property
    def count(self) -> int:
        return self.data.count

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return 1, PLANES, self.data.size, self.data.size

    def identity(self) -> str:
        return self.data.identity()

    def planes(self, index: int) -> NDArray[np.float16]:
        return render_sample(self.data, index)[None]

    def sample(self, planes: Tensor) -> Sample:
        return sample_of(planes)


class RenderedPool(PlanePool):
    """All samples of a `RenderedData`: in a file in `cache`, or in memory without."""

    def __init__(self, data: RenderedData, cache: Path | None) -> None:
        super().__init__(RenderedScenes(data), cache)
