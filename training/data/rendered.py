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
from torch import Tensor

from runtime_py.files import write_atomic
from training.camera import random_camera
from training.data.sample import Sample
from training.photographs import photographs
from training.render import render_pair
from training.scenes import random_scene

MARGIN = 24
PLANES = 4

RENDERER = tuple(
    Path(__file__).parents[1] / name
    for name in (
        *("optics.py", "camera.py", "scenes.py", "dice.py", "textures.py", "silhouettes.py", "surfaces.py"),
        *("photographs.py", "slices.py", "render.py", "data/rendered.py"),
    )
)
"""Files whose change makes a cache of rendered scenes stale."""


@dataclass(frozen=True)
class RenderedData:
    """`count` scenes of `size`×`size` px with disparities within ±`reach` px."""

    count: int = 12000
    size: int = 208
    reach: float = 6.0
    seed: int = 1
    misregistration: float = 0.7
    """Largest vertical shift of one view against the other, px; half of the scenes have one."""
    photographs: str = ""
    """A folder with photographs and pictures with depth, as `training.photographs` describes it; none when empty."""
    photographic: float = 0.3
    """Share of the scenes that are made of them."""

    def identity(self) -> str:
        """A short hash of these settings and of the renderer's source, for the name of a cache."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode())
        for source in RENDERER:
            digest.update(source.read_bytes())
        if self.photographs:
            digest.update(photographs(Path(self.photographs)).listing.encode())
        return digest.hexdigest()[:12]


def render_batch(data: RenderedData, generator: torch.Generator, count: int) -> Tensor:
    """`count` fresh scenes on the generator's device: left, right, disparity, visible, float32 (count, 4, size, size).

    Views are scaled to a mean of 0.35, so that highlights may exceed 1.
    """
    canvas = data.size + 2 * MARGIN
    camera = random_camera(generator, count, data.reach)
    scene = random_scene(generator, camera, (canvas, canvas), reach=data.reach)
    if data.photographs:
        pictures = photographs(Path(data.photographs))
        scene = pictures.mixed_into(scene, generator, camera, data.reach, data.photographic)
    draw = torch.rand(2, count, generator=generator, device=generator.device)
    shift = torch.zeros(count, 2, 2, device=generator.device)
    shift[:, 1, 0] = torch.where(draw[0] < 0.5, (2.0 * draw[1] - 1.0) * data.misregistration, 0.0)
    rendered = render_pair(scene, camera, shift, MARGIN)
    exposure = 0.35 / rendered.left.mean((2, 3), keepdim=True).clamp(min=1e-4)
    left, right = ((view * exposure).clamp(0.0, 60.0) for view in (rendered.left, rendered.right))
    return torch.cat([left, right, rendered.disparity, rendered.visible], dim=1)


def render_sample(data: RenderedData, index: int) -> NDArray[np.float16]:
    """Sample `index` of a pool, float16 (4, size, size), as `render_batch` makes them."""
    generator = torch.Generator().manual_seed(data.seed * 1_000_003 + index)
    planes: NDArray[np.float16] = render_batch(data, generator, 1)[0].numpy().astype(np.float16)
    return planes


def sample_of(planes: Tensor) -> Sample:
    """Planes (B, 4, H, W) of `render_batch`, of any float dtype, as a sample."""
    left, right, disparity, visible = torch.split(planes.float(), 1, dim=1)
    return Sample(left, right, disparity, torch.ones_like(disparity), confidence=visible)


def _render_many(data: RenderedData, indices: list[int]) -> list[NDArray[np.float16]]:
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
        """(count, PLANES, size, size), as `render_batch` makes them."""
        if self._pixels is None:
            self.prepare()
        if self._pixels is None:
            raise RuntimeError("prepare() opens the pixels")
        return self._pixels

    def prepare(self, workers: int = 2, progress: Callable[[int, int], None] | None = None) -> None:
        """Render what is not in the cache; a run that was stopped goes on where it was."""
        if self.path is None:
            rendered = _render_many(self.data, list(range(self.data.count)))
            self._pixels = np.stack(rendered)
            return
        shape = (self.data.count, PLANES, self.data.size, self.data.size)
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
                    self._pixels[index] = planes
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
        return sample_of(torch.from_numpy(np.stack([self.pixels[i] for i in indices])))
