"""Outlines of objects: compact, rough, pierced and thin ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt, label

from training.dice import Dice, pixel_grid
from training.silhouettes import OUTLINES, Frame, _pierced, random_frame, silhouette

THIN = ("wires", "hair", "stems", "lattice")


def dice(batch: int = 6, seed: int = 0) -> Dice:
    return Dice(torch.Generator().manual_seed(seed), batch)


def central(batch: int, ry: float, rx: float, side: int = 128) -> Frame:
    y, x = (t.expand(batch, side, side) for t in pixel_grid(side, side, torch.device("cpu")))
    return Frame(y, x, torch.full((batch, 1, 1), ry), torch.full((batch, 1, 1), rx))


def cover(kind: str, batch: int = 24, ry: float = 40.0, rx: float = 50.0) -> np.ndarray:
    return torch.clamp(OUTLINES[kind][0](dice(batch), central(batch, ry, rx)) + 0.5, 0.0, 1.0).numpy()


def test_silhouettes_are_opaque_inside_with_edges_one_or_two_pixels_wide() -> None:
    some = dice(96)
    mask = silhouette(some, random_frame(some, 96, 96))
    assert 0 <= float(mask.min()) <= float(mask.max()) <= 1
    partial = ((mask > 0.01) & (mask < 0.99)).float().mean((1, 2))
    assert 0 < float(partial.mean()) < 0.1
    assert float((mask > 0.99).float().mean()) > 0.05


@pytest.mark.parametrize("kind", list(OUTLINES))
def test_every_outline_is_finite_and_is_seen(kind: str) -> None:
    distance = OUTLINES[kind][0](dice(8), central(8, 30.0, 45.0))
    assert distance.shape == (8, 128, 128)
    assert torch.all(torch.isfinite(distance))
    assert np.all(cover(kind, 8).max((1, 2)) > 0.4)
    assert cover(kind, 8).mean() < 0.8


def test_ellipse_and_box_have_the_extent_of_their_frame() -> None:
    assert cover("ellipse", 1).sum() == pytest.approx(np.pi * 40 * 50, rel=0.02)
    assert cover("box", 1).sum() == pytest.approx(4 * 40 * 50, rel=0.02)


@pytest.mark.parametrize("kind", THIN)
def test_thin_structures_are_one_to_three_px_wide(kind: str) -> None:
    """Half of the solid pixels lie within 2 px of an edge even where strokes join, leaves and frames included."""
    masks = cover(kind)
    half_width = np.concatenate([distance_transform_edt(m > 0.5)[m > 0.5] for m in masks])
    assert np.median(half_width) <= 2
    assert 0.005 < masks.mean() < 0.4


def test_thin_structures_are_a_tenth_or_more_of_all_objects() -> None:
    share = sum(OUTLINES[kind][1] for kind in THIN) / sum(share for _, share in OUTLINES.values())
    assert 0.1 < share < 0.3


def test_rough_outlines_are_longer_than_wavy_ones_and_those_than_plain_ones() -> None:
    def outline(kind: str) -> float:
        solid = cover(kind, 16) > 0.5
        crossings = (solid[:, 1:] != solid[:, :-1]).sum() + (solid[:, :, 1:] != solid[:, :, :-1]).sum()
        return float(crossings / np.sqrt(solid.sum() * 16))

    assert outline("rough") > 1.2 * outline("blob")
    assert 1.6 * outline("ellipse") > outline("blob") > 1.1 * outline("ellipse")


def test_fences_have_gaps_at_least_as_wide_as_their_bars() -> None:
    for mask in cover("fence"):
        row = mask[64, 16:112] > 0.5
        assert 0.05 < row.mean() <= 0.56
        assert label(row)[1] >= 1


def test_pierced_objects_show_what_is_behind_through_a_hole() -> None:
    frame = central(32, 40.0, 50.0)
    whole = OUTLINES["ellipse"][0](dice(32), frame)
    holes = (_pierced(dice(32), frame, whole) < 0) & (whole > 0)
    assert float(holes.float().sum((1, 2)).min()) > np.pi * 3.5**2
    assert torch.all(holes.float().sum((1, 2)) < np.pi * 21**2)


def test_objects_are_anywhere_and_of_all_sizes() -> None:
    frame = random_frame(dice(400), 64, 96)
    assert 10 <= float(frame.rx.min()) < 14
    assert 40 < float(frame.rx.max()) <= 48
    assert torch.all(frame.ry <= frame.rx)
    upright = (frame.v.diff(dim=2).abs().amax((1, 2)) < 1e-4).float().mean()
    assert 0.3 < float(upright) < 0.5
