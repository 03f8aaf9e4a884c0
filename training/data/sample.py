"""`Sample`: the one form in which data reaches an augmentation or a loss, whatever dataset or renderer it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from runtime_py.errors import DpocketError

TRUTH = ("disparity", "valid", "depth", "confidence", "occluded")
"""The members that say what the scene is, as against how it looks."""

PLANES = ("left", "right", "disparity", "valid", "rgb", "depth", "confidence", "occluded", "views")
"""The picture-like members: those that flips, crops and resizes act on."""

KIND = ("pair", "unit", "dp_axis", "rgb_registered", "truth_registered", "view_offsets")
"""What a whole batch has in common: samples that differ in one of these cannot be stacked."""

PAIRS = ("dual-pixel", "stereo")
UNITS = ("px", "affine")
AXES = ("horizontal", "vertical")

VERSION = 1
"""Version of this contract, for files that store samples."""


@dataclass(frozen=True)
class Sample:
    """A batch of B pairs of views with what is known about them.

    left, right: (B, 1, H, W) linear radiance, about 0..1, black level removed.
    disparity: (B, 1, H, W) x_left - x_right along `dp_axis`, positive nearer than the focus plane (dual pixels) or
    positive everywhere (stereo); in px of this width when `unit` is "px", up to an unknown positive slope and an
    unknown offset when it is "affine" (a dataset whose truth is inverse depth). Only where `valid` > 0.
    valid: (B, 1, H, W) in 0..1, zeros where nothing is known.
    rgb: (B, 3, H, W) linear radiance; on the pixels of `left` only when `rgb_registered`, otherwise of any size, with
    `views` on the same pixels.
    depth: (B, 1, H, W) metres, infinity allowed, NaN where unknown. confidence: (B, 1, H, W) in 0..1, how far the
    truth can be trusted. occluded: (B, 1, H, W) in 0..1, for dual pixels the share of light from surfaces other than
    the one at `disparity`, for stereo 1 where the right view does not see the point. views: (B, V, 3, H, W), other
    views of the scene at `view_offsets`, V (right, down) in steps of the grid or in baselines. time: (B,) seconds.
    names: where each came from. `pair` is one of `PAIRS`.

    `truth_registered` is False where the truth (the members in `TRUTH`) was measured on another camera's grid: it then
    lies on the pixels of `rgb`, not on those of `left`.
    """

    left: Tensor
    right: Tensor
    disparity: Tensor
    valid: Tensor
    dp_axis: str = "horizontal"
    unit: str = "px"
    pair: str = "dual-pixel"
    rgb: Tensor | None = None
    rgb_registered: bool = True
    truth_registered: bool = True
    depth: Tensor | None = None
    confidence: Tensor | None = None
    occluded: Tensor | None = None
    views: Tensor | None = None
    view_offsets: tuple[tuple[float, float], ...] = ()
    time: Tensor | None = None
    names: tuple[str, ...] = ()

    @property
    def dp_dimension(self) -> int:
        """The dimension of a (B, C, H, W) plane along which the two views are displaced."""
        return {"horizontal": -1, "vertical": -2}[self.dp_axis]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the views."""
        return (self.left.shape[-2], self.left.shape[-1])

    def planes(self) -> dict[str, Tensor]:
        """The picture-like members that are there, by name."""
        return {name: plane for name in PLANES if (plane := getattr(self, name)) is not None}

    def map(self, change: Callable[[Tensor], Tensor]) -> Sample:
        """The same change made to every picture-like member."""
        changed: dict[str, Any] = {name: change(plane) for name, plane in self.planes().items()}
        return replace(self, **changed)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Sample:
        """The sample on `device`."""
        time = None if self.time is None else self.time.to(device, non_blocking=non_blocking)
        return replace(self.map(lambda t: t.to(device, non_blocking=non_blocking)), time=time)

    def pin_memory(self) -> Sample:
        """The sample in page-locked memory, as torch's data loader asks for."""
        time = None if self.time is None else self.time.pin_memory()
        return replace(self.map(lambda t: t.pin_memory()), time=time)


