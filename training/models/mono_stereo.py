"""`MonoStereo`: Mono-Net and the Stereo-Net that teaches it, as one module to train."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.blocks import FULL_WIDTH, Outputs
from training.models.mono_net import MonoNet
from training.models.stereo_net import StereoNet


class MonoStereo(nn.Module):
    """Both networks of one width; settings as in `MonoNet` and `StereoNet`."""

    def __init__(
        self,
        width: int = FULL_WIDTH,
        colours: int = 3,
        recursions: int = 2,
        error_map: bool = False,
        summed: bool = True,
        shifts: int = 0,
    ) -> None:
        super().__init__()
        self.mono = MonoNet(width, colours)
        self.stereo = StereoNet(width, colours, recursions, error_map, summed, shifts)

    def forward(
        self, left_NCHW: Tensor, right_NCHW: Tensor, stage: int = 3, mono_frozen: bool = False
    ) -> tuple[Outputs, tuple[Outputs, ...]]:
        """(mono's outputs, stereo's per recursion) of (B, colours, H, W) views in 0..1; none of stereo's in stage 1.

        As released, gradients flow from Stereo-Net through d⁰ into Mono-Net; with `mono_frozen` Mono-Net has none.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not mono_frozen):
            mono = self.mono(left_NCHW)
        if stage == 1:
            return mono, ()
        return mono, self.stereo(left_NCHW, right_NCHW, mono.disparities[0])
