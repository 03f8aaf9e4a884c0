"""Several processes training one network: who has which part of a batch, and sums over all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from runtime_py.errors import DpocketError

if TYPE_CHECKING:
    from lightning.fabric import Fabric

PATIENCE = timedelta(hours=12)
"""How long a process waits for the others: one of them may be rendering a whole pool of scenes."""


@dataclass(frozen=True)
class Place:
    """This process is number `rank` of `world`, and number `local` of the `beside` on its machine."""

    rank: int = 0
    world: int = 1
    local: int = 0
    beside: int = 1

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> Place:
        """As torchrun sets it; the only process where nothing is set."""
        if not dist.is_torchelastic_launched():
            return Place()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        return Place(*(int(environment[name]) for name in names))

    @property
    def first(self) -> bool:
        """Whether it is this process that speaks and writes."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """The samples of a batch of `batch` that fall to this process. Raises DpocketError for a remainder."""
        if batch % self.world:
            raise DpocketError(
                f"{self.world} processes cannot share a batch of {batch} evenly; set optimisation.batch to a multiple "
                f"of {self.world}"
            )
        each = batch // self.world
        return range(self.rank * each, (self.rank + 1) * each)


ALONE = Place()


def launched_fabric(place: Place, precision: str) -> Fabric:
    """Fabric for the processes that torchrun started, on the GPUs of each machine or on its CPU, or for this one.

    Raises DpocketError for a precision that it does not know.
    """
    from lightning.fabric import Fabric
    from lightning.fabric.strategies import DDPStrategy

    cuda = torch.cuda.is_available()
    if precision.startswith("16-mixed") and not cuda:  # Fabric would take bf16-mixed in its place
        raise DpocketError("'precision' is '16-mixed', which needs a GPU; set precision=bf16-mixed or 32-true")
    try:
        if place.world == 1:
            return Fabric(accelerator="cuda" if cuda else "cpu", devices=1, precision=precision)
        strategy = DDPStrategy(process_group_backend="nccl" if cuda else "gloo", timeout=PATIENCE)
        fabric = Fabric(
            accelerator="cuda" if cuda else "cpu",
            devices=place.beside,
            num_nodes=place.world // place.beside,
            strategy=strategy,
            precision=precision,
        )
    except ValueError as e:
        raise DpocketError(f"'precision' is '{precision}', which cannot be had: {str(e).splitlines()[0]}") from e
    fabric.launch()
    return fabric


def with_shared_batch_norms(network: nn.Module, place: Place, device: torch.device) -> nn.Module:
    """`network` such that a batch norm normalises by the batch of all processes, with the same names and weights.

    Otherwise every process would normalise by its own share, and more processes would train another network. torch has
    this for GPUs alone: raises DpocketError on a CPU.
    """
    norms = [name for name, module in network.named_modules() if isinstance(module, _BatchNorm)]
    if place.world == 1 or not norms:
        return network
    if device.type != "cuda":
        raise DpocketError(
            f"this network has batch norms ('{norms[0]}'), which several processes can share on GPUs only; train it in "
            "one process"
        )
    shared: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return shared


def shared_mean(total: Tensor, weight: Tensor, least: float = 1.0) -> Tensor:
    """`total` / `weight` of the batch of all processes, such that the mean over the processes is that quotient.

    total: this process's weighted sum, with gradient; weight: its sum of weights, without; `least`: the smallest
    divisor. Processes average their gradients, so a mean over each one's own pixels would weigh a pixel the more the
    fewer of them its process has. Every process must call this the same number of times. One process: the quotient.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return total / torch.clamp(weight, min=least)
    everywhere = weight.detach().clone()
    dist.all_reduce(everywhere)
    return total * dist.get_world_size() / torch.clamp(everywhere, min=least)