def check(sample: Sample) -> Sample:
    """The sample itself. Raises DpocketError, naming the member, where it breaks the contract above."""
    if sample.pair not in PAIRS or sample.unit not in UNITS or sample.dp_axis not in AXES:
        raise DpocketError(
            f"a sample's pair, unit and dp_axis are '{sample.pair}', '{sample.unit}', '{sample.dp_axis}'; "
            f"they must be of {PAIRS}, {UNITS} and {AXES}"
        )
    _check_shapes(sample)
    for name in ("left", "right", "rgb", "views"):
        plane = getattr(sample, name)
        if plane is not None and not bool(torch.isfinite(plane).all()):
            raise DpocketError(f"a sample's {name} has values that are not finite")
    for name in ("valid", "confidence", "occluded"):
        plane = getattr(sample, name)
        if plane is not None and not bool(((plane >= 0) & (plane <= 1)).all()):
            raise DpocketError(f"a sample's {name} has values outside of 0..1")
    if not bool(torch.isfinite(sample.disparity[sample.valid > 0]).all()):
        raise DpocketError("a sample's disparity is not finite where its valid says that it is known")
    if sample.depth is not None and bool((sample.depth <= 0).any()):
        raise DpocketError("a sample's depth is not positive somewhere; it is in metres, NaN where unknown")
    return sample


def lies_on_views(sample: Sample, name: str) -> bool:
    """Whether that member lies on the pixels of `left` and `right`."""
    if name in TRUTH:
        return sample.truth_registered
    return sample.rgb_registered or name not in ("rgb", "views")


def _check_shapes(sample: Sample) -> None:
    if sample.left.ndim != 4:
        raise DpocketError(f"a sample's left is {tuple(sample.left.shape)}; it is (B, 1, H, W)")
    if not sample.rgb_registered and sample.rgb is None:
        raise DpocketError("a sample has no rgb, and says that it is not registered with its views")
    if sample.rgb_registered and not sample.truth_registered:
        raise DpocketError(
            "a sample's truth lies on another grid than its views: then so does its rgb, which is not said"
        )
    b = sample.left.shape[0]
    for name, plane in sample.planes().items():
        h, w = sample.size
        if sample.rgb is not None and not lies_on_views(sample, name):
            h, w = sample.rgb.shape[-2:]
        wanted: tuple[int, ...] = (b, {"rgb": 3}.get(name, 1), h, w)
        if name == "views":
            wanted = (b, len(sample.view_offsets), 3, h, w)
        if tuple(plane.shape) != wanted:
            raise DpocketError(f"a sample's {name} is {tuple(plane.shape)}; beside left {(b, 1, h, w)} it is {wanted}")
    if sample.views is None and sample.view_offsets:
        raise DpocketError(f"a sample has {len(sample.view_offsets)} view_offsets and no views")
    if sample.time is not None and tuple(sample.time.shape) != (b,):
        raise DpocketError(f"a sample's time is {tuple(sample.time.shape)}; it is {(b,)}")
    if len(sample.names) not in (0, b):
        raise DpocketError(f"a sample of batch {b} has {len(sample.names)} names")


def concatenate(samples: list[Sample]) -> Sample:
    """One batch of several of the same kind and size. A member that any of them lacks is left out.

    Raises DpocketError when there is none, or when they differ in one of `KIND` or in size.
    """
    if not samples:
        raise DpocketError("no samples were given to make a batch of")
    first = samples[0]
    for other in samples[1:]:
        for name in KIND:
            if getattr(other, name) != getattr(first, name):
                raise DpocketError(
                    f"samples whose {name} differs ({getattr(first, name)}, {getattr(other, name)}) make no batch"
                )
    joined: dict[str, Any] = {}
    for name in (*PLANES, "time"):
        parts = [part for s in samples if (part := getattr(s, name)) is not None]
        if len({tuple(part.shape[1:]) for part in parts}) > 1:
            sizes = sorted({tuple(part.shape[-2:]) for part in parts})
            raise DpocketError(f"samples whose {name} differs in size {sizes} make no batch; crop them to one size")
        joined[name] = torch.cat(parts) if len(parts) == len(samples) else None
    offsets = first.view_offsets if joined["views"] is not None else ()
    named = all(len(s.names) == s.left.shape[0] for s in samples)
    return replace(first, **joined, view_offsets=offsets, names=tuple(n for s in samples for n in s.names) * named)
