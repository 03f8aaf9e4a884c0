"""Samples of noise, with every member there is."""

from __future__ import annotations

import torch

from training.data.sample import Sample


def full_sample(
    seed: int = 0,
    size: tuple[int, int] = (6, 8),
    batch: int = 1,
    axis: str = "horizontal",
    offsets: tuple[tuple[float, float], ...] = ((-1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, -1.0)),
) -> Sample:
    """Unknown truth (not a number) where `valid` is 0, for about a third of the pixels."""
    drawn = torch.Generator().manual_seed(seed)

    def plane(channels: int = 1) -> torch.Tensor:
        return torch.rand(batch, channels, *size, generator=drawn)

    valid = (plane() > 0.33).float()
    return Sample(
        plane(),
        plane(),
        torch.where(valid > 0, 6 * plane() - 3, torch.nan),
        valid,
        dp_axis=axis,
        rgb=plane(3),
        depth=torch.where(valid > 0, 0.5 + plane(), torch.nan),
        confidence=plane() * valid,
        occluded=plane(),
        views=torch.rand(batch, len(offsets), 3, *size, generator=drawn) if offsets else None,
        view_offsets=offsets,
        time=torch.arange(batch) / 30.0,
        names=tuple(f"s{seed}-{i}" for i in range(batch)),
    )


def same(a: Sample, b: Sample) -> bool:
    """Whether two samples hold the same numbers (unknown ones count as equal) and say the same of themselves."""
    left, right = a.planes(), b.planes()
    kind = ("dp_axis", "unit", "pair", "rgb_registered", "truth_registered", "view_offsets", "names")
    return (
        left.keys() == right.keys()
        and all(torch.equal(left[k].nan_to_num(-99.0), right[k].nan_to_num(-99.0)) for k in left)
        and all(getattr(a, k) == getattr(b, k) for k in kind)
    )
