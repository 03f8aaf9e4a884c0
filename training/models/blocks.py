"""What Mono-Net and Stereo-Net are made of: one encoder and decoder, with ELU and without batch norm.

Ye et al., IEEE TIP 2021, as released with a ResNet encoder. `width` is the number of channels behind the first
convolution, 64 in the paper; all others are in proportion to it, but at least 8.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime_py.errors import ContractError

FULL_WIDTH = 64
NARROWEST = 8
SCALES = 4
"""Disparities at 1, 1/2, 1/4 and 1/8 of each side."""
SIZE_MULTIPLE = 32
"""Height and width of an input must be multiples of this."""
LARGEST_DISPARITY, FIRST_DISPARITY = 0.3, 0.03
"""Fractions of the width: what no output exceeds, and what an untrained network says, about KITTI's mean."""


class Outputs(NamedTuple):
    """What one network says of one batch, everything at 1/2^i of each side of the input.

    disparities: i = 0..3, (B, 2, h, w), of the left and the right pixels, fraction of the width, at least 0.
    features: i = 0..3, (B, C_i, h, w), the decoder's features that the disparities are read from.
    contexts: i = 3 and 4, (B, C_i, h, w), what the decoder has upsampled before the skips join, for long-range space.
    """

    disparities: tuple[Tensor, ...]
    features: tuple[Tensor, ...]
    contexts: tuple[Tensor, ...]


def scaled(full: int, width: int) -> int:
    """Channels at `width` of a layer that has `full` of them at the paper's."""
    return max(NARROWEST, round(full * width / FULL_WIDTH))


def require_size(picture: Tensor) -> None:
    """Raises ContractError unless (B, C, H, W) can be halved five times."""
    h, w = picture.shape[-2:]
    if h % SIZE_MULTIPLE or w % SIZE_MULTIPLE:
        raise ContractError(f"a picture of {h}×{w} (rows × columns) cannot be halved five times; crop it to 32s")


