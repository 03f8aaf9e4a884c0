"""The contract's preprocessing in torch, for training; `runtime_py.captures.preprocess` is the same in numpy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from runtime_py.contract import Preprocess


def preprocess(view: Tensor, settings: Preprocess) -> Tensor:
    """A linear view (B, 1, H, W) to a network input of the same shape, within ±settings.limit.

    Negative samples (noise below black) count as 0, in the mean too. A black view gives zeros.
    """
    light = torch.clamp(view, min=0.0)
    mean = torch.clamp(light.mean(dim=(2, 3), keepdim=True), min=1e-6)
    log = torch.log(light / mean + settings.floor)
    radius = settings.box // 2
    padded = F.pad(log, (radius, radius, radius, radius), mode="reflect")
    # A box is separable; one two-dimensional pooling would take 15 times as long as these two.
    local = F.avg_pool2d(F.avg_pool2d(padded, (settings.box, 1), stride=1), (1, settings.box), stride=1)
    return torch.clamp((log - local) * settings.gain, -settings.limit, settings.limit)
