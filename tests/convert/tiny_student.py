"""A tiny student with every kind of layer that students may have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

HEIGHT, WIDTH = 32, 48


class TinyStudent(nn.Module):
    """Every kind of layer; `mixed` joins a ReLU'd and a signed tensor, so that a ReLU meets a zero point above -128."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 4, stride=2, padding=1)
        self.depthwise = nn.Conv2d(6, 12, 3, padding=1, groups=6)
        self.pool = nn.MaxPool2d(2)
        self.dilated = nn.Conv2d(12, 8, 3, padding=2, dilation=2)
        self.down = nn.Conv2d(8, 8, 2, stride=2)
        self.body = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding="same", bias=False), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 1)
        )
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.up_wide = nn.ConvTranspose2d(8, 6, 4, stride=2, padding=1)
        self.signed = nn.Conv2d(6, 3, 3, padding=1)
        self.head = nn.Conv2d(9, 1, 3, padding=1)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        half = torch.relu(self.stem(torch.cat([left_NCHW, right_NCHW], 1)))
        quarter = self.dilated(self.pool(torch.relu(self.depthwise(half)))).relu()
        eighth = torch.relu(self.down(quarter))
        eighth = torch.relu(eighth + self.body(eighth))
        quarter = quarter + self.up(eighth)
        half_again = torch.relu(self.up_wide(quarter))
        mixed = torch.cat([half_again, self.signed(half)], 1)
        return self.head(mixed)


def random_views(seed: int, count: int = 1) -> dict[str, Tensor]:
    """Float views as preprocessing makes them, NCHW."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 1, HEIGHT, WIDTH)
    return {name: torch.randn(shape, generator=generator).clamp(-3, 3) for name in ("left", "right")}
