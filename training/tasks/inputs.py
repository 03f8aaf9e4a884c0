"""What a student sees: dual pixels, dual pixels and colour, or colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from runtime_py.contract import Preprocess
from runtime_py.errors import DpocketError
from training.data.preprocess import preprocess
from training.data.sample import Sample
from training.data.windows import network_input
from training.models.blocks import Outputs

INPUTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"dp": ("left", "right"), "rgb_dp": ("left", "right", "rgb"), "mono": ("rgb",)}
)
"""The members of a sample that a student is given, by the name of its input setting."""

STACKED = frozenset({"mono_net"})
"""Networks that take one tensor of all planes; the others take each member by itself."""

GAMMA = 2.2


def require_inputs(name: str) -> tuple[str, ...]:
    """The members of input setting `name`. Raises DpocketError listing the known ones."""
    if name not in INPUTS:
        raise DpocketError(f"'task.inputs' is '{name}'; known are: {', '.join(INPUTS)}")
    return INPUTS[name]


def prepared(sample: Sample, settings: Preprocess) -> Sample:
    """The sample with its views preprocessed; colour stays linear."""
    left, right = (preprocess(view, settings) for view in (sample.left, sample.right))
    return replace(sample, left=left, right=right)


class Answer(NamedTuple):
    """disparity: (B, 1, h, w) px of the full width, float32; confidence: (B, 1, h, w), or None where there is none."""

    disparity: Tensor
    confidence: Tensor | None = None


def planes_for(model: str, members: tuple[str, ...], batch: Sample) -> tuple[Tensor, ...]:
    """What the network `model` is called with: preprocessed views, and colour gamma-encoded in -1 … 1."""
    planes = tuple(
        2.0 * encoded(network_input(batch, (name,))) - 1.0 if name == "rgb" else network_input(batch, (name,))
        for name in members
    )
    return (torch.cat(planes, 1),) if model in STACKED else planes


def encoded(linear: Tensor) -> Tensor:
    """Linear light as pictures store it, 0..1."""
    return linear.clamp(0.0, 1.0) ** (1 / GAMMA)


def read_answer(output: Any, width: int) -> Answer:
    """A network's output: disparity in px, with or without confidence, or disparities as fractions of `width`."""
    if isinstance(output, Tensor):
        return Answer(output.float())
    if isinstance(output, Outputs):
        return Answer(output.disparities[0][:, :1].float() * width)
    disparity, confidence = output
    return Answer(disparity.float(), confidence.float())


def grey_planes(model: str, inputs: str) -> tuple[Tensor, ...]:
    """What the network is called with for a small grey picture."""
    grey = torch.zeros(1, 1, 64, 64)
    return planes_for(model, require_inputs(inputs), Sample(grey, grey, grey, grey, rgb=grey.expand(-1, 3, -1, -1)))


def require_network_takes(network: nn.Module, model: str, inputs: str) -> None:
    """Raises DpocketError when the network cannot take these inputs, found out on a small grey picture."""
    try:
        with torch.no_grad():
            network(*grey_planes(model, inputs))
    except (TypeError, RuntimeError) as e:
        raise DpocketError(
            f"the network '{model}' cannot take the inputs '{inputs}' ({', '.join(INPUTS[inputs])}): "
            f"{str(e).splitlines()[0]}"
        ) from e
