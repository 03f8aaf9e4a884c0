"""What may be done to a sample's pixel grid: mirror, turn, crop, resize, with every member moved alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from runtime_py.errors import DpocketError
from training.data.sample import TRUTH, Sample

Offsets = tuple[tuple[float, float], ...]


def flip_along_axis(sample: Sample) -> Sample:
    """Mirror along the DP axis: each mirrored view is what the *other* half aperture would have seen.

    A view at offset u stands at -u in the mirror; views keep their places in the list where the mirrored offsets are
    the same set. Raises DpocketError for a stereo pair: its truth belongs to the left camera, and the pair's new left
    view is the right camera's, whose disparity nobody gave.
    """
    if sample.pair == "stereo":
        raise DpocketError(
            "a stereo pair cannot be mirrored along its baseline: the right camera would become the left one, and its "
            "disparity is not in the sample; mirror across the baseline instead"
        )
    mirrored = _mirrored(sample, sample.dp_dimension)
    return replace(mirrored, left=mirrored.right, right=mirrored.left)


def flip_across_axis(sample: Sample) -> Sample:
    """Mirror across the DP axis: the views keep their roles."""
    return _mirrored(sample, -3 - sample.dp_dimension)


def _mirrored(sample: Sample, dimension: int) -> Sample:
    signs = (-1.0, 1.0) if dimension == -1 else (1.0, -1.0)
    offsets = tuple((u * signs[0] + 0.0, v * signs[1] + 0.0) for u, v in sample.view_offsets)
    return _in_usual_order(replace(sample.map(lambda t: t.flip(dimension)), view_offsets=offsets), sample.view_offsets)


def _in_usual_order(sample: Sample, wanted: Offsets) -> Sample:
    """The views reordered to `wanted` where these are their offsets, so that mirrored samples fit into one batch."""
    if sample.views is None or sorted(sample.view_offsets) != sorted(wanted):
        return sample
    order = [sample.view_offsets.index(offset) for offset in wanted]
    return replace(sample, views=sample.views[:, order], view_offsets=wanted)


def with_horizontal_axis(sample: Sample) -> Sample:
    """A portrait sample turned a quarter counter-clockwise, which takes row y to column y and keeps d's sign.

    (See `runtime_py.captures.orientation`.) A view to the right by u and down by v is then right by v and up by u.
    """
    if sample.dp_axis == "horizontal":
        return sample
    offsets = tuple((v, 0.0 - u) for u, v in sample.view_offsets)
    turned = sample.map(lambda t: torch.rot90(t, 1, (-2, -1)))
    return replace(turned, dp_axis="horizontal", view_offsets=offsets)


def crop(sample: Sample, top: int, start: int, size: tuple[int, int]) -> Sample:
    """The window of `size` (height, width) whose first row and column are `top` and `start`.

    Raises DpocketError when the window does not lie inside, and for members that lie on another grid than `left`.
    """
    require_registered(sample, "crop")
    height, width = sample.size
    if not (0 <= top <= top + size[0] <= height and 0 <= start <= start + size[1] <= width) or min(size) < 1:
        raise DpocketError(
            f"a window of {size[1]}×{size[0]} px at column {start}, row {top} does not lie inside {width}×{height} px"
        )
    return sample.map(lambda t: t[..., top : top + size[0], start : start + size[1]].contiguous())


def require_registered(sample: Sample, doing: str) -> None:
    """Raises DpocketError, naming the frames, when rgb or truth do not lie on the pixels of the views."""
    foreign = [name for name, fits in (("rgb", sample.rgb_registered), ("truth", sample.truth_registered)) if not fits]
    if foreign:
        raise DpocketError(
            f"cannot {doing} {', '.join(sample.names[:3]) or 'a sample'}: its {' and '.join(foreign)} lie on another "
            "grid than its dual-pixel views, so the same pixel shows different points; give the dataset a "
            "registration, or leave them out with without_unregistered()"
        )


def without_unregistered(sample: Sample) -> Sample:
    """The sample without what lies on another grid than its pair: no rgb or views, a truth that is nowhere valid."""
    if sample.rgb_registered:
        return sample
    kept = replace(sample, rgb=None, views=None, view_offsets=(), rgb_registered=True)
    if sample.truth_registered:
        return kept
    unknown = torch.zeros_like(sample.left)
    return replace(
        kept, disparity=unknown, valid=unknown, depth=None, confidence=None, occluded=None, truth_registered=True
    )


def resize(sample: Sample, scale: float) -> Sample:
    """Both sides scaled by `scale` (to whole pixels); disparities in px scale with the extent along the DP axis."""
    height, width = sample.size
    return resize_to(sample, (max(1, round(height * scale)), max(1, round(width * scale))))


def resize_to(sample: Sample, size: tuple[int, int]) -> Sample:
    """The sample with views of `size` (height, width), by area-weighted linear interpolation.

    Disparity in px is multiplied by the ratio of extents along the DP axis; an "affine" one has no pixels and is not.
    Unknown truth takes no part: a new pixel is the mean of the known ones under it (of depth: the mean of 1/depth, in
    which the scene is linear), and is known itself when at least half of its footprint was.
    """
    if size == sample.size:
        return sample
    ratios = (size[0] / sample.size[0], size[1] / sample.size[1])
    changed: dict[str, Any] = {}
    for name, plane in sample.planes().items():
        if name not in TRUTH:
            changed[name] = _resampled(plane, ratios)
    changed.update(_resampled_truth(sample, ratios))
    if sample.unit == "px":
        changed["disparity"] = changed["disparity"] * ratios[sample.dp_dimension]
    return replace(sample, **changed)


def _resampled(plane: Tensor, ratios: tuple[float, float]) -> Tensor:
    """(..., H, W) on a grid of another size; planes on a grid of their own keep their ratio to the views."""
    size = tuple(max(1, round(n * ratio)) for n, ratio in zip(plane.shape[-2:], ratios, strict=True))
    if size == tuple(plane.shape[-2:]):
        return plane
    flat = plane.reshape(-1, 1, *plane.shape[-2:])
    out = F.interpolate(flat, size=size, mode="bilinear", align_corners=False, antialias=True)
    return out.reshape(*plane.shape[:-2], *size)


def _resampled_truth(sample: Sample, ratios: tuple[float, float]) -> dict[str, Tensor]:
    known = (sample.valid > 0).to(sample.valid.dtype)
    share = _resampled(known, ratios)
    keep = share >= 0.5

    def of_known(plane: Tensor) -> Tensor:
        weighted = _resampled(torch.where(known > 0, plane, 0.0), ratios)
        return torch.where(keep, weighted / share.clamp(min=0.5), 0.0)

    changed = {
        "disparity": of_known(sample.disparity),
        "valid": of_known(sample.valid).clamp(0.0, 1.0),
    }
    if sample.confidence is not None:
        changed["confidence"] = of_known(sample.confidence).clamp(0.0, 1.0)
    if sample.occluded is not None:
        changed["occluded"] = _resampled(sample.occluded, ratios).clamp(0.0, 1.0)
    if sample.depth is not None:
        changed["depth"] = _resampled_depth(sample.depth, ratios)
    return changed


def _resampled_depth(depth: Tensor, ratios: tuple[float, float]) -> Tensor:
    known = (~torch.isnan(depth)).to(depth.dtype)
    share = _resampled(known, ratios)
    inverse = _resampled(torch.where(known > 0, 1.0 / depth, 0.0), ratios)
    return torch.where(share >= 0.5, share / inverse, torch.nan)
