"""`MobileUNet`: the dual-pixel student of seed 1 (Garg et al., ICCP 2024), a U-Net around MobileNetV2, to compare with.

The encoder is that of Sandler et al. (MobileNetV2, CVPR 2018, table 2), without its classifier; the decoder doubles the
size five times (nearest neighbour), joins what the encoder had at that size, and mixes by two 3×3 convolutions. Seed 1
starts from ImageNet's weights, which do not belong here: this one starts from random ones. It is no network for integer
grids: nearest neighbours, ReLU6 and odd kernels with stride 2 do not run alike everywhere (`training.tracing`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runtime_py.errors import ContractError
from training.models.blocks import doubled, require_size

FULL_WIDTH = 32
"""Channels behind the first convolution at a width multiplier of 1."""

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""(expansion, channels, blocks, stride of the first block) of the encoder, behind its first convolution."""

LAST = 1280
"""Channels of the pointwise convolution that ends the encoder."""

SKIPS = (0, 1, 2, 4)
"""The stages whose results the decoder joins: at 1/2, 1/4, 1/8 and 1/16 of each side."""

DECODER = (256, 128, 64, 32, 16)


def scaled(full: int, width: int) -> int:
    """Channels at `width` of a layer with `full` of them at `FULL_WIDTH`: a multiple of 8, not less than 90 %."""
    wanted = full * width / FULL_WIDTH
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def convolution(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution without a bias that keeps the size (at stride 1), and its batch norm."""
    made = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(made.weight, mode="fan_out")
    return [made, nn.BatchNorm2d(out)]


class InvertedResidual(nn.Module):
    """Pointwise to `expansion` times the channels, depthwise 3×3, pointwise to `out` without an activation.

    The input is added where it has the same shape.
    """

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = expansion * channels
        expand = [*convolution(channels, inner, 1), nn.ReLU6()] if expansion > 1 else []
        depth = [*convolution(inner, inner, 3, stride, groups=inner), nn.ReLU6()]
        self.layers = nn.Sequential(*expand, *depth, *convolution(inner, out, 1))
        self.is_residual = stride == 1 and channels == out

    def forward(self, x_NCHW: Tensor) -> Tensor:
        out: Tensor = self.layers(x_NCHW)
        return x_NCHW + out if self.is_residual else out


class Encoder(nn.Module):
    """(N, channels, H, W) to the features at 1/32 and those of `SKIPS`. 2,223,872 parameters for three channels at
    `FULL_WIDTH`."""

    def __init__(self, channels: int, width: int = FULL_WIDTH) -> None:
        super().__init__()
        before = scaled(FULL_WIDTH, width)
        self.stem = nn.Sequential(*convolution(channels, before, 3, 2), nn.ReLU6())
        self.stages = nn.ModuleList()
        for expansion, full, blocks, stride in STAGES:
            out = scaled(full, width)
            inputs = [before] + [out] * (blocks - 1)
            strides = [stride] + [1] * (blocks - 1)
            made = [InvertedResidual(c, out, s, expansion) for c, s in zip(inputs, strides, strict=True)]
            self.stages.append(nn.Sequential(*made))
            before = out
        self.features = max(LAST, scaled(LAST, width))
        self.last = nn.Sequential(*convolution(before, self.features, 1), nn.ReLU6())

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.stem(x_NCHW)
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        return self.last(x), [seen[i] for i in SKIPS]


class DecoderStep(nn.Module):
    """Twice the size, joined with `joined` channels of the encoder, and two 3×3 convolutions to `out`."""

    def __init__(self, channels: int, joined: int, out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *convolution(channels + joined, out, 3), nn.ReLU(), *convolution(out, out, 3), nn.ReLU()
        )

    def forward(self, x_NCHW: Tensor, skip_NCHW: Tensor | None) -> Tensor:
        x = doubled(x_NCHW)
        out: Tensor = self.layers(x if skip_NCHW is None else torch.cat([x, skip_NCHW], 1))
        return out


class MobileUNet(nn.Module):
    """All planes that a student sees to disparity: two of dual pixels, these and three of colour, or colour alone.

    planes_NCHW: float32 (N, c, H, W) each, `channels` in all, H and W multiples of 32; views as `contract.Preprocess`
    makes them, colour in -1..1. Returns (N, 1, H, W) signed disparity in px of the input's width, positive nearer than
    the focus plane. width: channels behind the first convolution, 32 times the published width multiplier; all others
    are in proportion. 6,629,521 parameters for five channels. Raises ContractError for other planes.
    """

    def __init__(self, channels: int = 2, width: int = FULL_WIDTH) -> None:
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels, width)
        joined = [scaled(STAGES[i][1], width) for i in reversed(SKIPS)] + [0]
        outs = [scaled(n, width) for n in DECODER]
        inputs = [self.encoder.features, *outs[:-1]]
        self.decoder = nn.ModuleList(DecoderStep(*sizes) for sizes in zip(inputs, joined, outs, strict=True))
        self.head = nn.Conv2d(outs[-1], 1, 3, padding=1)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, *planes_NCHW: Tensor) -> Tensor:
        x = torch.cat(planes_NCHW, 1)
        channels = x.shape[1]
        if channels != self.channels:
            raise ContractError(
                f"this 'mobile_unet' takes {self.channels} planes and was given {channels}; set "
                f'model_settings={{"channels": {channels}}}'
            )
        require_size(x)
        x, skips = self.encoder(x)
        for step, skip in zip(self.decoder, [*reversed(skips), None], strict=True):
            x = step(x, skip)
        disparity: Tensor = self.head(x)
        return disparity
