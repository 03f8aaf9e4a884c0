"""Datasets with ground truth: where their scenes lie under a folder, and reading them one by one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime_py.captures import cmu_pixel4, dp119, dp_disp, google_dual_pixels
from runtime_py.captures.capture import DPCapture
from runtime_py.captures.format import Format
from runtime_py.errors import CaptureError


@dataclass(frozen=True)
class Dataset:
    """One dataset: `find` lists the left views of its scenes at or below a folder, in a fixed order.

    `weighted`: its protocol weighs pixels by a confidence, without which scores could not be compared.
    """

    title: str
    layout: str
    format: Format
    find: Callable[[Path], list[Path]]
    weighted: bool = False


DATASETS: dict[str, Dataset] = {
    "cmu": Dataset(
        "CMU Pixel 4 (Xin 2021)",
        "NNN_left.png beside calibration/ and gt_defocus_map/",
        cmu_pixel4.FORMAT,
        cmu_pixel4.scenes,
    ),
    "dp119": Dataset("DP119 (Sdirt)", "box/… and casual/… with l.png, r.png, d.png", dp119.FORMAT, dp119.scenes),
    "dp-disp": Dataset(
        "DP-disp (Punnappurath 2020)",
        "NNN_L.jpg and NNN_R.jpg beside NNN_D.TIF",
        dp_disp.FORMAT,
        dp_disp.scenes,
    ),
    "google": Dataset(
        "Google dual_pixels (Garg 2019)",
        "left_pd/, right_pd/, merged_depth/ and merged_conf/ of one split",
        google_dual_pixels.FORMAT,
        google_dual_pixels.scenes,
        weighted=True,
    ),
}


def scene_paths(dataset: str, root: Path) -> list[Path]:
    """Left views of all scenes. Raises CaptureError for an unknown dataset and when nothing is found."""
    if dataset not in DATASETS:
        raise CaptureError(f"there is no dataset '{dataset}'; known are {', '.join(DATASETS)}")
    chosen = DATASETS[dataset]
    root = Path(root)
    if not root.is_dir():
        raise CaptureError(f"there is no folder {root} to look for {chosen.title} in")
    paths = chosen.find(root)
    if not paths:
        raise CaptureError(f"no {chosen.title} scene was found at or below {root}; its layout is {chosen.layout}")
    return paths


def read_scene(dataset: str, path: Path) -> DPCapture:
    """One scene with its truth. Raises CaptureError when it is damaged, or lacks truth or a confidence that counts."""
    chosen = DATASETS[dataset]
    capture = chosen.format.read(path)
    if capture.truth is None:
        raise CaptureError(f"{path} has no ground truth beside it")
    if chosen.weighted and capture.truth.confidence is None:
        raise CaptureError(
            f"{path} came without the confidence that {chosen.title} is scored with: merged_conf/ is missing, or the "
            "OpenEXR package that reads it (pip install OpenEXR)"
        )
    return capture


def scenes(dataset: str, root: Path, warn: Callable[[str], None] | None = None) -> Iterator[DPCapture]:
    """All scenes of `dataset` found at or below `root`, one in memory at a time.

    A scene that cannot be read is skipped; `warn` is told its path, the reason and how many were skipped so far
    (without `warn`, Python's warnings are). Raises CaptureError as `scene_paths` does.
    """
    skipped = 0
    for path in scene_paths(dataset, root):
        try:
            capture = read_scene(dataset, path)
        except CaptureError as e:
            skipped += 1
            message = f"scene {path} skipped ({skipped} so far): {e}"
            if warn is None:
                warnings.warn(message, stacklevel=2)
            else:
                warn(message)
            continue
        yield capture
