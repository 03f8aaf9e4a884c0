"""`Window`: one square of a pair of views as the student is shown it, rendered or cut from a real capture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures import captures_in
from runtime_py.captures.capture import DPCapture
from runtime_py.captures.orientation import views
from runtime_py.captures.preprocess import resize_to_width
from runtime_py.contract import Preprocess
from runtime_py.errors import CaptureError, DpocketError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

RENDERED = "rendered"

REAL: dict[str, str] = {
    "cmu-pixel4": "CMU Pixel 4",
    "google-app": "Google app",
    "google-raw": "Google dual_pixels, raw",
    "google-dual-pixels": "Google dual_pixels",
    "dpmv": "dpMV",
    "dp119": "DP119 Canon",
    "dp-disp": "DP-disp Canon",
    "dpdd": "DPDD Canon",
}
"""Capture formats whose pairs are real dual pixels (light fields and bare picture pairs are not), with their titles."""


@dataclass(frozen=True)
class Window:
    """Two linear views, float64 H×W, dual-pixel axis horizontal, in px of the working width.

    `means`: what preprocessing divides each view by: the mean of the *whole* view that the window was cut from.
    """

    capture: str
    left: Array
    right: Array
    means: tuple[float, float]

    def logs(self, settings: Preprocess) -> tuple[Array, Array]:
        """log(x / mean + floor) of both views: the scale on which the student sees contrast."""
        left, right = (
            np.log(np.maximum(view, 0) / mean + settings.floor)
            for view, mean in zip((self.left, self.right), self.means, strict=True)
        )
        return left, right


@dataclass(frozen=True)
class Source:
    """Windows of one origin."""

    title: str
    windows: tuple[Window, ...]

    @property
    def captures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(window.capture for window in self.windows))


def real_sources(root: Path, width: int, side: int) -> list[Source]:
    """Every real dual-pixel capture at or below `root`, by format, in windows of `side` px at `width` px.

    Raises CaptureError when there is none, or naming one that is damaged.
    """
    found: dict[str, list[Window]] = {}
    for capture in captures_in(root):
        if capture.format in REAL:
            found.setdefault(capture.format, []).extend(windows_of(capture, width, side))
    if not found:
        raise CaptureError(
            f"no real dual-pixel capture lies in {root}; these formats are looked for: {', '.join(REAL)}"
        )
    return [Source(title, tuple(found[name])) for name, title in REAL.items() if name in found]


def windows_of(capture: DPCapture, width: int, side: int) -> list[Window]:
    """As many windows as fit beside each other, centred; the views brought to `width` as the student does.

    Raises CaptureError for a capture that has no room for one.
    """
    left, right = (resize_to_width(view, width).astype(np.float64) for view in views(capture))
    means = (max(float(left.mean()), 1e-9), max(float(right.mean()), 1e-9))
    starts = []
    for extent in left.shape:
        count = extent // side
        starts.append([(extent - count * side) // 2 + side * i for i in range(count)])
    if not all(starts):
        raise CaptureError(f"{capture.name} is {left.shape[1]}×{left.shape[0]} at working width; windows are {side} px")
    return [
        Window(capture.name, left[y : y + side, x : x + side], right[y : y + side, x : x + side], means)
        for y in starts[0]
        for x in starts[1]
    ]


def rendered_source(recipe: Any, count: int) -> Source:
    """The first `count` scenes of a recipe's pool, cropped and augmented as in training, one window each.

    recipe: a `training.recipes.Recipe`. Raises DpocketError for a count below 1.
    """
    import torch

    from training.data.augment import augment
    from training.data.rendered import RenderedPool

    if count < 1:
        raise DpocketError(f"--count is {count}; at least one scene has to be rendered")
    drawn = torch.Generator().manual_seed(recipe.seed)
    sample = RenderedPool(replace(recipe.data, count=count), None).every()
    side, slack = recipe.optimisation.crop, recipe.data.size - recipe.optimisation.crop
    top, start = (int(torch.randint(slack + 1, (1,), generator=drawn)) for _ in range(2))
    sample = sample.map(lambda t: t[..., top : top + side, start : start + side].contiguous())
    sample = augment(sample, recipe.augmentation, drawn)
    planes = (view[:, 0].double().numpy() for view in (sample.left, sample.right))
    return Source(
        RENDERED,
        tuple(
            Window(f"{RENDERED} {i}", left, right, (max(float(left.mean()), 1e-9), max(float(right.mean()), 1e-9)))
            for i, (left, right) in enumerate(zip(*planes, strict=True))
        ),
    )
