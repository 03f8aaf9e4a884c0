"""`StereoScenes`: rendered stereo pairs in colour with their truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.camera import random_camera
from training.data.plane_pool import hashed_with
from training.data.rendered import MARGIN, RENDERER, RenderedData
from training.data.sample import Sample
from training.render import front_most
from training.scenes import random_scene
from training.stereo import stereo_pair

LEAST = 0.01
"""Disparity of the farthest point of a scene, as a share of the width."""

SPAN = (0.05, 0.15)
"""Range of what its nearest point has more, in the same unit; less where the scene is nearly flat."""

FLAT = 0.1
"""Least difference of inverse depths that is spread over such a span, as a share of the largest of them."""

HERE = Path(__file__).parent
SOURCES = (
    *RENDERER,
    *(HERE.parent / name for name in ("stereo.py", "viewpoint.py", "interpolate.py", "pictures.py")),
    HERE / "stereo_scenes.py",
)


@dataclass(frozen=True)
class StereoScenes:
    """`data.count` scenes of `data.size` px, all in focus or through the cameras' lenses."""

    data: RenderedData
    in_focus: bool = True

    def identity(self) -> str:
        return hashed_with(repr(self), SOURCES)

    @property
    def count(self) -> int:
        return self.data.count

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return 1, 8, self.data.size, self.data.size

    def planes(self, index: int) -> NDArray[np.float16]:
        """Left and right picture, disparity px, occluded."""
        generator = torch.Generator().manual_seed(self.data.seed * 1_000_003 + index)
        canvas = self.data.size + 2 * MARGIN
        camera = random_camera(generator, 1, self.data.reach)
        scene = random_scene(generator, camera, (canvas, canvas), reach=self.data.reach, colour=True)
        share = SPAN[0] + (SPAN[1] - SPAN[0]) * torch.rand(1, generator=generator)
        inverse_depth = front_most(scene)[1]
        far, near = (float(t) for t in torch.aminmax(inverse_depth))
        baseline = share * self.data.size / (camera.focal_px * max(near - far, FLAT * near, 1e-4))
        # What counts is by how much inverse depths differ: with all of them less by the same, as much parallax fits
        # into a small picture as a large one has, and the farthest point has hardly any, as in most stereo data.
        less = far - LEAST * self.data.size / (camera.focal_px * baseline)
        scene = replace(scene, inverse_depth=scene.inverse_depth - less[:, None, None, None])
        camera = replace(camera, focus=camera.focus - less)
        pair = stereo_pair(scene, camera, baseline, self.in_focus, MARGIN)
        exposure = 0.35 / pair.left.mean().clamp(min=1e-4)
        planes = torch.cat([pair.left * exposure, pair.right * exposure, pair.disparity, pair.occluded], 1)
        return planes.clamp(-6e4, 6e4).numpy().astype(np.float16)

    def sample(self, planes: Tensor) -> Sample:
        """Stereo pairs, the right picture in `views`, the truth known everywhere."""
        left, right, disparity, occluded = torch.split(planes, [3, 3, 1, 1], 1)
        return Sample(
            left=left[:, 1:2],
            right=right[:, 1:2],
            disparity=disparity,
            valid=torch.ones_like(disparity),
            pair="stereo",
            rgb=left,
            occluded=occluded,
            views=right[:, None],
            view_offsets=((1.0, 0.0),),
        )
