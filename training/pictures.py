"""What one camera delivers of a scene: its ordinary picture, and the dual-pixel pair with its truth as a `Sample`."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from training.camera import Camera
from training.data.sample import Sample
from training.render import front_most, render_image, render_pair
from training.scenes import Scene


def picture(scene: Scene, camera: Camera | None) -> Tensor:
    """(B, 3, H, W) of the whole canvas through the camera's lens, or all in focus without a camera."""
    if camera is not None:
        return render_image(scene, camera, margin=0)
    if scene.colour is None:
        return front_most(scene)[0].expand(-1, 3, -1, -1)
    channels = (front_most(replace(scene, texture=channel))[0] for channel in scene.colour.unbind(2))
    return torch.cat(list(channels), 1)


def dual_pixel_sample(scene: Scene, camera: Camera, margin: int = 24) -> Sample:
    """The pair, the ordinary picture through the same lens as registered rgb, and the truth, known everywhere."""
    pair = render_pair(scene, camera, margin=margin)
    # Without colour, the picture is the mean of the pair that is there already.
    grey = (pair.left + pair.right) / 2
    rgb = grey.expand(-1, 3, -1, -1) if scene.colour is None else render_image(scene, camera, margin=margin)
    return Sample(
        left=pair.left,
        right=pair.right,
        disparity=pair.disparity,
        valid=torch.ones_like(pair.disparity),
        rgb=rgb,
        depth=1.0 / pair.inverse_depth,
        occluded=1.0 - pair.visible,
    )
