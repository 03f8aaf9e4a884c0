"""Video: whatever can be photographed of a scene, frame after frame of its motion, with the flow between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.data.sample import Sample
from training.dice import pixel_grid
from training.motion import Motion, at_time, flow
from training.scenes import Scene

Take = Callable[[Scene], Sample]
"""What is photographed of every frame, such as `functools.partial(light_field_sample, camera=camera, step=step)`; it
cuts the margin that `video` is told of."""


@dataclass(frozen=True)
class VideoFrame:
    """sample: one frame, its `time` in s; flow: (B, 2, H, W) px right and down, from here to the next frame, on the
    pixels of the reference camera; followed: (B, 1, H, W), 1 where the next frame shows the same point, that is, where
    it is inside of the picture and not hidden. The last frame has neither."""

    sample: Sample
    flow: Tensor | None = None
    followed: Tensor | None = None


def video(scene: Scene, motion: Motion, times: Sequence[float], take: Take, margin: int = 24) -> Iterator[VideoFrame]:
    """The frames of `scene` at `times`, s, one at a time: a light field of every frame would fill the memory."""
    for index, sample in enumerate(video_samples(scene, motion, times, take)):
        if index + 1 == len(times):
            yield VideoFrame(sample)
        else:
            yield VideoFrame(sample, *_flow(scene, motion, times[index], times[index + 1], margin))


def video_samples(scene: Scene, motion: Motion, times: Sequence[float], take: Take) -> Iterator[Sample]:
    """The samples of `video` without the flow."""
    for time in times:
        sample = take(at_time(scene, motion, time))
        yield replace(sample, time=torch.full_like(sample.left[:, 0, 0, 0], time))


def _flow(scene: Scene, motion: Motion, start: float, end: float, margin: int) -> tuple[Tensor, Tensor]:
    """Flow and its mask of what is left of the canvas when `margin` px are cut at every side."""
    moves, visible = flow(scene, motion, start, end)
    h, w = moves.shape[-2:]
    y, x = pixel_grid(h, w, moves.device)
    inside = ((x + moves[:, :1]).abs() <= (w - 1) / 2 - margin) & ((y + moves[:, 1:]).abs() <= (h - 1) / 2 - margin)
    cut = (..., slice(margin, h - margin), slice(margin, w - margin))
    return moves[cut], (visible * inside)[cut]
