"""How fast training samples are rendered, beside what a training step of the shipped student takes.

`python -m benchmarks.rendering [--json FILE]` measures 256×256 samples per second on every core of this machine, and,
where there is a GPU, on it: whole batches, and the rolling pool at the rate at which it replaces scenes, against a
training step at batch 64.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from runtime_py.files import write_atomic
from training.data.augment import augment
from training.data.rendered import RenderedData, render_batch, render_sample
from training.data.rolling import RollingPool
from training.losses import scene_scaled_l1
from training.models import build
from training.recipes import recipe
from training.tasks.inputs import prepared

SIZE, BATCH = 256, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=48, help="samples per core")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    figures: dict[str, float | str] = {"machine": f"{platform.machine()}, {cores} cores", "torch": torch.__version__}
    figures["cpu_samples_per_second"] = on_cores(cores, arguments.samples)
    figures["cpu_samples_per_second_one_core"] = on_cores(1, arguments.samples)
    if torch.cuda.is_available():
        figures["gpu"] = torch.cuda.get_device_name()
        figures |= on_device(torch.device("cuda"))
    for name, value in figures.items():
        print(f"{name:40} {value if isinstance(value, str) else f'{value:.3g}'}")
    if arguments.json:
        write_atomic(arguments.json, json.dumps(figures, indent=1).encode())


def on_cores(cores: int, samples: int) -> float:
    """Samples per second of `cores` processes that render side by side, their start not counted."""
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        list(pool.map(_render, [1] * cores, [0] * cores))
        start = time.perf_counter()
        list(pool.map(_render, [samples] * cores, range(1, cores + 1)))
        return cores * samples / (time.perf_counter() - start)


def _render(samples: int, seed: int) -> None:
    torch.set_num_threads(1)
    data = RenderedData(size=SIZE, seed=seed)
    for index in range(samples):
        render_sample(data, index)


def on_device(device: torch.device) -> dict[str, float | str]:
    """Milliseconds of rendering, of augmentation and of a training step at batch 64, and rendering's share."""
    shipped = recipe("pocket")
    data = RenderedData(size=SIZE)
    generator = torch.Generator(device).manual_seed(0)
    render = timed(lambda: render_batch(data, generator, BATCH), device)
    pool = RollingPool(data, device)
    pool.advance(0)
    model = build(shipped.model, **shipped.model_settings).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)
    sample = pool.batch(0, BATCH, generator)
    ready = prepared(augment(sample, shipped.augmentation, generator), shipped.preprocess)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        scene_scaled_l1(model(ready.left, ready.right), ready.disparity, ready.valid).backward()
        optimiser.step()

    train = timed(step, device)
    per_step = render / BATCH * pool.refresh
    return {
        "gpu_samples_per_second": BATCH / render,
        "gpu_render_batch_ms": render * 1e3,
        "gpu_augment_ms": timed(
            lambda: prepared(augment(sample, shipped.augmentation, generator), shipped.preprocess), device
        )
        * 1e3,
        "gpu_training_step_ms": train * 1e3,
        "gpu_scenes_replaced_per_step": pool.refresh,
        "gpu_render_share_of_step": per_step / train,
    }


def timed(work: Callable[[], object], device: torch.device, repeats: int = 20) -> float:
    """Seconds of `work`, the median of `repeats` after three that are not counted."""
    seconds = []
    for index in range(repeats + 3):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if index >= 3:
            seconds.append(time.perf_counter() - start)
    return sorted(seconds)[repeats // 2]


if __name__ == "__main__":
    main()
