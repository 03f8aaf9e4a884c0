"""PyTorch networks that together use every operation of ML programs that is read, and their conversion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from runtime_py.quiet import quiet

SHAPE = (1, 6, 10, 12)


class Spatial(nn.Module):
    """Convolutions, pools, resizing and pixel shuffling, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(6, 9, 3, padding=1, groups=3)
        self.depthwise = nn.Conv2d(9, 18, 3, padding=(2, 1), dilation=(2, 1), groups=9)
        self.norm = nn.BatchNorm2d(18)
        nn.init.normal_(self.norm.running_mean)
        self.up = nn.ConvTranspose2d(18, 8, 4, stride=2, padding=1)
        self.up_odd = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.same = nn.Conv2d(6, 4, 4, padding="same")
        self.row = nn.Conv1d(4, 5, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.norm(self.depthwise(self.grouped(x)))
        up = self.up_odd(self.up(functional.relu(x)))
        small = functional.max_pool2d(self.same(up), 3, 2, 1)
        means = functional.avg_pool2d(small, 3, 2, 1), functional.avg_pool2d(small, 3, 2, 1, count_include_pad=False)
        ceiled = functional.max_pool2d(small[:, :, 1:, 1:], 2, 2, ceil_mode=True)
        shuffled = functional.pixel_shuffle(small, 2)
        resized = (
            functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False),
            functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=True),
            functional.interpolate(small, scale_factor=3, mode="nearest"),
        )
        return (*means, ceiled, functional.pixel_unshuffle(shuffled, 2), *resized, self.row(small[:, :, 0]))


class Pointwise(nn.Module):
    """Arithmetic, activations, reductions, products."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 7)
        self.prelu = nn.PReLU(6)
        nn.init.uniform_(self.prelu.weight)
        self.register_buffer("matrix", torch.randn(12, 5))
        self.layer = nn.LayerNorm(12)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = (x + 1.5) * x - x / (x * x + 1)
        activated = (
            functional.relu6(y), y.clamp(-0.3, 0.7), functional.leaky_relu(y, 0.13), self.prelu(y), functional.silu(y),
            functional.hardswish(y), functional.hardsigmoid(y), torch.sigmoid(y), torch.tanh(y), functional.gelu(y),
            functional.elu(y), torch.exp(x), torch.sqrt(x * x + 1), torch.abs(x), torch.maximum(x, y),
            torch.round(4 * y),
        )  # fmt: skip
        reduced = y.mean((2, 3)), y.mean((2, 3), keepdim=True), y.sum(1), y.softmax(1), y.softmax(3)
        return (*activated, *reduced, self.linear(y), y @ self.matrix, self.layer(y))


class Moves(nn.Module):
    """What changes no value."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        a, b, c = x.split([1, 3, 2], 1)
        first, second = x.chunk(2, 3)
        return (
            torch.cat([c, a, b], 1), torch.stack([first, second], 1), functional.pad(x, (1, 2, 3, 0)),
            functional.pad(x, (1, 2, 3, 0), value=1.5), functional.pad(x, (1, 2, 3, 0), mode="reflect"),
            functional.pad(x, (1, 2, 3, 0), mode="replicate"), x[:, 1:5, 2:-1:2, 3:], x[:, 2], x.flip(3),
            x.reshape(1, 3, 2, 120), x.permute(0, 2, 3, 1), a.squeeze(1), x.unsqueeze(2),
        )  # fmt: skip


class Small(nn.Module):
    """Few weights of every kind of layer that compression takes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(6, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(functional.relu(self.second(functional.relu(self.first(x)))))


def converted(net: nn.Module, path: Path, half: bool, target: str = "iOS17") -> Any:
    """Saves what coremltools makes of a network and returns coremltools' model."""
    with quiet():
        import coremltools as ct

        program = torch.export.export(net.eval(), (torch.zeros(SHAPE),)).run_decompositions({})
        model = ct.convert(
            program,
            compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
            minimum_deployment_target=getattr(ct.target, target),
            skip_model_load=True,
        )
        model.save(str(path))
    return model


NETS: dict[str, Callable[[], nn.Module]] = {"spatial": Spatial, "pointwise": Pointwise, "moves": Moves}
