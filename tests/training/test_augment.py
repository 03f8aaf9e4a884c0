"""Augmentation against block matching: whatever is done to the pictures, the truth must stay what matching finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from block_matching import matched_disparity
from flat_scenes import flat, smooth_texture
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.augment import Augmentation, augment, flip_across_axis, flip_along_axis, resize
from training.data.sample import Sample
from training.optics import aperture
from training.render import render_pair

NOTHING = Augmentation(flip=0.0, gain_field=0.0, noise=0.0, tone=0.0, eight_bit=0.0)


def wall(disparity: float = 1.5) -> Sample:
    """A rendered wall, 64×240, darker at the right so that mirroring shows."""
    texture = smooth_texture((80, 256)) * torch.linspace(1.0, 0.7, 256)
    r = render_pair(flat(texture, disparity), aperture("half_disc"), margin=8)
    return Sample(r.left, r.right, r.disparity, torch.ones_like(r.disparity))


def noise_sample(seed: int, batch: int = 2, size: tuple[int, int] = (5, 7), axis: str = "horizontal") -> Sample:
    generator = torch.Generator().manual_seed(seed)
    return Sample(*(torch.rand(batch, 1, *size, generator=generator) for _ in range(4)), axis)


def equal(a: Sample, b: Sample) -> bool:
    parts = ("left", "right", "disparity", "valid")
    return all(torch.equal(getattr(a, p), getattr(b, p)) for p in parts) and a.dp_axis == b.dp_axis


def matched(sample: Sample) -> float:
    return matched_disparity(sample.left[0, 0].numpy(), sample.right[0, 0].numpy())


@pytest.mark.parametrize("disparity", [-1.5, 1.5])
def test_flip_along_dp_axis_swaps_the_views_and_keeps_the_sign(disparity: float) -> None:
    sample = wall(disparity)
    flipped = flip_along_axis(sample)
    assert torch.equal(flipped.left, sample.right.flip(-1))
    assert matched(flipped) == pytest.approx(disparity, abs=0.05)
    assert matched(flipped) == pytest.approx(float(flipped.disparity.mean()), abs=0.05)


def test_flip_along_dp_axis_without_the_swap_would_turn_near_into_far() -> None:
    sample = wall(1.5)
    naive = sample.map(lambda t: t.flip(-1))
    assert matched(naive) == pytest.approx(-1.5, abs=0.05)


def test_flip_across_dp_axis_swaps_nothing() -> None:
    sample = wall(1.5)
    flipped = flip_across_axis(sample)
    assert torch.equal(flipped.left, sample.left.flip(-2))
    assert matched(flipped) == pytest.approx(1.5, abs=0.05)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    h=st.integers(1, 6),
    w=st.integers(1, 6),
    axis=st.sampled_from(["horizontal", "vertical"]),
)
def test_flips_undo_themselves_and_commute(seed: int, h: int, w: int, axis: str) -> None:
    sample = noise_sample(seed, size=(h, w), axis=axis)
    assert equal(flip_along_axis(flip_along_axis(sample)), sample)
    assert equal(flip_across_axis(flip_across_axis(sample)), sample)
    assert equal(flip_along_axis(flip_across_axis(sample)), flip_across_axis(flip_along_axis(sample)))


def test_flip_of_a_portrait_sample_follows_its_own_dp_axis() -> None:
    landscape = noise_sample(1)
    portrait = replace(landscape.map(lambda t: t.transpose(-1, -2)), dp_axis="vertical")
    for flip in (flip_along_axis, flip_across_axis):
        turned = replace(flip(portrait).map(lambda t: t.transpose(-1, -2)), dp_axis="horizontal")
        assert equal(turned, flip(landscape))


@pytest.mark.parametrize("scale", [0.5, 0.75])
def test_resizing_scales_the_disparity_with_the_width(scale: float) -> None:
    sample = wall(2.0)
    small = resize(sample, scale)
    assert small.left.shape[-2:] == (64 * scale, 240 * scale)
    assert float(small.disparity.mean()) == pytest.approx(2.0 * scale, rel=1e-5)
    assert matched(small) == pytest.approx(2.0 * scale, abs=0.05)


def test_nothing_switched_on_leaves_only_one_exposure_for_both_views() -> None:
    sample = noise_sample(2, batch=4, size=(24, 24)).map(lambda t: 0.01 + 0.05 * t)
    out = augment(sample, NOTHING, torch.Generator().manual_seed(0))
    gain = out.left / sample.left
    assert float(out.left.max()) < 1
    torch.testing.assert_close(gain, gain[:, :, :1, :1].expand_as(gain), rtol=1e-4, atol=0)
    torch.testing.assert_close(out.right / sample.right, gain, rtol=1e-4, atol=0)
    assert float(gain[:, 0, 0, 0].std()) > 0.1
    assert torch.equal(out.disparity, sample.disparity)


def test_flips_happen_per_sample_and_never_swap_truth_with_another() -> None:
    sample = noise_sample(3, batch=64, size=(8, 8)).map(lambda t: 0.3 + 0.1 * t)
    out = augment(sample, replace(NOTHING, flip=0.5), torch.Generator().manual_seed(1))
    either = [sample.disparity, sample.disparity.flip(-1), sample.disparity.flip(-2), sample.disparity.flip(-1, -2)]
    same = torch.stack([(out.disparity == d).flatten(1).all(1) for d in either])
    assert torch.all(same.sum(0) == 1)
    assert torch.all(same.sum(1) >= 5)


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_views_swap_roles_exactly_where_the_picture_is_mirrored_along_the_axis(axis: str) -> None:
    sample = noise_sample(4, batch=32, size=(8, 8), axis=axis)
    bright_left = replace(sample, left=torch.full_like(sample.left, 0.2), right=torch.full_like(sample.left, 0.1))
    out = augment(bright_left, replace(NOTHING, flip=0.5), torch.Generator().manual_seed(2))
    swapped = (out.left < out.right)[:, 0, 0, 0]
    dimensions = (-1, -2) if axis == "horizontal" else (-2, -1)
    along = [sample.disparity.flip(dimensions[0]), sample.disparity.flip(-1, -2)]
    mirrored = torch.stack([(out.disparity == d).flatten(1).all(1) for d in along]).any(0)
    assert torch.equal(swapped, mirrored)
    assert 0 < int(swapped.sum()) < 32


def test_full_strength_stays_in_range_and_follows_from_the_generator() -> None:
    sample = noise_sample(5, batch=16, size=(32, 32))
    strong = Augmentation(flip=0.5, gain_field=1.0, noise=1.0, tone=1.0, eight_bit=1.0)
    first, again, other = (augment(sample, strong, torch.Generator().manual_seed(s)) for s in (7, 7, 8))
    for view in (first.left, first.right):
        assert 0 <= float(view.min()) <= float(view.max()) <= 1
    assert equal(first, again)
    assert not equal(first, other)


def test_vignetting_is_smooth_and_differs_between_the_views() -> None:
    flat_grey = Sample(*(torch.full((8, 1, 64, 64), 0.1) for _ in range(4)))
    out = augment(flat_grey, replace(NOTHING, gain_field=0.35), torch.Generator().manual_seed(3))
    ratio = torch.log(out.left / out.right)
    unclipped = (out.left.amax((1, 2, 3)) < 0.999) & (out.right.amax((1, 2, 3)) < 0.999)
    assert int(unclipped.sum()) >= 3
    ratio = ratio[unclipped]
    assert float(ratio.abs().mean()) > 0.03
    assert float(ratio.diff(dim=-1).abs().max()) < 0.1
    assert float(ratio.diff(dim=-2).abs().max()) < 0.1


def test_eight_bit_storage_leaves_at_most_256_levels_in_the_usual_gamma() -> None:
    out = augment(
        noise_sample(6, size=(64, 64)), replace(NOTHING, eight_bit=1.0), torch.Generator().manual_seed(4)
    ).left.numpy()
    codes = 255 * out.astype(np.float64) ** (1 / 2.2)
    np.testing.assert_allclose(codes, np.rint(codes), atol=0.01)
    assert len(np.unique(np.rint(codes))) > 50


def test_noise_is_drawn_anew_for_each_view() -> None:
    grey = Sample(*(torch.full((1, 1, 96, 96), 0.3) for _ in range(4)))
    out = augment(grey, replace(NOTHING, noise=1.0), torch.Generator().manual_seed(5))
    left, right = (view[0, 0].numpy().ravel() for view in (out.left, out.right))
    assert left.std() > 1e-3
    # Independent samples correlate by about 1/sqrt(9216) = 0.01.
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.05
