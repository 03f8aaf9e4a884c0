"""`Refinement`: feature-driven adaptive refinement of a disparity (FARM in Ye et al., IEEE TIP 2021)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.blocks import FIRST_DISPARITY, LARGEST_DISPARITY, DisparityHead, convolution, scaled

NEIGHBOURS = 9
"""Pixels of a 3×3 patch."""


class Refinement(nn.Module):
    """Weights of a pixel's 3×3 neighbours, made from features, applied to their disparities.

    disparity: (B, 2, H, W) fraction of the width; features: (B, `features`, H, W). Returns (B, 2, H, W):
    0.3·sigmoid(conv(K ⊙ U)), U the neighbours' disparities (18 channels), K = softmax over the 18 channels of -x².
    80,600 parameters at the paper's size.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        sizes = [2 + features, *(scaled(n, width) for n in (64, 64, 32, 32))]
        self.layers = nn.ModuleList(convolution(a, b, 3) for a, b in pairwise(sizes))
        # -x² has no slope at 0, so that weights that start there would stay.
        self.weights = convolution(sizes[-1], 2 * NEIGHBOURS, 3, start=0.5)
        self.head = DisparityHead(2 * NEIGHBOURS)
        self._pass_on()

    @torch.no_grad()
    def _pass_on(self) -> None:
        """Start the head as the tangent of what would give the mean of the neighbours back.

        From random weights its input, at most 0.3/18, hardly moves it: the finest scale then stays where it started.
        """
        share = FIRST_DISPARITY / LARGEST_DISPARITY
        slope = 1.0 / (LARGEST_DISPARITY * share * (1.0 - share))
        nn.init.normal_(self.weights.weight, std=0.01)
        self.head.conv.weight.zero_()
        for channel in range(2):
            own = slice(channel * NEIGHBOURS, (channel + 1) * NEIGHBOURS)
            self.head.conv.weight[channel, own, 1, 1] = 2.0 * slope
        if self.head.conv.bias is not None:
            self.head.conv.bias -= slope * FIRST_DISPARITY

    def forward(self, disparity: Tensor, features: Tensor) -> Tensor:
        x = torch.cat([disparity, features], 1)
        for layer in self.layers:
            x = F.elu(layer(x))
        kernel = torch.softmax(-(self.weights(x).float() ** 2), 1)
        refined: Tensor = self.head(kernel * neighbours(disparity))
        return refined


def neighbours(disparity: Tensor) -> Tensor:
    """(B, 18, H, W): of both channels of (B, 2, H, W) the 3×3 pixels around, row by row, zero beyond the edges."""
    b, channels, h, w = disparity.shape
    return F.unfold(disparity, 3, padding=1).reshape(b, channels * NEIGHBOURS, h, w)
