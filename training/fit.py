"""The training loop, on Lightning Fabric: one for every recipe."""

from __future__ import annotations

import io
import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch.utils.data import DataLoader, Dataset

from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic
from training.checkpoint import require_writable, save_checkpoint
from training.data.augment import augment
from training.data.preprocess import preprocess
from training.data.rendered import RenderedPool
from training.data.sample import Sample
from training.losses import mean_absolute_disparity_error, scene_scaled_l1
from training.models import build
from training.recipes.base import Optimisation, Recipe, require_trainable

Progress = Callable[[str, int, int, dict[str, float]], None]
"""(what, done, of, figures): called often, for whoever shows it."""

VALIDATION_SEED_OFFSET = 7919
VALIDATION_SCENES = 64
SAVE_EVERY = 1000


def learning_rate(step: int, settings: Optimisation) -> float:
    """One cycle: a linear rise over the first `warmup` share of the steps, then a cosine fall to nothing."""
    rise = max(1, int(settings.warmup * settings.steps))
    if step < rise:
        return settings.learning_rate * (step + 1) / rise
    fraction = (step - rise) / max(1, settings.steps - rise)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * fraction))


class TrainingBatches(Dataset[Sample]):
    """Item `step` is the batch of that step: it follows from the recipe's seed and the step alone (so runs resume)."""

    def __init__(self, pool: RenderedPool, recipe: Recipe) -> None:
        self.pool, self.recipe = pool, recipe

    def __getitem__(self, step: int) -> Sample:
        drawn = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + step)
        sample = self.pool.batch(self.recipe.optimisation.batch, drawn)
        slack = self.recipe.data.size - self.recipe.optimisation.crop
        top, start = (int(torch.randint(slack + 1, (1,), generator=drawn)) for _ in range(2))
        return prepared(augment(cropped(sample, top, start, self.recipe), self.recipe.augmentation, drawn), self.recipe)


def cropped(sample: Sample, top: int, start: int, recipe: Recipe) -> Sample:
    """The recipe's square crop at row `top`, column `start`."""
    side = recipe.optimisation.crop
    return sample.map(lambda t: t[..., top : top + side, start : start + side].contiguous())


def prepared(sample: Sample, recipe: Recipe) -> Sample:
    """The sample with its views preprocessed for the network."""
    left, right = (preprocess(view, recipe.preprocess) for view in (sample.left, sample.right))
    return replace(sample, left=left, right=right)


class Run:
    """A training run in a folder: weights, averaged weights, optimiser and step, saved and restored together."""

    def __init__(self, recipe: Recipe, out: Path) -> None:
        self.recipe, self.out, self.step, self.seconds = recipe, out, 0, 0.0
        self.commit = source_commit()
        self.fabric = Fabric(accelerator="auto", devices=1)
        self.fabric.seed_everything(recipe.seed, verbose=False)
        model = build(recipe.model, **recipe.model_settings)
        settings = recipe.optimisation
        optimiser = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
        self.average = {name: t.detach().clone().to(self.fabric.device) for name, t in model.state_dict().items()}
        self.model, self.optimiser = self.fabric.setup(model, optimiser)

    @property
    def state_path(self) -> Path:
        return self.out / "state.pt"

    def save(self, figures: dict[str, float]) -> None:
        """Write the averaged student with its card, and the state to resume from."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "recipe": json.dumps(self.recipe.to_dict(), sort_keys=True),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        save_checkpoint(self.out / "student.safetensors", self.average, self.card(figures))
        write_atomic(self.state_path, buffer.getvalue())

    def card(self, figures: dict[str, float]) -> dict[str, Any]:
        """What the JSON beside the weights says: recipe, seed, steps, data, commit, hardware, time, scores."""
        gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
        return {
            "recipe": self.recipe.to_dict(),
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "data": f"{self.recipe.data.count} scenes rendered by training/render.py; no photographs",
            "commit": self.commit,
            "hardware": f"{platform.machine()}, {os.cpu_count()} CPU cores{gpu}",
            "torch": torch.__version__,
            "scores": figures,
        }

    def restore(self) -> None:
        """Continue where the folder's last save was; refuses a folder of another recipe."""
        if not self.state_path.exists():
            return
        try:
            state = torch.load(self.state_path, map_location=self.fabric.device, weights_only=True)
        except Exception as e:
            raise DpocketError(
                f"{self.state_path} is damaged, so this run cannot go on ({type(e).__name__}); choose another --out"
            ) from e
        if state["recipe"] != json.dumps(self.recipe.to_dict(), sort_keys=True):
            raise DpocketError(
                f"{self.out} holds a run of another recipe; resume it with its own settings or choose another --out"
            )
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average, self.step, self.seconds = state["average"], int(state["step"]), float(state["seconds"])

    def train_step(self, sample: Sample) -> float:
        """One update of the weights and of their average; returns the loss."""
        settings = self.recipe.optimisation
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, settings)
        loss = scene_scaled_l1(self.model(sample.left, sample.right), sample.disparity, sample.valid)
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        norm = self.fabric.clip_gradients(self.model, self.optimiser, max_norm=settings.clip, error_if_nonfinite=False)
        if norm is None or not bool(torch.isfinite(norm)):
            raise DpocketError(
                f"training diverged at step {self.step} (loss {float(loss.detach()):.3g}, gradient not finite); "
                "what was saved last is unharmed, lower optimisation.learning_rate"
            )
        self.optimiser.step()
        decay = min(settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1.0 - decay)
        self.step += 1
        return float(loss.detach())