def convolution(
    channels: int, out: int, kernel: int, stride: int = 1, dilation: int = 1, start: float = 0.0
) -> nn.Conv2d:
    """With padding that keeps the size (at stride 1), Glorot's uniform weights, and a bias that starts at `start`."""
    made = nn.Conv2d(channels, out, kernel, stride, dilation * (kernel - 1) // 2, dilation)
    nn.init.xavier_uniform_(made.weight)
    if made.bias is not None:
        nn.init.constant_(made.bias, start)
    return made


class Bottleneck(nn.Module):
    """1×1, 3×3 (with the stride), 1×1 to four times the channels, plus a projection of the input, then ELU."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        self.reduce = convolution(channels, inner, 1)
        self.spatial = convolution(inner, inner, 3, stride)
        self.expand = convolution(inner, 4 * inner, 1)
        self.shortcut = convolution(channels, 4 * inner, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.elu(self.spatial(F.elu(self.reduce(x))))
        return F.elu(self.expand(inner) + self.shortcut(x))


def residual_stage(channels: int, inner: int, blocks: int) -> nn.Sequential:
    """`blocks` bottlenecks, the last of which halves the size."""
    inputs = [channels] + [4 * inner] * (blocks - 1)
    return nn.Sequential(*(Bottleneck(c, inner, 2 if i == blocks - 1 else 1) for i, c in enumerate(inputs)))


class SpatialPyramid(nn.Module):
    """Atrous spatial pyramid pooling: the global mean, 1×1, 3×3 at rates 6, 12, 18, concatenated; no activation."""

    def __init__(self, channels: int, branch: int) -> None:
        super().__init__()
        self.everywhere = convolution(channels, branch, 1)
        self.here = convolution(channels, branch, 1)
        self.around = nn.ModuleList(convolution(channels, branch, 3, dilation=rate) for rate in (6, 12, 18))

    def forward(self, x: Tensor) -> Tensor:
        everywhere = self.everywhere(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        return torch.cat([everywhere, self.here(x), *(branch(x) for branch in self.around)], 1)


class Encoder(nn.Module):
    """(B, C, H, W) to the pyramid's features at 1/32, and skips at 1/2, 1/4, 1/8 and 1/16."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        first, inner_a, inner_b = (scaled(n, width) for n in (64, 64, 128))
        self.stem = convolution(channels, first, 7, 2)
        self.eighth = residual_stage(first, inner_a, 3)
        self.sixteenth = residual_stage(4 * inner_a, inner_b, 4)
        self.pyramid = SpatialPyramid(4 * inner_b, scaled(256, width))
        self.skips = (first, first, 4 * inner_a, 4 * inner_b)
        self.channels = 5 * scaled(256, width)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
        half = F.elu(self.stem(x))
        quarter = F.max_pool2d(half, 3, 2, 1)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        return self.pyramid(F.max_pool2d(sixteenth, 3, 2, 1)), (half, quarter, eighth, sixteenth)


class DisparityHead(nn.Module):
    """(B, C, h, w) features to (B, 2, h, w) disparities: 0.3·sigmoid of a 3×3 convolution, always in float32.

    It starts near `FIRST_DISPARITY`. From the sigmoid's middle, 0.15 of the width, views that are less far apart do not
    overlap with what explains them, and the finest scale stays where it is.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        share = FIRST_DISPARITY / LARGEST_DISPARITY
        self.conv = convolution(channels, 2, 3, start=math.log(share / (1.0 - share)))
        nn.init.normal_(self.conv.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # bfloat16's steps would be a quarter of a pixel at 512
            return LARGEST_DISPARITY * torch.sigmoid(self.conv(x.float()))


class DecoderStep(nn.Module):
    """Nearest ×2 and a 3×3 convolution, then a 3×3 convolution of that with the skip and the coarser disparity."""

    def __init__(self, channels: int, out: int, joined: int) -> None:
        super().__init__()
        self.up = convolution(channels, out, 3)
        self.join = convolution(out + joined, out, 3)

    def forward(self, x: Tensor, joined: list[Tensor]) -> tuple[Tensor, Tensor]:
        up = F.elu(self.up(doubled(x)))
        return F.elu(self.join(torch.cat([up, *joined], 1))), up


class Decoder(nn.Module):
    """The encoder's features and skips to `Outputs`."""

    def __init__(self, encoder: Encoder, width: int) -> None:
        super().__init__()
        self.channels = [scaled(n, width) for n in (16, 32, 64, 128, 256)]
        half, quarter, eighth, sixteenth = encoder.skips
        joined = [2, half + 2, quarter + 2, eighth, sixteenth]
        deeper = [*self.channels[1:], encoder.channels]
        steps = zip(deeper, self.channels, joined, strict=True)
        self.steps = nn.ModuleList(DecoderStep(*sizes) for sizes in steps)
        self.heads = nn.ModuleList(DisparityHead(n) for n in self.channels[:SCALES])

    def forward(self, x: Tensor, skips: tuple[Tensor, ...]) -> Outputs:
        disparities: list[Tensor] = []
        features: list[Tensor] = []
        contexts: list[Tensor] = []
        for scale in reversed(range(SCALES + 1)):
            joined = [skips[scale - 1]] if scale else []
            if disparities:
                joined.append(doubled(disparities[0]))
            x, up = self.steps[scale](x, joined)
            if scale >= SCALES - 1:
                contexts.insert(0, up)
            if scale < SCALES:
                features.insert(0, x)
                disparities.insert(0, self.heads[scale](x))
        return Outputs(tuple(disparities), tuple(features), tuple(contexts))


class DisparityNet(nn.Module):
    """Encoder and decoder: (B, channels, H, W) to `Outputs`, H and W multiples of 32."""

    def __init__(self, channels: int, width: int = FULL_WIDTH) -> None:
        super().__init__()
        self.encoder = Encoder(channels, width)
        self.decoder = Decoder(self.encoder, width)

    def forward(self, x: Tensor) -> Outputs:
        require_size(x)
        outputs: Outputs = self.decoder(*self.encoder(x))
        return outputs


def doubled(x: Tensor) -> Tensor:
    """Twice the size, every pixel four times."""
    return F.interpolate(x, scale_factor=2, mode="nearest")
