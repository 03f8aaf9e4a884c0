"""Random students of every kind of layer, as graphs."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from training.graph import Layer, StudentGraph, run_layer

SIZE = 8
INPUTS = ("left", "right")


def random_inputs(seed: int, count: int = 1) -> dict[str, Tensor]:
    """Float64 views within ±3."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 1, SIZE, SIZE)
    return {name: torch.randn(shape, generator=generator, dtype=torch.float64).clamp(-3, 3) for name in INPUTS}


@st.composite
def random_graphs(draw: st.DrawFn) -> StudentGraph:
    """Up to ten layers, each of tensors drawn from all before it, and a convolution to one plane; float64 weights."""
    grown = _Growing(torch.Generator().manual_seed(draw(st.integers(0, 2**31))))
    grown.add("concat", ["left", "right"])
    kinds = st.sampled_from(["conv2d", "depthwise_conv2d", "transpose_conv2d", "add", "concat", "max_pool2d"])
    for _ in range(draw(st.integers(2, 10))):
        kind, relu = draw(kinds), draw(st.booleans())
        first = draw(st.sampled_from(sorted(grown.values)))
        of_size = [n for n, v in grown.values.items() if v.shape[2:] == grown.values[first].shape[2:]]
        alike = [n for n in of_size if grown.values[n].shape == grown.values[first].shape]
        if kind == "add":
            grown.add(kind, [first, draw(st.sampled_from(sorted(alike)))], relu)
        elif kind == "concat":
            grown.add(kind, [first, draw(st.sampled_from(sorted(of_size)))])
        elif kind == "max_pool2d":
            if grown.values[first].shape[2] > 1:
                grown.add(kind, [first], attrs={"window": (2, 2), "stride": (2, 2)})
        elif kind in ("conv2d", "depthwise_conv2d") or grown.values[first].shape[2] < SIZE:
            grown.convolve(kind, first, draw(st.integers(1, 4)), relu)
    last = list(grown.values)[-1]
    grown.convolve("conv2d", last, 1, False, "disparity")
    shapes = {name: tuple(value.shape) for name, value in grown.values.items()}
    return StudentGraph(tuple(grown.layers), INPUTS, ("disparity",), shapes)


class _Growing:
    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.values: dict[str, Tensor] = dict(random_inputs(0))
        self.layers: list[Layer] = []

    def add(self, kind: str, inputs: list[str], relu: bool = False, name: str = "", **given: object) -> None:
        layer = Layer(name or f"{kind}_{len(self.layers)}", kind, tuple(inputs), relu, **given)  # type: ignore[arg-type]
        self.layers.append(layer)
        self.values[layer.name] = run_layer(layer, [self.values[i] for i in inputs])

    def convolve(self, kind: str, source: str, channels: int, relu: bool, name: str = "") -> None:
        depth = self.values[source].shape[1]
        shape = {
            "conv2d": (channels, depth, 3, 3),
            "depthwise_conv2d": (depth * min(channels, 2), 1, 3, 3),
            "transpose_conv2d": (depth, channels, 2, 2),
        }[kind]
        attrs = {"stride": (1, 1), "pads": (1, 1), "dilation": (1, 1)}
        if kind == "transpose_conv2d":
            attrs = {"stride": (2, 2), "pads": (0, 0)}
        made = shape[1] if kind == "transpose_conv2d" else shape[0]
        # Channels of very different sizes are what equalisation is for.
        spread = torch.exp(2 * self._normal((made,)))
        axis = (1, -1, 1, 1) if kind == "transpose_conv2d" else (-1, 1, 1, 1)
        weight = self._normal(shape) * spread.reshape(axis) / depth
        self.add(kind, [source], relu, name, weight=weight, bias=self._normal((made,)) * spread, attrs=attrs)

    def _normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)
