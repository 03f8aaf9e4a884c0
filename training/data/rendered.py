"""Training scenes that the project renders itself: sample `i` follows from the seed and `i` alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from runtime_py.files import write_atomic
from training.data.sample import Sample
from training.optics import PSF_FAMILIES, Aperture, aperture
from training.render import render_pair
from training.scenes import random_scene

MARGIN = 24

RENDERER = tuple(
    Path(__file__).parents[1] / name for name in ("optics.py", "scenes.py", "render.py", "data/rendered.py")
)
"""Files whose change makes a cache of rendered scenes stale."""


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
        """A short hash of these settings and of the renderer's source, for the name of a cache."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode())
        for source in RENDERER:
            digest.update(source.read_bytes())
        return digest.hexdigest()[:12]


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
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order would give other last bits
    try:
        return [render_sample(data, index) for index in indices]
    finally:
        torch.set_num_threads(threads)


class RenderedPool:
    """All samples of a `RenderedData`, rendered once: into a memory-mapped file in `cache`, or into memory without."""

    def __init__(self, data: RenderedData, cache: Path | None) -> None:
        self.data = data
        self.path = None if cache is None else cache / f"rendered-{data.identity()}.npy"
        self._pixels: NDArray[np.float16] | None = None

    @property
    def pixels(self) -> NDArray[np.float16]:
        """(count, 3, size, size): left, right, disparity."""
        if self._pixels is None:
            self.prepare()
        if self._pixels is None:
            raise RuntimeError("prepare() opens the pixels")
        return self._pixels

    def prepare(self, workers: int = 2, progress: Callable[[int, int], None] | None = None) -> None:
        """Render what is not in the cache; a run that was stopped goes on where it was."""
        if self.path is None:
            rendered = _render_many(self.data, list(range(self.data.count)))
            self._pixels = np.stack([np.stack(planes) for planes in rendered])
            return
        shape = (self.data.count, 3, self.data.size, self.data.size)
        done_file = self.path.with_suffix(".done")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not (self.path.exists() and done_file.exists())
        done = 0 if fresh else int(done_file.read_text())
        self._pixels = np.lib.format.open_memmap(self.path, "w+" if fresh else "r+", np.float16, shape)
        chunks = [list(range(i, min(i + 32, self.data.count))) for i in range(done, self.data.count, 32)]
        if not chunks:
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for chunk, rendered in zip(chunks, pool.map(_render_many, [self.data] * len(chunks), chunks), strict=True):
                for index, planes in zip(chunk, rendered, strict=True):
                    self._pixels[index] = np.stack(planes)
                write_atomic(done_file, str(chunk[-1] + 1).encode())
                if progress:
                    progress(chunk[-1] + 1, self.data.count)

    def batch(self, size: int, generator: torch.Generator) -> Sample:
        """`size` samples drawn with replacement."""
        return self._samples(torch.randint(self.data.count, (size,), generator=generator).tolist())

    def every(self) -> Sample:
        """All samples in order."""
        return self._samples(list(range(self.data.count)))

    def _samples(self, indices: list[int]) -> Sample:
        planes = torch.from_numpy(np.stack([self.pixels[i] for i in indices]).astype(np.float32))
        disparity = planes[:, 2:3]
        return Sample(planes[:, 0:1], planes[:, 1:2], disparity, torch.ones_like(disparity))
