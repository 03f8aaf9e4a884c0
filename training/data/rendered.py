"""Training scenes that the project renders itself: sample `i` follows from the seed and `i` alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.sample import Sample
from training.optics import PSF_FAMILIES, Aperture, aperture
from training.render import render_pair
from training.scenes import random_scene

MARGIN = 24


@dataclass(frozen=True)
class RenderedData:
    """`count` scenes of `size`×`size` px with disparities within ±`reach` px."""

    count: int = 12000
    size: int = 208
    reach: float = 6.0
    seed: int = 1
    misregistration: float = 1.0
    """Largest vertical shift of one view against the other, px; half of the scenes have one."""

    def identity(self) -> str:
        """A short hash of these settings, for the name of a cache."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


def random_aperture(generator: torch.Generator) -> Aperture:
    """A lens of a random PSF family, with views that are not exact mirror images of each other."""
    draw = torch.rand(4, generator=generator).tolist()
    family = list(PSF_FAMILIES)[int(draw[0] * len(PSF_FAMILIES))]
    return aperture(family, shape=draw[1], right_shape=draw[2], offset=0.1 * (draw[3] - 0.5))


def render_sample(data: RenderedData, index: int) -> tuple[NDArray[np.float16], ...]:
    """(left, right, disparity) of sample `index`, each float16 (size, size); views are scaled to a mean of 0.35."""
    generator = torch.Generator().manual_seed(data.seed * 1_000_003 + index)
    canvas = data.size + 2 * MARGIN
    scene = random_scene(generator, 1, (canvas, canvas), reach=data.reach)
    shift = torch.zeros(2, 2)
    if torch.rand(1, generator=generator) < 0.5:
        shift[1, 0] = (2.0 * torch.rand(1, generator=generator) - 1.0) * data.misregistration
    rendered = render_pair(scene, random_aperture(generator), shift, MARGIN)
    exposure = 0.35 / rendered.left.mean().clamp(min=1e-4)
    views = [(view * exposure).clamp(0.0, 60.0) for view in (rendered.left, rendered.right)]
    return tuple(t[0, 0].numpy().astype(np.float16) for t in (*views, rendered.disparity))


def _render_many(data: RenderedData, indices: list[int]) -> list[tuple[NDArray[np.float16], ...]]:
    torch.set_num_threads(1)
    return [render_sample(data, index) for index in indices]


class RenderedPool:
    """All samples of a `RenderedData`, rendered once into a memory-mapped cache."""

    def __init__(self, data: RenderedData, cache: Path) -> None:
        self.data = data
        self.path = cache / f"rendered-{data.identity()}.npy"
        self.pixels: NDArray[np.float16] | None = None

    def prepare(self, workers: int = 2, progress: Callable[[int, int], None] | None = None) -> None:
        """Render what is not in the cache; a run that was stopped goes on where it was."""
        shape = (self.data.count, 3, self.data.size, self.data.size)
        done_file = self.path.with_suffix(".done")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self.path.exists()
        done = 0 if fresh or not done_file.exists() else int(done_file.read_text())
        self.pixels = np.lib.format.open_memmap(self.path, "w+" if fresh else "r+", np.float16, shape)
        chunks = [list(range(i, min(i + 32, self.data.count))) for i in range(done, self.data.count, 32)]
        if not chunks:
            return
        with ProcessPoolExecutor(workers) as pool:
            for chunk, rendered in zip(chunks, pool.map(_render_many, [self.data] * len(chunks), chunks), strict=True):
                for index, planes in zip(chunk, rendered, strict=True):
                    self.pixels[index] = np.stack(planes)
                done_file.write_text(str(chunk[-1] + 1))
                if progress:
                    progress(chunk[-1] + 1, self.data.count)

    def batch(self, size: int, generator: torch.Generator) -> Sample:
        """`size` samples drawn with replacement."""
        if self.pixels is None:
            self.prepare()
        pixels = self.pixels
        assert pixels is not None  # prepare() has opened it
        indices = torch.randint(self.data.count, (size,), generator=generator).tolist()
        planes = torch.from_numpy(np.stack([pixels[i] for i in indices]).astype(np.float32))
        disparity = planes[:, 2:3]
        return Sample(planes[:, 0:1], planes[:, 1:2], disparity, torch.ones_like(disparity))
