"""Small trees of frames with a known disparity, and what a folder of labels holds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
NEAR, FAR = 9, 3
"""px; the near square lies in rows and columns `SQUARE` of the left view."""

SQUARE = (slice(30, 70), slice(70, 120))


def texture(size: tuple[int, int], seed: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).random(size).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.2)
    return np.asarray((smooth - smooth.min()) / np.ptp(smooth), np.float32)


def stereo_views(seed: int = 0, near: int = NEAR, far: int = FAR) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A square in front of a wall, 100×180 px: x_left - x_right is `near` on the square and `far` around it."""
    wall, square = texture((100, 240), seed), texture((40, 50), seed + 1000)
    left, right = wall[:, 30:210].copy(), wall[:, 30 + far : 210 + far].copy()
    left[SQUARE] = square
    right[SQUARE[0], SQUARE[1].start - near : SQUARE[1].stop - near] = square
    return left, right


def write_view(path: Path, view: NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), (255 * view + 0.5).astype(np.uint8))


def middlebury_tree(root: Path, scenes: int = 4) -> Path:
    """Stereo scenes `trainingQ/s00` and so on."""
    for i in range(scenes):
        for name, view in zip(("im0.png", "im1.png"), stereo_views(i), strict=True):
            write_view(root / "trainingQ" / f"s{i:02d}" / name, view)
    return root


def dual_pixel_tree(root: Path, frames: int = 4) -> Path:
    """Plain pairs `day/000_left.png` and so on."""
    for i in range(frames):
        for side, view in zip(("left", "right"), stereo_views(i, near=3, far=-2), strict=True):
            write_view(root / "day" / f"{i:03d}_{side}.png", view)
    return root


def labels_in(out: Path) -> dict[str, bytes]:
    """Every label file by its name below `out`."""
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*.pfm"))}


def command(*arguments: str | Path, torchrun: int = 0) -> list[str]:
    """`dpocket` in a process of its own, or in several of torchrun."""
    start = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={torchrun}"] if torchrun else []
    return [sys.executable, *start, "-m", "dpocket", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
