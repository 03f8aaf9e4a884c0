"""From a network's disparity to metres on the pixels of a measured truth."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import ContractError

SMALLEST_DISPARITY = 1e-6
"""Fraction of the width that stands for infinity: 540 km in KITTI."""


def metric_depth(disparity: Tensor, focal_px: float, baseline_m: float, size: tuple[int, int]) -> NDArray[np.float64]:
    """(H, W) depth in metres, focal · baseline / (fraction · W), of one (1, 1 or 2, h, w) disparity.

    disparity: fraction of the width; of two channels the first, the left view's, is taken. It is brought to `size`, the
    (H, W) of the truth, linearly: a fraction needs no rescaling then. focal_px: in px of that size's width. Depths are
    not capped; protocol "kitti" clips them to 1 mm … 80 m. Raises ContractError for another shape and for a camera
    that measures no depth.
    """
    if disparity.dim() != 4 or disparity.shape[0] != 1 or disparity.shape[1] not in (1, 2):
        raise ContractError(f"the disparity has shape {tuple(disparity.shape)}; depth is made from (1, 1 or 2, h, w)")
    if not (focal_px > 0 and baseline_m > 0):
        raise ContractError(
            f"a focal length of {focal_px:g} px and a baseline of {baseline_m:g} m measure no depth; both are positive"
        )
    left = disparity[:, :1].detach().double().cpu()
    full = F.interpolate(left, size=size, mode="bilinear", align_corners=False)
    fraction = torch.clamp(full[0, 0], min=SMALLEST_DISPARITY)
    depth: NDArray[np.float64] = (focal_px * baseline_m / (fraction * size[1])).numpy()
    return depth


@torch.no_grad()
def mirror_averaged(left_disparity: Tensor, of_mirrored: Tensor, margin: float = 0.05) -> Tensor:
    """(B, 1, h, w): the mean of a picture's left disparity and of that found in its mirror image.

    of_mirrored: (B, 1, h, w), the left disparity of the mirrored picture, on its pixels. Within `margin` of the width
    from the left edge only the mirrored one counts, at the right edge only the other, with a ramp between: what either
    edge hides from the other camera differs (Godard et al., CVPR 2017, section 4.2).
    """
    back = of_mirrored.flip(-1)
    w = left_disparity.shape[-1]
    x = torch.linspace(0.0, 1.0, w, device=left_disparity.device)
    at_left = 1.0 - torch.clamp((x - margin) / margin, 0.0, 1.0)
    at_right = at_left.flip(0)
    return at_left * back + at_right * left_disparity + (1.0 - at_left - at_right) * 0.5 * (back + left_disparity)
