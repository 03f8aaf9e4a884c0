"""`PyramidStudent`: disparity and confidence from a dual-pixel pair, seen with its surroundings, in 100 k parameters.

Where a surface has no texture, or moves by a tenth of a pixel, what a pixel shows says little: the answer is in its
surroundings. So this is `PocketStudent` with another level below, at 1/32, where a 3×3 neighbourhood is 96 px. Down to
1/8 both are alike, by name too, so that a trained `PocketStudent` can start one (`Recipe.start_shared`). All
convolutions are dense: with depthwise ones a deeper pyramid of the same size learned several times more slowly
(RESULTS.md). For the rest the choices are those that one integer grid asks for (see `models/pocket.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZE_MULTIPLE = 32
"""Height and width of an input must be multiples of this."""


class PyramidStudent(nn.Module):
    """Two preprocessed views to disparity and confidence.

    left_NCHW, right_NCHW: float32 (N, 1, H, W), H and W multiples of 32, as `contract.Preprocess` makes them.
    Returns two (N, 1, H/4, W/4): signed disparity in px of the input's width, positive nearer than the focus plane, and
    the probability (0..1, not clipped here) that it is right to within `losses.CONFIDENT` px.
    """

    def __init__(self, half: int = 16, quarter: int = 32, eighth: int = 32, deep: int = 32) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, half, 4, stride=2, padding=1)
        self.down_quarter = nn.Conv2d(half, quarter, 4, stride=2, padding=1)
        self.match = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.down_eighth = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.context_a = nn.Conv2d(eighth, eighth, 3, padding=1)
        self.context_b = nn.Conv2d(eighth, eighth, 3, padding=1)
        self.down_sixteenth = nn.Conv2d(eighth, deep, 2, stride=2)
        self.down_coarsest = nn.Conv2d(deep, deep, 2, stride=2)
        self.wide = nn.Conv2d(deep, deep, 3, padding=1)
        self.up_sixteenth = nn.ConvTranspose2d(deep, deep, 2, stride=2)
        self.merge_sixteenth = nn.Conv2d(deep, deep, 3, padding=1)
        self.up_eighth = nn.ConvTranspose2d(deep, eighth, 2, stride=2)
        self.merge_eighth = nn.Conv2d(eighth, eighth, 3, padding=1)
        self.up_quarter = nn.ConvTranspose2d(eighth, quarter, 2, stride=2)
        self.merge_quarter = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.head = nn.Conv2d(quarter, 1, 3, padding=1)
        self.confidence = nn.Conv2d(quarter, 1, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for head in (self.head, self.confidence):
            nn.init.normal_(head.weight, std=0.01)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        half = torch.relu(self.stem(torch.cat([left_NCHW, right_NCHW], dim=1)))
        quarter = torch.relu(self.match(torch.relu(self.down_quarter(half))))
        eighth = torch.relu(self.down_eighth(quarter))
        eighth = torch.relu(eighth + self.context_b(torch.relu(self.context_a(eighth))))
        sixteenth = torch.relu(self.down_sixteenth(eighth))
        coarsest = torch.relu(self.wide(torch.relu(self.down_coarsest(sixteenth))))
        sixteenth = torch.relu(sixteenth + self.up_sixteenth(coarsest))
        sixteenth = torch.relu(self.merge_sixteenth(sixteenth))
        eighth = torch.relu(eighth + self.up_eighth(sixteenth))
        eighth = torch.relu(self.merge_eighth(eighth))
        quarter = torch.relu(quarter + self.up_quarter(eighth))
        quarter = torch.relu(self.merge_quarter(quarter))
        return self.head(quarter), self.confidence(quarter)
