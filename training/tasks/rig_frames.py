"""`RigFrames`: what three phones in a row see, rendered once for every teacher that is to label it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.plane_pool import hashed_with
from training.data.rendered import MARGIN, RENDERER, RenderedData
from training.data.sample import Sample
from training.rig import PLACES, Frame, photograph, pixel4_camera, random_rig
from training.scenes import random_scene

MEAN = 0.35
"""Mean of the dual-pixel views of a scene: all phones are exposed alike."""

PLANES = 13

HERE = Path(__file__).parent
SOURCES = (
    *RENDERER,
    *(HERE.parent / name for name in ("rig.py", "viewpoint.py", "interpolate.py")),
    HERE / "rig_frames.py",
)


class PhoneView(NamedTuple):
    """What one phone delivers, linear, all (1, C, H, W) float32.

    left, right, truth (disparity of the pair, px), visible and registered (the picture, 3 colours) lie on the pixels
    of the pair; rgb, stereo (true stereo disparity, px) and hidden (from the neighbour) on those of the rectified
    picture. homography: (1, 3, 3), from these to those, px from the centre.
    """

    left: Tensor
    right: Tensor
    truth: Tensor
    visible: Tensor
    registered: Tensor
    rgb: Tensor
    stereo: Tensor
    hidden: Tensor
    homography: Tensor


@dataclass(frozen=True)
class RigFrames:
    """`data.count` scenes of `data.size` px, cut from pictures `width` px wide; one sample per phone."""

    data: RenderedData
    width: int

    def identity(self) -> str:
        return hashed_with(repr(self), SOURCES)

    @property
    def count(self) -> int:
        return self.data.count

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(PLACES), PLANES, self.data.size, self.data.size

    def planes(self, index: int) -> NDArray[np.float16]:
        """Scene `index`, what `views` reads."""
        generator = torch.Generator().manual_seed(self.data.seed * 1_000_003 + index)
        canvas = self.data.size + 2 * MARGIN
        camera = pixel4_camera(generator, 1, self.width)
        scene = random_scene(generator, camera, (canvas, canvas), reach=self.data.reach, colour=True)
        rig = random_rig(generator, scene, camera, width=self.width)
        frames = photograph(scene, rig, MARGIN)
        light = torch.stack([(f.pair.left.mean() + f.pair.right.mean()) / 2 for f in frames.values()]).mean()
        made = torch.cat([_planes(frames[name], MEAN / light.clamp(min=1e-4)) for name in PLACES])
        return made.numpy().astype(np.float16)

    def views(self, index: int, planes: Tensor | None = None) -> Mapping[str, PhoneView]:
        """Every phone's view of scene `index`, of its (3, 13, H, W) `planes` or rendered."""
        if planes is None:
            planes = torch.from_numpy(self.planes(index))
        sides = [1, 1, 1, 1, 3, 3, 1, 1, 1]
        found = {}
        for name, own in zip(PLACES, planes.float(), strict=True):
            parts = torch.split(own[None], sides, 1)
            found[name] = PhoneView._make([*parts[:-1], _homography(parts[-1], self.data.size)])
        return found

    def sample(self, planes: Tensor) -> Sample:
        """The pairs with their truth, registered."""
        left, right, truth, visible, rgb = torch.split(planes[:, :7], [1, 1, 1, 1, 3], 1)
        known = torch.ones_like(truth)
        return Sample(left, right, truth, known, rgb=rgb, occluded=1.0 - visible.clamp(0.0, 1.0))


def _planes(frame: Frame, exposure: Tensor) -> Tensor:
    light = [plane * exposure for plane in (frame.pair.left, frame.pair.right, frame.registered_rgb, frame.rgb)]
    left, right, registered, rgb = (plane.clamp(0.0, 6e4) for plane in light)
    last = _numbers(frame.homography, left.shape[-1]).to(left)
    planes = [left, right, frame.pair.disparity, frame.pair.visible, registered, rgb, frame.disparity, frame.hidden]
    return torch.cat([*planes, last], 1)


def _numbers(homography: Tensor, size: int) -> Tensor:
    """A (1, 1, size, size) plane that holds a (1, 3, 3) homography in its first row.

    In units of the picture's size, as two numbers each, since a pool's planes are float16: then it errs by 1e-6.
    """
    scale = torch.tensor([1.0 / size, 1.0 / size, 1.0], dtype=torch.float64)
    entries = (scale[:, None] * homography.double() / scale).flatten()
    high = entries.half().double()
    plane = torch.zeros(1, 1, size, size)
    plane[0, 0, 0, :18] = torch.cat([high, entries - high]).float()
    return plane


def _homography(plane: Tensor, size: int) -> Tensor:
    """What `_numbers` put into its plane."""
    high, low = plane[0, 0, 0, :18].double().chunk(2)
    scale = torch.tensor([1.0 / size, 1.0 / size, 1.0], dtype=torch.float64)
    return ((high + low).reshape(1, 3, 3) / scale[:, None] * scale).float()
