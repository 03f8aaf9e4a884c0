"""What a student costs, counted from the tensors that pass through its convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def multiply_accumulates(student: nn.Module, size: tuple[int, int]) -> int:
    """Products of all convolutions in one run, counted from the tensors that pass."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.ConvTranspose2d):
            # Every input sample is multiplied by every weight that belongs to its channel.
            total += inputs[0][0, 0].numel() * module.weight.numel()
        elif isinstance(module, nn.Conv2d):
            total += output[0, 0].numel() * module.weight.numel()

    hooks = [m.register_forward_hook(count) for m in student.modules()]
    with torch.no_grad():
        student(torch.zeros(1, 1, *size), torch.zeros(1, 1, *size))
    for hook in hooks:
        hook.remove()
    return total
