"""Batch norms folded into the layers in front of them: the same network in evaluation mode, without batch norms."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from runtime_py.errors import DpocketError

Foldable = _ConvNd | nn.Linear

TOLERANCE = 1e-3
"""Share of an output's largest value by which folding may change it; rounding stays far below."""


def fold_batch_norms(network: nn.Module, example_inputs: Sequence[Tensor]) -> nn.Module:
    """A copy of `network`, in evaluation mode, without the batch norms that follow a convolution or a linear layer.

    Which one a batch norm follows is seen by running the network on `example_inputs`. In place of a batch norm stands
    `nn.Identity`; names of modules stay, and the layer in front has a bias. One that follows something else, or without
    running statistics, is left. The network itself, without a copy, where it has no batch norm. Raises DpocketError
    where the result of such a layer is also used without its batch norm.
    """
    if not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return network
    folded = copy.deepcopy(network).eval()
    inputs = [torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x) for x in example_inputs]
    before = _tensors(folded, inputs)
    for norm_name, layer_name in followed_layers(folded, inputs).items():
        layer, norm = folded.get_submodule(layer_name), folded.get_submodule(norm_name)
        if isinstance(layer, Foldable) and isinstance(norm, _BatchNorm):
            _fold(layer, norm)
            parent, _, name = norm_name.rpartition(".")
            setattr(folded.get_submodule(parent), name, nn.Identity())
    for one, other in zip(before, _tensors(folded, inputs), strict=True):
        if float((one - other).abs().max()) > TOLERANCE * float(one.abs().max()):
            raise DpocketError(
                "a batch norm of this network cannot be folded: the result of the layer in front of it is also used "
                "without it; give the batch norm a convolution of its own"
            )
    return folded


def folded_parameters(layer: Foldable, norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Weight and bias with which `layer` alone computes norm(layer(x)) in evaluation mode.

    With s = γ / √(variance + ε) per output channel, W' = s·W and b' = s·(b - mean) + β (Ioffe and Szegedy 2015,
    section 3.1), in float64, then rounded to the layer's type. Gradients reach W, b, γ and β.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise DpocketError("a batch norm without running statistics depends on its batch; it cannot be folded")
    weight = layer.weight.double()
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    zero = torch.zeros_like(mean)
    gamma = zero + 1.0 if norm.weight is None else norm.weight.double()
    beta = zero if norm.bias is None else norm.bias.double()
    bias = zero if layer.bias is None else layer.bias.double()
    scale = gamma / torch.sqrt(variance + norm.eps)
    if isinstance(layer, _ConvTransposeNd):  # (inputs, outputs of one group, …), inputs group by group
        grouped = weight.view(layer.groups, -1, *weight.shape[1:])
        by_output = scale.view(layer.groups, 1, weight.shape[1], *[1] * (weight.ndim - 2))
        scaled = (grouped * by_output).view_as(weight)
    else:
        scaled = weight * scale.view(-1, *[1] * (weight.ndim - 1))
    return scaled.to(layer.weight), (scale * (bias - mean) + beta).to(layer.weight)


def _fold(layer: Foldable, norm: _BatchNorm) -> None:
    weight, bias = (t.detach() for t in folded_parameters(layer, norm))
    learns = layer.weight.requires_grad
    layer.weight, layer.bias = nn.Parameter(weight, learns), nn.Parameter(bias, learns)


def followed_layers(network: nn.Module, inputs: Sequence[Tensor]) -> dict[str, str]:
    """By name of a batch norm that can be folded, the layer whose result it takes; each of them runs once."""
    made: list[tuple[str, Tensor, int]] = []
    runs: dict[str, int] = {}
    followed: dict[str, str] = {}

    def hook(name: str) -> Any:
        def see(module: nn.Module, given: tuple[Any, ...], result: Tensor) -> None:
            runs[name] = runs.get(name, 0) + 1
            if isinstance(module, _BatchNorm) and module.running_mean is not None:
                sources = [layer for layer, x, version in made if x is given[0] and x._version == version]
                followed.update((name, layer) for layer in sources)
            elif isinstance(module, _ConvNd) or result.ndim == 2:
                made.append((name, result, result._version))  # what is changed in place is no result any more

        return see

    wanted = [(name, m) for name, m in network.named_modules() if isinstance(m, Foldable | _BatchNorm)]
    handles = [module.register_forward_hook(hook(name)) for name, module in wanted]
    _tensors(network, inputs)
    for handle in handles:
        handle.remove()
    return {norm: layer for norm, layer in followed.items() if runs[norm] == runs[layer] == 1}


@torch.no_grad()
def _tensors(network: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
    found = network(*inputs)
    return list(found) if isinstance(found, tuple | list) else [found]