def fit(
    recipe: Recipe, out: Path, resume: bool = False, progress: Progress | None = None, cache: Path | None = None
) -> Path:
    """Train `recipe`, returning the path of the student's weights in `out`.

    Without `resume` a folder that already holds a run is refused, so that nothing is lost. `cache` is where rendered
    scenes are kept (by default `out`/cache).
    """
    require_trainable(recipe)
    require_writable(out)
    if (out / "state.pt").exists() and not resume:
        raise DpocketError(f"{out} already holds a run; continue it with --resume or choose another --out")
    report = progress or (lambda *_: None)
    cache = cache or out / "cache"
    run = Run(recipe, out)
    if resume:
        run.restore()  # before anything is rendered: a folder of another recipe is refused at once
    pool = RenderedPool(recipe.data, cache)
    pool.prepare(progress=lambda done, of: report("render scenes", done, of, {}))
    held_out = validation_batch(recipe, cache)
    steps = recipe.optimisation.steps
    # More threads than free cores make both processes wait for each other: ten times slower on two cores.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - data_workers()))
    batches = DataLoader(
        TrainingBatches(pool, recipe), batch_size=None, sampler=range(run.step, steps), num_workers=data_workers()
    )
    figures: dict[str, float] = {}
    last = time.monotonic()
    for batch in batches:
        loss = run.train_step(batch.map(lambda t: t.to(run.fabric.device)))
        now = time.monotonic()
        run.seconds, last = run.seconds + now - last, now
        if run.step % SAVE_EVERY == 0 or run.step == steps:
            figures = {"rendered_error_px": validate(run, held_out)}
            run.save(figures)
        if run.step % 10 == 0 or run.step == steps:
            report("train", run.step, steps, {"loss": loss, **figures})
    return out / "student.safetensors"


def data_workers() -> int:
    """Processes that prepare batches beside the one that trains: all cores but one, at least one, at most eight."""
    return min(8, max(1, (os.cpu_count() or 2) - 1))


def validation_batch(recipe: Recipe, cache: Path) -> Sample:
    """Held-out rendered scenes, preprocessed, cropped to a size the network takes."""
    pool = RenderedPool(
        replace(recipe.data, count=VALIDATION_SCENES, seed=recipe.data.seed + VALIDATION_SEED_OFFSET), cache
    )
    pool.prepare()
    sample = pool.every()
    return prepared(cropped(sample, 0, 0, recipe), recipe)


@torch.no_grad()
def validate(run: Run, sample: Sample) -> float:
    """Mean absolute disparity error (px) of the averaged weights on held-out scenes."""
    student = build(run.recipe.model, **run.recipe.model_settings).to(run.fabric.device).eval()
    student.load_state_dict(run.average)
    device = run.fabric.device
    pairs = zip(torch.split(sample.left, 16), torch.split(sample.right, 16), strict=True)
    outputs = [student(left.to(device), right.to(device)) for left, right in pairs]
    return mean_absolute_disparity_error(torch.cat(outputs).cpu(), sample.disparity)


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
