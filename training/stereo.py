"""`StereoPair`: two like cameras side by side, rectified, with what each sees and what only one of them sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.camera import Camera
from training.data.sample import Sample
from training.dice import pixel_grid
from training.pictures import picture
from training.render import front_most
from training.scenes import Scene
from training.viewpoint import Surfaces, Viewpoint


@dataclass(frozen=True)
class StereoPair:
    """What the reference camera of a scene (left) and one to its right see.

    left, right: (B, 3, H, W) linear radiance, grey where the scene has no colour; disparity: (B, 1, H, W) px,
    x_left - x_right = focal·baseline/depth, at least 0, on the pixels of left, right_disparity on those of right;
    inverse_depth: (B, 1, H, W) 1/m of left; hidden: (B, 1, H, W), 1 where another surface hides from right what left
    sees; inside: (B, 1, H, W), 1 where its place lies in the picture of right.
    """

    left: Tensor
    right: Tensor
    disparity: Tensor
    right_disparity: Tensor
    inverse_depth: Tensor
    hidden: Tensor
    inside: Tensor

    @property
    def occluded(self) -> Tensor:
        """(B, 1, H, W), 1 where the right picture does not show what the left one does, hidden or outside."""
        return torch.maximum(self.hidden, 1.0 - self.inside)


def stereo_pair(scene: Scene, camera: Camera, baseline: Tensor, in_focus: bool = True, margin: int = 24) -> StereoPair:
    """`scene` from its reference camera and from `baseline` (B,) metres to the right of it.

    Both pictures are all in focus or, with `in_focus` False, taken through the camera's whole lens. `margin` px are cut
    at every side; where the right camera looks over the edge of the canvas, it sees its mirror image.
    """
    h, w = scene.texture.shape[-2:]
    surfaces = Surfaces(scene)
    beside = Viewpoint(camera.focal_px, to_the_right(baseline))
    seen_right = surfaces.seen_from(beside)
    pictures = [picture(view, None if in_focus else camera) for view in (scene, seen_right)]
    inverse_depth, right_inverse_depth = front_most(scene)[1], front_most(seen_right)[1]
    gain = (camera.focal_px * baseline)[:, None, None, None]
    disparity = gain * inverse_depth
    column = pixel_grid(h, w, disparity.device)[1] - disparity
    inside = (column.abs() <= (w - 1) / 2 - margin).to(disparity.dtype)
    parts = (*pictures, disparity, gain * right_inverse_depth, inverse_depth, surfaces.hidden_from(beside), inside)
    return StereoPair(*(part[..., margin : h - margin, margin : w - margin] for part in parts))


def stereo_sample(scene: Scene, camera: Camera, baseline: Tensor, in_focus: bool = True, margin: int = 24) -> Sample:
    """A stereo pair in green light, with the left picture in colour and the truth of the left one, known everywhere."""
    pair = stereo_pair(scene, camera, baseline, in_focus, margin)
    return Sample(
        left=pair.left[:, 1:2],
        right=pair.right[:, 1:2],
        disparity=pair.disparity,
        valid=torch.ones_like(pair.disparity),
        pair="stereo",
        rgb=pair.left,
        depth=1.0 / pair.inverse_depth,
        occluded=pair.occluded,
    )


def to_the_right(metres: Tensor) -> Tensor:
    """(B, 3) positions that many (B,) metres to the right."""
    return torch.stack([metres, torch.zeros_like(metres), torch.zeros_like(metres)], 1)
