"""Networks for .pte files: every kind of node and kernel that image networks meet, of random odd sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.models.pte import PRECISIONS, Case, Net

Maker = Callable[[np.random.Generator, int], tuple[nn.Module, tuple[tuple[int, ...], ...]]]
"""(generator of sizes, seed of weights) to a network and the shapes of its inputs."""

FLOAT, STATIC, ALL = ("fp32",), ("fp32", "int8"), PRECISIONS


def cases(seed: int = 0) -> dict[str, Case]:
    """Every model by name and precision; sizes, weights and inputs follow from `seed`."""
    made: dict[str, Case] = {}
    for number, (name, (maker, precisions)) in enumerate(NETS.items()):
        for precision in precisions:
            key = seed * 1000 + number
            net, shapes = maker(np.random.default_rng(key), key)
            label = f"{name}, {precision}"
            made[label] = Case(net, shapes, "fp32" if precision == PORTABLE else precision, precision != PORTABLE, key)
    return made


PORTABLE = "portable"
"""Stands for fp32 without a delegate."""


def _image(rng: np.random.Generator, channels: int, low: int = 8, batch: int = 1) -> tuple[int, ...]:
    return (batch, channels, int(rng.integers(low, low + 9)), int(rng.integers(low, low + 9)))


def _layer(make: Callable[[int], nn.Module], channels: int, batch: int = 1) -> Maker:
    """One layer that is made for a random number of outputs."""

    def maker(rng: np.random.Generator, seed: int) -> tuple[nn.Module, tuple[tuple[int, ...], ...]]:
        layer = make(int(rng.integers(2, 9)))
        return Net(lambda n, x: n.layer(x), seed, layer=layer), (_image(rng, channels, batch=batch),)

    return maker


def _net(body: Callable[..., Any], channels: int = 3, inputs: int = 1, even: bool = False, **layers: Any) -> Maker:
    """A body over layers that are given as (class, arguments…)."""

    def maker(rng: np.random.Generator, seed: int) -> tuple[nn.Module, tuple[tuple[int, ...], ...]]:
        made = {name: kind(*arguments) for name, (kind, *arguments) in layers.items()}
        n, c, h, w = _image(rng, channels)
        shape = (n, c, h - h % 2, w - w % 2) if even else (n, c, h, w)
        return Net(body, seed, **made), (shape,) * inputs

    return maker


def _conv(i: int, o: int, k: int = 3, stride: int = 1, padding: int = 0, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(i, o, k, stride, padding, groups=groups)


def _rows(body: Callable[..., Any], rank: int) -> Maker:
    def maker(rng: np.random.Generator, seed: int) -> tuple[nn.Module, tuple[tuple[int, ...], ...]]:
        size, hidden = int(rng.integers(3, 40)), int(rng.integers(3, 20))
        shape = (*(int(rng.integers(1, 6)) for _ in range(rank - 1)), size)
        return Net(body, seed, a=nn.Linear(size, hidden), b=nn.Linear(hidden, 5)), (shape,)

    return maker


def _unet(mode: str) -> Maker:
    def body(n: Any, x: Tensor) -> Any:
        top = F.relu(n.a(x))
        up = F.interpolate(F.relu(n.b(top)), scale_factor=2, mode=mode)
        return n.d(F.relu(n.c(torch.cat([top, up], 1))))

    layers = {"a": (_conv, 3, 5, 3, 1, 1), "b": (_conv, 5, 7, 3, 2, 1), "c": (_conv, 12, 6, 3, 1, 1)}
    return _net(body, even=True, **layers, d=(_conv, 6, 2, 1))


def _clamped(merge: Callable[[Tensor, Tensor], Tensor], channels: int = 5) -> Maker:
    return _net(
        lambda n, x: n.c(F.relu6(merge(n.a(x), n.b(x)))), a=(_conv, 3, 5), b=(_conv, 3, 5), c=(_conv, channels, 4, 1)
    )


def _half_clamped(n: Any, x: Tensor) -> Any:
    y = n.a(x)
    return n.b(F.relu6(y)) + n.c(y)


def _mobile(n: Any, x: Tensor) -> Any:
    return n.out(n.narrow(F.relu6(n.depth(F.relu6(n.wide(x))))) + x)


def _twin(n: Any, left: Tensor, right: Tensor) -> Any:
    both = torch.cat([F.relu(n.a(left)), F.relu(n.b(right))], 1)
    return n.out(F.leaky_relu(n.c(both), 0.1))


def _heads(n: Any, x: Tensor) -> Any:
    y = F.relu(n.a(x))
    return torch.sigmoid(n.b(y)), torch.tanh(n.c(y)), F.softmax(y, 1)


def _pools(n: Any, x: Tensor) -> Any:
    y = n.a(x)
    average = F.avg_pool2d(y, 3, 2, 1, count_include_pad=False), F.avg_pool2d(y, (2, 3), (1, 2), (1, 1))
    return F.max_pool2d(y, 3, 2, 1), F.max_pool2d(y, 2, 1, 0, dilation=2), *average


def _resizes(n: Any, x: Tensor) -> Any:
    y = n.a(x)
    nearest = ({"scale_factor": 2}, {"scale_factor": 1.7}, {"size": (11, 6)})
    bilinear = ({"scale_factor": 2}, {"scale_factor": 1.7}, {"size": (13, 5)}, {"size": (9, 8), "align_corners": True})
    return (
        *(F.interpolate(y, mode="nearest", **how) for how in nearest),
        *(F.interpolate(y, mode="bilinear", **how) for how in bilinear),
    )


def _curves(n: Any, x: Tensor) -> Any:
    y = n.a(x)
    positive = y * y + 1
    return (
        F.hardswish(y), F.hardsigmoid(y), F.elu(y), F.gelu(y), F.silu(y), n.p(y), torch.clamp(y, -0.5, 0.7),
        torch.exp(-y.abs()), torch.sqrt(positive), torch.rsqrt(positive), torch.log(positive), y / positive,
        1 - y * 0.5, y**2, torch.maximum(y, -y), torch.minimum(y, y * 0.5), torch.floor(y), torch.ceil(y),
        torch.sin(y), torch.cos(y), F.softmax(y, -1), torch.where(y > 0.1, y, x[:, :1, 2:, 2:]),
    )  # fmt: skip


def _moves(n: Any, x: Tensor) -> Any:
    y = n.a(x)
    first, second, third = torch.split(y, [1, 2, 3], 1)
    halves = torch.split(y, 4, 1)
    return (
        torch.cat([third, first], 1) - F.pad(second, (1, 0, 2, 0), value=0.25)[:, :1, 2:, 1:],
        y.permute(0, 2, 3, 1).reshape(y.shape[0], -1, 3),
        y[:, :, 1::2, :-1].transpose(2, 3),
        y.unsqueeze(1).squeeze(0)[0],
        halves[0].mean((2, 3)) * y.sum((2, 3))[:, :4],
        y.mean(1, keepdim=True).expand(-1, 3, -1, -1),
        torch.stack([y.amax(1), y.amin(1)], 1),
        F.pixel_unshuffle(y[:, :, :4, :6], 2),
        torch.flip(y, [1, 3]).repeat(2, 1, 1, 2),
    )


def _norms(n: Any, x: Tensor) -> Any:
    y = n.a(x)
    return n.g(y), F.instance_norm(y), F.layer_norm(y, y.shape[2:]), n.b(F.relu(y))


def _attention(n: Any, x: Tensor) -> Any:
    y = torch.flatten(n.a(x), 2)
    return torch.bmm(torch.softmax(torch.bmm(y, y.transpose(1, 2)) * 0.1, -1), y)


def _classifier(n: Any, x: Tensor) -> Any:
    return n.fc(torch.flatten(F.adaptive_avg_pool2d(F.relu(n.a(x)), 1), 1))


def _upward(n: Any, x: Tensor) -> Any:
    return n.out(F.relu(n.up(F.relu(n.a(x)))))


NETS: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "conv": (_layer(lambda o: nn.Conv2d(4, o, (3, 2), (2, 1), (1, 0)), 4), (*ALL, PORTABLE)),
    "conv dilated": (_layer(lambda o: nn.Conv2d(3, o, 3, dilation=2, padding=2, bias=False), 3), ALL),
    "conv 1x1": (_layer(lambda o: nn.Conv2d(6, o, 1), 6), ALL),
    "conv 1x1 strided": (_layer(lambda o: nn.Conv2d(6, o, 1, 2), 6), ALL),
    "conv in a batch": (_layer(lambda o: nn.Conv2d(3, o, 3), 3, batch=3), ALL),
    "conv grouped": (_layer(lambda o: nn.Conv2d(6, 3 * o, 3, groups=3, padding=1), 6), (*STATIC, PORTABLE)),
    "depthwise": (_layer(lambda o: nn.Conv2d(5, 5, 3, 2, 1, groups=5), 5), (*STATIC, PORTABLE)),
    "depthwise doubled": (_layer(lambda o: nn.Conv2d(5, 10, 3, 1, 1, groups=5), 5), STATIC),
    "transposed conv": (_layer(lambda o: nn.ConvTranspose2d(4, o, 3, 2, 1, 1), 4), (*STATIC, PORTABLE)),
    "transposed conv 4x4": (_layer(lambda o: nn.ConvTranspose2d(4, o, 4, 2, 1), 4), STATIC),
    "transposed conv grouped": (_layer(lambda o: nn.ConvTranspose2d(4, 2 * o, 3, 2, 1, 0, 2), 4), (*FLOAT, PORTABLE)),
    "linear": (_rows(lambda n, x: n.b(n.a(x)), 2), (*ALL, PORTABLE)),
    "linear on rank 3": (_rows(lambda n, x: F.relu(n.b(n.a(x))), 3), ALL),
    "bilinear U-Net": (_unet("bilinear"), ALL),
    "nearest U-Net": (_unet("nearest"), (*ALL, PORTABLE)),
    "mobile": (
        _net(_mobile, 6, wide=(_conv, 6, 18, 1), depth=(_conv, 18, 18, 3, 1, 1, 18), narrow=(_conv, 18, 6, 1),
             out=(_conv, 6, 3, 3, 2)),
        ALL,
    ),
    "relu6 after add": (_clamped(torch.add), STATIC),
    "relu6 after mul": (_clamped(torch.mul), STATIC),
    "relu6 after cat": (_clamped(lambda a, b: torch.cat([a, b], 1), 10), STATIC),
    "relu6 of one user of two": (
        _net(_half_clamped, a=(_conv, 3, 5), b=(_conv, 5, 4), c=(_conv, 5, 4)),
        STATIC,
    ),
    "narrow clamp": (_net(lambda n, x: n.b(F.hardtanh(n.a(x), -0.7, 1.9)), a=(_conv, 3, 5), b=(_conv, 5, 4, 1)), ALL),
    "one image for 3x3 and 1x1": (_net(lambda n, x: (n.a(x), n.b(x)), 4, a=(_conv, 4, 3), b=(_conv, 4, 2, 1)), ALL),
    "heads": (_net(_heads, a=(_conv, 3, 4), b=(_conv, 4, 2), c=(_conv, 4, 3)), (*ALL, PORTABLE)),
    "twin": (
        _net(_twin, 2, 2, a=(_conv, 2, 4), b=(_conv, 2, 5), c=(_conv, 9, 6), out=(_conv, 6, 2, 1)),
        (*ALL, PORTABLE),
    ),
    "classifier": (_net(_classifier, a=(_conv, 3, 8), fc=(nn.Linear, 8, 5)), ALL),
    "pixel shuffle": (_net(lambda n, x: n.b(F.pixel_shuffle(n.a(x), 2)), a=(_conv, 3, 8), b=(_conv, 2, 3)), STATIC),
    "upward": (_net(_upward, a=(_conv, 3, 6), up=(nn.ConvTranspose2d, 6, 4, 2, 2), out=(_conv, 4, 2)), ALL),
    "norms": (_net(_norms, a=(_conv, 3, 6), g=(nn.GroupNorm, 2, 6), b=(nn.BatchNorm2d, 6)), (*FLOAT, PORTABLE)),
    "pools": (_net(_pools, a=(_conv, 3, 4)), (*FLOAT, PORTABLE)),
    "resizes": (_net(_resizes, a=(_conv, 3, 4)), (*FLOAT, PORTABLE)),
    "curves": (_net(_curves, a=(_conv, 3, 4), p=(nn.PReLU, 4)), (*FLOAT, PORTABLE)),
    "moves": (_net(_moves, a=(_conv, 3, 6)), (*STATIC, PORTABLE)),
    "attention": (_net(_attention, a=(_conv, 3, 6)), (*FLOAT, PORTABLE)),
}  # fmt: skip
"""Networks by name, with the precisions that ExecuTorch 1.4.1 can build and run."""
