"""Classical matchers as yardsticks: OpenCV's semi-global matching and ZNCC block matching on dual-pixel views.

Run from the repository's root: `python -m benchmarks.baselines FOLDER [dataset ...]`, where FOLDER holds the datasets
(see `runtime_py.captures.datasets`). Both functions take linear views in 0..1 (float32 H×W, horizontal axis) and
return x_left - x_right in pixels, float32 H×W.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import DpocketError
from runtime_py.evaluate import evaluate
from runtime_py.evaluate_table import table

SUBPIXELS = 16
"""Steps per pixel in the integers that OpenCV's matcher returns."""


def sgbm(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float32]:
    """Semi-global matching (Hirschmüller, TPAMI 2008, as in OpenCV, three paths): 7×7 blocks over −16..16 pixels."""
    block = 7
    matcher = cv2.StereoSGBM.create(
        minDisparity=-16,
        numDisparities=32,
        blockSize=block,
        P1=8 * block**2,
        P2=32 * block**2,
        disp12MaxDiff=2,
        uniquenessRatio=3,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    fixed_point = matcher.compute(_eight_bit(left), _eight_bit(right))
    return np.asarray(cv2.medianBlur(fixed_point, 5), np.float32) / np.float32(SUBPIXELS)


def zncc(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float32]:
    """Zero-mean normalised cross-correlation of 31×31 windows at −14..6 pixels, refined by a parabola."""
    window, disparities = 31, range(-14, 7)

    def mean(plane: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.boxFilter(plane, -1, (window, window)))

    # A square root makes shot noise about equally strong in shadows and highlights.
    left, right = (np.sqrt(np.maximum(view, 0)) for view in (left, right))
    mean_left = mean(left)
    variance_left = mean(left * left) - mean_left**2
    scores = np.empty((len(disparities), *left.shape), np.float32)
    for score, disparity in zip(scores, disparities, strict=True):
        shifted = np.roll(right, disparity, axis=1)
        mean_shifted = mean(shifted)
        variance = mean(shifted * shifted) - mean_shifted**2
        covariance = mean(left * shifted) - mean_left * mean_shifted
        score[:] = covariance / np.sqrt(np.maximum(variance_left * variance, 1e-10))
    best = scores.argmax(axis=0).clip(1, len(disparities) - 2)
    below, at, above = (np.take_along_axis(scores, (best + o)[None], axis=0)[0] for o in (-1, 0, 1))
    vertex = 0.5 * (below - above) / (below - 2 * at + above - 1e-9)
    return np.asarray(disparities[0] + best + vertex.clip(-1, 1), np.float32)


def _eight_bit(view: NDArray[Any]) -> NDArray[np.uint8]:
    bright = np.percentile(view, 99.5)
    return np.asarray(np.clip(255 * (view / bright) ** (1 / 2.2), 0, 255).astype(np.uint8))


BASELINES: dict[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float32]]] = {"sgbm": sgbm, "zncc": zncc}


def main() -> int:
    from rich.console import Console

    parser = argparse.ArgumentParser(description="Score classical matchers on real dual-pixel captures with truth.")
    parser.add_argument("root", type=Path, help="folder that holds the datasets")
    parser.add_argument("datasets", nargs="*", help="dataset names (default: cmu dp119)")
    parser.add_argument("--rank", default="average", help="rank convention: average, google or dense")
    chosen = parser.parse_args()
    console = Console()
    for dataset in chosen.datasets or ["cmu", "dp119"]:
        for name, method in BASELINES.items():
            with console.status(f"{name} on {dataset}") as status:

                def told(done: int, total: int, scene: str, label: str = f"{name} on {dataset}") -> None:
                    status.update(f"{label}: {scene} ({done} of {total})")

                try:
                    result = evaluate(method, dataset, chosen.root, told, rank=chosen.rank)
                except DpocketError as e:
                    console.print(f"[red]{e}[/]")
                    return 2
            console.print(table(result, f"{name} on {dataset}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
