"""`PyramidStudent`: disparity and confidence from a dual-pixel pair, seen with its surroundings, in 100 k parameters.

Where a surface has no texture, or moves by a tenth of a pixel, what a pixel shows says little: the answer is in its
surroundings. So the pyramid goes down to 1/64, where a 3×3 neighbourhood is 192 px; depthwise 5×5 and pointwise
convolutions make that nearly free. For the rest the choices are those that one integer grid asks for (see
`models/pocket.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZE_MULTIPLE = 64
"""Height and width of an input must be multiples of this."""


class Mix(nn.Module):
    """A residual of a depthwise 5×5 and a pointwise convolution: (N, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.point = nn.Conv2d(channels, channels, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return torch.relu(x_NCHW + self.point(torch.relu(self.depth(x_NCHW))))


class Shrink(nn.Module):
    """Half the size: a depthwise 2×2 of stride 2 and a pointwise convolution, (N, C, H, W) to (N, C, H/2, W/2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(channels, channels, 2, stride=2, groups=channels)
        self.point = nn.Conv2d(channels, channels, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return torch.relu(self.point(self.depth(x_NCHW)))


class PyramidStudent(nn.Module):
    """Two preprocessed views to disparity and confidence.

    left_NCHW, right_NCHW: float32 (N, 1, H, W), H and W multiples of 64, as `contract.Preprocess` makes them.
    Returns two (N, 1, H/4, W/4): signed disparity in px of the input's width, positive nearer than the focus plane, and
    the probability (0..1, not clipped here) that it is right to within `losses.CONFIDENT` px.
    """

    def __init__(self, half: int = 16, quarter: int = 32, deep: int = 48) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, half, 4, stride=2, padding=1)
        self.down4 = nn.Conv2d(half, quarter, 4, stride=2, padding=1)
        self.match = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.down8 = nn.Conv2d(quarter, quarter, 2, stride=2)
        self.mix8 = nn.Sequential(Mix(quarter), Mix(quarter))
        self.down16 = nn.Conv2d(quarter, deep, 2, stride=2)
        self.mix16 = nn.Sequential(Mix(deep), Mix(deep))
        self.down32 = Shrink(deep)
        self.mix32 = nn.Sequential(Mix(deep), Mix(deep))
        self.down64 = Shrink(deep)
        self.mix64 = Mix(deep)
        self.up32 = nn.ConvTranspose2d(deep, deep, 2, stride=2)
        self.up16 = nn.ConvTranspose2d(deep, deep, 2, stride=2)
        self.up8 = nn.ConvTranspose2d(deep, quarter, 2, stride=2)
        self.merge8 = Mix(quarter)
        self.up4 = nn.ConvTranspose2d(quarter, quarter, 2, stride=2)
        self.merge4 = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.head = nn.Conv2d(quarter, 1, 3, padding=1)
        self.confidence = nn.Conv2d(quarter, 1, 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Mix):
                nn.init.normal_(module.point.weight, std=0.05)
        for head in (self.head, self.confidence):
            nn.init.normal_(head.weight, std=0.01)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        half = torch.relu(self.stem(torch.cat([left_NCHW, right_NCHW], dim=1)))
        quarter = torch.relu(self.match(torch.relu(self.down4(half))))
        eighth = self.mix8(torch.relu(self.down8(quarter)))
        sixteenth = self.mix16(torch.relu(self.down16(eighth)))
        coarse = self.mix32(self.down32(sixteenth))
        coarsest = self.mix64(self.down64(coarse))
        coarse = torch.relu(coarse + self.up32(coarsest))
        sixteenth = torch.relu(sixteenth + self.up16(coarse))
        eighth = self.merge8(torch.relu(eighth + self.up8(sixteenth)))
        quarter = torch.relu(self.merge4(torch.relu(quarter + self.up4(eighth))))
        return self.head(quarter), self.confidence(quarter)
