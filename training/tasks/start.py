"""Weights that a run begins with, from a checkpoint or from another run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.checkpoint import WEIGHTS


def start_weights(start: Path) -> Mapping[str, Tensor]:
    """The averaged weights of a run's folder, those of a .safetensors file, or shipped ones by their name.

    Raises DpocketError without any.
    """
    shipped = WEIGHTS / f"{start}.safetensors"
    if not start.exists() and shipped.is_file():
        start = shipped
    state = start / "state.pt"
    path = state if state.is_file() else start / "student.safetensors" if start.is_dir() else start
    if not path.is_file():
        raise DpocketError(f"'start' is {start}, where there is neither a run nor a checkpoint")
    try:
        if path.suffix == ".pt":
            weights: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["average"]
        else:
            weights = load_tensors(path.read_bytes())
    except Exception as e:
        raise DpocketError(f"{path}, which 'start' means, is damaged ({type(e).__name__})") from e
    return weights


def load_start(network: nn.Module, start: Path, shared: bool = False) -> None:
    """Put the weights at `start` into `network`; with `shared` those of another network's that have a tensor of their
    name and shape here. Raises DpocketError where they are those of another network, with `shared` where none fits.
    """
    weights = dict(start_weights(start))
    if shared:
        own = network.state_dict()
        weights = {name: t for name, t in weights.items() if name in own and own[name].shape == t.shape}
        if not weights:
            raise DpocketError(f"the weights at {start} share no tensor with this network")
    try:
        network.load_state_dict(weights, strict=not shared)
    except RuntimeError as e:
        raise DpocketError(f"the weights at {start} are not those of this network: {str(e).splitlines()[-1]}") from e
