"""Weights that a run begins with, from a checkpoint or from another run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from runtime_py.errors import DpocketError


def start_weights(start: Path) -> Mapping[str, Tensor]:
    """The averaged weights of a run's folder, or those of a .safetensors file. Raises DpocketError without any."""
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


def load_start(network: nn.Module, start: Path) -> None:
    """Put the weights at `start` into `network`. Raises DpocketError where they are those of another network."""
    try:
        network.load_state_dict(dict(start_weights(start)))
    except RuntimeError as e:
        raise DpocketError(f"the weights at {start} are not those of this network: {str(e).splitlines()[-1]}") from e
