"""`MonoNet`: both disparities of a stereo pair from its left view alone (Ye et al., IEEE TIP 2021)."""

from __future__ import annotations

from torch import Tensor, nn

from training.models.blocks import FULL_WIDTH, DisparityNet, Outputs

SMALL_WIDTH = 10
"""Trains on a CPU: under 400 k parameters in Mono-Net and in Stereo-Net."""


class MonoNet(nn.Module):
    """left_NCHW: (B, colours, H, W) in 0..1, H and W multiples of 32. 11,825,448 parameters at the paper's size.

    Raises ContractError for another size.
    """

    def __init__(self, width: int = FULL_WIDTH, colours: int = 3) -> None:
        super().__init__()
        self.net = DisparityNet(colours, width)

    def forward(self, left_NCHW: Tensor) -> Outputs:
        outputs: Outputs = self.net(left_NCHW)
        return outputs
