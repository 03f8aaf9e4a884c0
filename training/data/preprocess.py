"""The contract's preprocessing in torch, for training; `runtime_py.captures.preprocess` is the same in numpy."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from runtime_py.contract import Preprocess
from runtime_py.errors import ContractError


def preprocess(view: Tensor, settings: Preprocess) -> Tensor:
    """A linear view (B, 1, H, W) to a network input of the same shape, within ±settings.limit.

    Negative samples (noise below black) count as 0, in the mean too. A black view gives zeros. Raises ContractError for
    a view that is smaller than what the box reaches over.
    """
    light = torch.clamp(view, min=0.0)
    mean = torch.clamp(light.mean(dim=(2, 3), keepdim=True), min=1e-6)
    log = (light / mean).add_(settings.floor).log_()
    radius, (h, w) = settings.box // 2, view.shape[-2:]
    # A box is separable, and multiplying by matrices takes a fifth of the time of pooling over its 31 samples.
    local = band(h, radius, view.device) @ (log @ band(w, radius, view.device).T)
    return (log - local).mul_(settings.gain).clamp_(-settings.limit, settings.limit)


@lru_cache(maxsize=16)
def band(n: int, radius: int, device: torch.device = torch.device("cpu")) -> Tensor:  # noqa: B008
    """(n, n) float32 that turns n samples into their means over 2·radius + 1 of them; every row sums to 1.

    Borders are mirrored without repeating the edge sample, which needs n > radius: raises ContractError otherwise. The
    caller shares the tensor with everybody else, so it must not be written to.
    """
    if n <= radius:
        raise ContractError(
            f"a view {n} px wide or high has no mean over {2 * radius + 1} px; it takes {radius + 1} px at least"
        )
    samples = (torch.arange(n)[:, None] + torch.arange(-radius, radius + 1)).abs()
    mirrored = torch.where(samples < n, samples, 2 * (n - 1) - samples)
    share = torch.full(mirrored.shape, 1.0 / (2 * radius + 1))
    return torch.zeros(n, n).scatter_add_(1, mirrored, share).to(device)
