"""One view of a rectified stereo pair seen with the other one's light: sampling along the rows by disparity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def left_from_right(right: Tensor, left_disparity: Tensor) -> Tensor:
    """(B, C, H, W) planes of the right view on the pixels of the left one: right(x - d).

    left_disparity: (B, 1, H, W), d = x_left - x_right as a fraction of the width, on the pixels of the left view.
    """
    return sampled_beside(right, -left_disparity)


def right_from_left(left: Tensor, right_disparity: Tensor) -> Tensor:
    """(B, C, H, W) planes of the left view on the pixels of the right one: left(x + d).

    right_disparity: (B, 1, H, W), d as for `left_from_right`, on the pixels of the right view.
    """
    return sampled_beside(left, right_disparity)


def sampled_beside(planes: Tensor, offset: Tensor) -> Tensor:
    """(B, C, H, W) planes sampled at x + offset·W in every row, linearly; beyond an edge the edge's value, float32.

    offset: (B, 1, H, W) fraction of the width, positive to the right. There is no gradient to an offset that leads
    beyond the edge.
    """
    b, _, h, w = planes.shape
    with torch.autocast(planes.device.type, enabled=False):  # 16 bit could not tell neighbouring columns apart
        y, x = (
            (torch.arange(n, device=planes.device, dtype=torch.float32) * 2.0 + (1 - n)) / n for n in (h, w)
        )  # centred, -1 and 1 at the outer edges of the outermost pixels
        columns = x + 2.0 * offset[:, 0].float()
        points = torch.stack([columns, y[:, None].expand(b, h, w)], -1)
        return F.grid_sample(planes.float(), points, mode="bilinear", padding_mode="border", align_corners=False)


def pyramid(picture: Tensor, scales: int) -> list[Tensor]:
    """(B, C, H, W) `picture` at 1, 1/2, 1/4 … of each side, `scales` of them, by averaging 2^i × 2^i pixels."""
    return [picture if i == 0 else F.avg_pool2d(picture, 2**i) for i in range(scales)]
