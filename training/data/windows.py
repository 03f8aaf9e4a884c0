"""From whole samples to what a batch holds: the members asked for, on one window of one size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from runtime_py.errors import DpocketError
from training.data.augment import Augmentation
from training.data.datasets.frames import TOLERATED
from training.data.geometry import crop, require_registered, resize_to, with_horizontal_axis, without_unregistered
from training.data.sample import PLANES, TRUTH, Sample

COLOUR = frozenset({"rgb", "views"})
REDRAWN = 8
"""Windows drawn in search of known truth before the last one is taken."""


@dataclass(frozen=True)
class Loading:
    """How batches are made.

    `batch`: samples for each of `world` processes, of which this is `rank`. `crop`: height and width of what comes out
    (after turning portrait samples to a horizontal DP axis), None for whole frames. `scale`: each window is enlarged
    by a factor drawn from this range. `known`: windows with a smaller share of known truth are drawn again a few times.
    `members`: the planes that batches hold; pair, disparity and valid are always there. `buffer`: shuffled samples
    that each worker keeps in memory when reading shards.
    """

    batch: int = 16
    crop: tuple[int, int] | None = (256, 256)
    seed: int = 1
    scale: tuple[float, float] = (1.0, 1.0)
    known: float = 0.1
    members: tuple[str, ...] = ("left", "right", "disparity", "valid")
    augmentation: Augmentation | None = None
    workers: int = 0
    pin: bool = False
    rank: int = 0
    world: int = 1
    buffer: int = 256
    tolerated: float = TOLERATED

    def __post_init__(self) -> None:
        unknown = [name for name in self.members if name not in PLANES]
        if unknown:
            raise DpocketError(f"samples have no member '{unknown[0]}'; they may have {', '.join(PLANES)}")
        if self.batch < 1 or not 0 <= self.rank < self.world or not 0 < self.scale[0] <= self.scale[1]:
            raise DpocketError(
                f"batch {self.batch}, rank {self.rank} of {self.world}, scale {self.scale}: a batch is 1 at least, "
                "ranks count from 0, and a scale is a range of positive factors"
            )


def network_input(sample: Sample, members: tuple[str, ...]) -> Tensor:
    """(B, C, H, W): the named planes stacked. Raises DpocketError where one is missing or out of register.

    Colour that is not on the pair's pixels cannot be stacked on it: a network would learn from light of other points.
    """
    if not COLOUR.isdisjoint(members):
        require_registered(sample, f"stack {' and '.join(members)} of")
    planes = sample.planes()
    missing = [name for name in members if name not in planes]
    if missing:
        raise DpocketError(f"{', '.join(sample.names[:3]) or 'a sample'} has no {missing[0]} to stack")
    return torch.cat([planes[name].flatten(1, -3) for name in members], dim=1)


def prepared(sample: Sample, settings: Loading, drawn: torch.Generator) -> Sample:
    """The members asked for, one window of them at a drawn scale, turned to a horizontal DP axis.

    Raises DpocketError when a member that was asked for lies on another grid than the pair.
    """
    wanted = set(settings.members)
    foreign_truth = not sample.truth_registered and not wanted.isdisjoint(TRUTH)
    foreign_colour = not sample.rgb_registered and not wanted.isdisjoint(COLOUR)
    if foreign_truth or foreign_colour:
        require_registered(sample, "make batches of")
    sample = only(without_unregistered(sample), settings.members)
    if settings.crop is None:
        return with_horizontal_axis(sample)
    height, width = settings.crop if sample.dp_axis == "horizontal" else settings.crop[::-1]
    low, high = settings.scale
    scale = low + (high - low) * float(torch.rand(1, generator=drawn))
    window = (
        min(sample.size[0], max(1, round(height / scale))),
        min(sample.size[1], max(1, round(width / scale))),
    )
    return with_horizontal_axis(resize_to(_window(sample, window, settings.known, drawn), (height, width)))


def only(sample: Sample, members: tuple[str, ...]) -> Sample:
    """The sample without the optional members that are not named."""
    kept: dict[str, Any] = {name: getattr(sample, name) if name in members else None for name in PLANES[4:]}
    return replace(sample, **kept, view_offsets=sample.view_offsets if "views" in members else ())


def _window(sample: Sample, size: tuple[int, int], known: float, drawn: torch.Generator) -> Sample:
    for attempt in range(REDRAWN):
        top, start = (
            int(torch.randint(whole - part + 1, (1,), generator=drawn))
            for whole, part in zip(sample.size, size, strict=True)
        )
        seen = sample.valid[..., top : top + size[0], start : start + size[1]]
        if attempt == REDRAWN - 1 or float((seen > 0).float().mean()) >= known:
            break
    return crop(sample, top, start, size)


def require_large_enough(sample: Sample, settings: Loading) -> Sample:
    """The sample itself. Raises DpocketError, with its name and size, when no window of it fills a batch's."""
    if settings.crop is not None:
        wanted = settings.crop if sample.dp_axis == "horizontal" else settings.crop[::-1]
        if any(have * settings.scale[1] < want for have, want in zip(sample.size, wanted, strict=True)):
            raise DpocketError(
                f"{', '.join(sample.names) or 'a sample'} is {sample.size[1]}×{sample.size[0]} px, too small for "
                f"windows of {wanted[1]}×{wanted[0]}"
            )
    return sample
