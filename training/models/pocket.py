"""`PocketStudent`: signed disparity from a dual-pixel pair with under 100 k parameters, made for integer grids.

Every choice follows from where it must run in int8 (ARCHITECTURE.md, "what the grid asks of a network"): convolutions
with a bias and ReLU only, no normalisation, strided convolutions with even kernels (torch's symmetric padding is then
TFLite's SAME), 2×2 transposed convolutions for upsampling, additions for skips, one concatenation (of the two inputs,
which share a scale), no module used twice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

OUTPUT_STRIDE = 4
SIZE_MULTIPLE = 16
"""Height and width of an input must be multiples of this."""


class PocketStudent(nn.Module):
    """Two preprocessed views to disparity.

    left_NCHW, right_NCHW: float32 (N, 1, H, W), H and W multiples of 16, as `contract.Preprocess` makes them.
    Returns (N, 1, H/4, W/4) signed disparity in px of the input's width, positive nearer than the focus plane.
    """

    def __init__(self, half: int = 16, quarter: int = 32, eighth: int = 32, sixteenth: int = 48) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, half, 4, stride=2, padding=1)
        self.down_quarter = nn.Conv2d(half, quarter, 4, stride=2, padding=1)
        self.match = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.down_eighth = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.context_a = nn.Conv2d(eighth, eighth, 3, padding=1)
        self.context_b = nn.Conv2d(eighth, eighth, 3, padding=1)
        self.down_sixteenth = nn.Conv2d(eighth, sixteenth, 2, stride=2)
        self.wide = nn.Conv2d(sixteenth, sixteenth, 3, padding=1)
        self.up_eighth = nn.ConvTranspose2d(sixteenth, eighth, 2, stride=2)
        self.merge_eighth = nn.Conv2d(eighth, eighth, 3, padding=1)
        self.up_quarter = nn.ConvTranspose2d(eighth, quarter, 2, stride=2)
        self.merge_quarter = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.head = nn.Conv2d(quarter, 1, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        half = torch.relu(self.stem(torch.cat([left_NCHW, right_NCHW], dim=1)))
        quarter = torch.relu(self.match(torch.relu(self.down_quarter(half))))
        eighth = torch.relu(self.down_eighth(quarter))
        eighth = torch.relu(eighth + self.context_b(torch.relu(self.context_a(eighth))))
        sixteenth = torch.relu(self.wide(torch.relu(self.down_sixteenth(eighth))))
        eighth = torch.relu(eighth + self.up_eighth(sixteenth))
        eighth = torch.relu(self.merge_eighth(eighth))
        quarter = torch.relu(quarter + self.up_quarter(eighth))
        quarter = torch.relu(self.merge_quarter(quarter))
        disparity: Tensor = self.head(quarter)
        return disparity
