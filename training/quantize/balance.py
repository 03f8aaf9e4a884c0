"""Balancing of activations against weights: channels that stand out share what eight bits lose with the weights.

A tensor has one scale for all its channels, weights one for each output channel. So a channel much larger than its
neighbours costs them their resolution; dividing it, and multiplying the weights that use it, hands a part of that to
the weights. Source: Xiao et al., "SmoothQuant", ICML 2023, equation 4 (its alpha is `STRENGTH`), here with the factors
of a convolutional student (`training.quantize.equalise`) and iterated, as classes of channels depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import StudentGraph
from training.quantize.equalise import LARGEST, SWEEPS, channel_classes, coupling, weighted
from training.quantize.ranges import TAIL

STRENGTH = 0.7
"""0 leaves activations as they are, 1 makes all channels alike; chosen among .3, .5, .7
and .9 after looking at held-out rendered scenes and at real captures (docs/QUANTISATION.md)."""

SMALLEST = 1e-3
"""Channels below this share of their tensor's largest, or of every row of weights, are left alone."""


def balancing_factors(
    graph: StudentGraph, batches: Iterable[Mapping[str, Tensor]], strength: float = STRENGTH
) -> dict[str, tuple[float, ...]]:
    """Factors (`equalise.Factors`) that weigh a channel's range against the weights that use it.

    `batches` are float32 NCHW inputs. Raises DpocketError for none.
    """
    classes, reach = channel_classes(graph), _channel_reach(graph, batches)
    count = 1 + max(int(ids.max()) for ids in classes.values())
    layers = [(coupling(layer, graph), classes[layer.name], classes[layer.inputs[0]]) for layer in weighted(graph)]
    log_factor = np.zeros(count)
    for _ in range(SWEEPS):
        made, used, factor = np.zeros(count), np.zeros(count), np.exp(log_factor)
        for name, ids in classes.items():
            scaled = reach[name] * factor[ids]
            np.maximum.at(made, ids, scaled / max(float(scaled.max()), 1e-12))
        for weights, out, into in layers:
            scaled = weights * factor[out][:, None] / factor[into][None, :]
            of_row = scaled / np.maximum(scaled.max(1, keepdims=True), 1e-12)
            np.maximum.at(used, into, of_row.max(0) / max(float(of_row.max()), 1e-12))
        live = (made > SMALLEST) & (used > SMALLEST)
        live[0] = False
        log_factor[live] += 0.5 * ((1 - strength) * np.log(used[live]) - strength * np.log(made[live]))
        np.clip(log_factor, -np.log(LARGEST), np.log(LARGEST), out=log_factor)
    factor = np.exp(log_factor).astype(np.float32)
    found = {name: tuple(float(f) for f in factor[ids]) for name, ids in classes.items()}
    return {name: row for name, row in found.items() if any(f != 1.0 for f in row)}


@torch.no_grad()
def _channel_reach(graph: StudentGraph, batches: Iterable[Mapping[str, Tensor]]) -> dict[str, NDArray[np.float64]]:
    """Per tensor and channel the magnitude that all but `TAIL` of a batch's samples keep under, the largest of them."""
    reach: dict[str, NDArray[np.float64]] = {}

    def see(name: str, value: Tensor) -> Tensor:
        magnitudes = value.abs().transpose(0, 1).flatten(1)
        beyond = 1 + int(TAIL * magnitudes.shape[1])
        found = magnitudes.topk(beyond, 1).values[:, -1].double().numpy()
        reach[name] = np.maximum(reach.get(name, 0.0), found)
        return value

    for batch in batches:
        graph.run(batch, see)
    if not reach:
        raise DpocketError("balancing needs at least one batch of inputs")
    return reach
