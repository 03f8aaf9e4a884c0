"""`Run`: a training run in a folder: weights, averaged weights, optimiser and step, saved and restored together."""

from __future__ import annotations

import io
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic
from training.checkpoint import save_checkpoint
from training.data.sample import Sample
from training.losses.figures import Figures
from training.processes import Place, launched_fabric, with_shared_batch_norms
from training.recipes import Recipe
from training.schedule import learning_rate, require_schedule
from training.stopwatch import Stopwatch
from training.tasks.task import Task

SKIPPED = 20
"""Steps in a row whose gradient may overflow in 16-mixed precision, while its scale is being found."""


class Run:
    """Everything that a step changes. `out` may hold an earlier save; `restore` continues there."""

    def __init__(self, recipe: Recipe, task: Task, out: Path, place: Place) -> None:
        require_schedule(recipe.optimisation.schedule)
        self.recipe, self.task, self.out, self.place, self.step, self.seconds = recipe, task, out, place, 0, 0.0
        self.commit = source_commit()
        self.fabric = launched_fabric(place, recipe.precision)
        self.fabric.seed_everything(recipe.seed, verbose=False)
        network = self._network()
        if recipe.start and place.first and not self.state_path.exists():
            task.begin(network, Path(recipe.start))
        network = with_shared_batch_norms(network, place, self.device)
        settings = recipe.optimisation
        learning = [p for p in network.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(learning, settings.learning_rate, weight_decay=settings.weight_decay)
        self.network, self.optimiser = self.fabric.setup(network, optimiser)
        self._live: dict[str, Tensor] = dict(self.network.state_dict())
        self.average = {name: t.detach().clone() for name, t in self._live.items()}
        self.clock = Stopwatch(self.device)
        self.norm = torch.zeros((), device=self.device)
        self._overflows = torch.zeros((), device=self.device)

    @property
    def device(self) -> torch.device:
        found: torch.device = self.fabric.device
        return found

    @property
    def state_path(self) -> Path:
        return self.out / "state.pt"

    def _network(self) -> nn.Module:
        """Freshly initialised. A convolution works in the layout of its weights, and its result keeps it."""
        layout = torch.channels_last if self.recipe.channels_last else torch.contiguous_format
        network: nn.Module = self.task.network().to(memory_format=layout)  # type: ignore[call-overload]
        return network

    def train_step(self, batch: Sample) -> tuple[Tensor, Figures]:
        """One update of the weights and of their average; returns this process's loss and what else to log.

        Raises DpocketError when the gradient is not finite (on a GPU some steps later: asking waits for it).
        """
        settings = self.recipe.optimisation
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, settings)
        with self.clock.phase("forward"):
            loss, figures = self.task.loss(self.network, batch)
        with self.clock.phase("backward"):
            self.optimiser.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
        with self.clock.phase("optimiser"):
            norm = self.fabric.clip_gradients(
                self.network, self.optimiser, max_norm=settings.clip, error_if_nonfinite=False
            )
            self.norm = torch.as_tensor(norm, device=self.device).detach()
            self._overflows = (self._overflows + 1) * ~torch.isfinite(self.norm)
            if self.device.type == "cpu":
                self.require_finite(loss)
            self.optimiser.step()
            self._follow(min(settings.ema, (1 + self.step) / (10 + self.step)))
        self.step += 1
        return loss.detach(), figures

    def _follow(self, decay: float) -> None:
        with torch.no_grad():
            floats = [name for name, t in self._live.items() if t.is_floating_point()]
            torch._foreach_lerp_([self.average[n] for n in floats], [self._live[n] for n in floats], 1.0 - decay)
            for name in self._live.keys() - set(floats):
                self.average[name].copy_(self._live[name])

    def require_finite(self, loss: Tensor) -> None:
        """Raises DpocketError when the gradient has not been finite for longer than the precision explains."""
        if float(self._overflows) >= (SKIPPED if self.recipe.precision.startswith("16-mixed") else 1):
            raise DpocketError(
                f"training diverged at step {self.step} (loss {float(loss.detach()):.3g}, gradient not finite); "
                "what was saved last is unharmed, lower optimisation.learning_rate"
            )

    def averaged(self) -> nn.Module:
        """A network with the averaged weights, in evaluation mode."""
        network = self._network().to(self.device).eval()
        network.load_state_dict(self.average)
        return network

    def save(self, figures: dict[str, float]) -> None:
        """Write the averaged networks with their cards, and the state to resume from."""
        state = {
            "model": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "phases": self.clock.seconds,
            "recipe": self.recipe.identity(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        for name, network in self.task.shipped(self.average).items():
            card = {**self.card(figures), "model": network.model, "model_settings": dict(network.model_settings)}
            save_checkpoint(self.out / f"{name}.safetensors", dict(network.weights), card, network.grid)
        write_atomic(self.state_path, buffer.getvalue())

    def card(self, figures: dict[str, float]) -> dict[str, Any]:
        """What the JSON beside the weights says: recipe, seed, steps, data, commit, hardware, time, scores."""
        gpu = f", {torch.cuda.get_device_name()}" if self.device.type == "cuda" else ""
        processes = f", {self.place.world} processes" if self.place.world > 1 else ""
        return {
            "recipe": self.recipe.to_dict(),
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "step_time": {name: round(share, 4) for name, share in self.clock.shares().items()},
            "data": self.task.data,
            "commit": self.commit,
            "hardware": f"{platform.machine()}, {os.cpu_count()} CPU cores{gpu}{processes}",
            "torch": torch.__version__,
            "scores": figures,
        }

    def restore(self) -> None:
        """Continue where the folder's last save was, on every process; refuses a folder of another recipe."""
        state = self._saved_state() if self.place.first else None
        state = self.fabric.broadcast(state)  # only the first process's machine need have the folder
        if state is None:
            return
        self.network.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        for name, value in state["average"].items():
            self.average[name].copy_(value)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.clock.seconds.update(state["phases"])

    def _saved_state(self) -> dict[str, Any] | None:
        if not self.state_path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.state_path, map_location="cpu", weights_only=True)
        except Exception as e:
            raise DpocketError(
                f"{self.state_path} is damaged, so this run cannot go on ({type(e).__name__}); choose another --out"
            ) from e
        if state["recipe"] != self.recipe.identity():
            raise DpocketError(
                f"{self.out} holds a run of another recipe; resume it with its own settings or choose another --out"
            )
        return state


def source_commit() -> str:
    """The git commit of this source tree, "unknown" outside of one."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
