"""Augmentation against block matching: whatever is done to the pictures, the truth must stay what matching finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_scenes import flat, seen_through, smooth_texture
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.block_matching import matched_disparity
from training.data.augment import Augmentation, augment
from training.data.geometry import flip_across_axis, flip_along_axis, resize
from training.data.sample import Sample
from training.optics import aperture
from training.render import render_pair

EVEN = Augmentation(gain=0.0, gain_slope=0.0, gain_bend=0.0, gain_tail=0.0, rim=0.0, jitter=0.0, veil=0.0)
NOTHING = replace(EVEN, flip=0.0, noise=0.0, tone=0.0, eight_bit=0.0)


def wall(disparity: float = 1.5) -> Sample:
    """A rendered wall, 64×240, darker at the right so that mirroring shows."""
    texture = smooth_texture((80, 256)) * torch.linspace(1.0, 0.7, 256)
    r = render_pair(flat(texture, disparity), seen_through(aperture("half_disc")), margin=8)
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
    strong = Augmentation(flip=0.5, gain=0.5, gain_slope=0.5, noise=1.0, tone=1.0, eight_bit=1.0)
    first, again, other = (augment(sample, strong, torch.Generator().manual_seed(s)) for s in (7, 7, 8))
    for view in (first.left, first.right):
        assert 0 <= float(view.min()) <= float(view.max()) <= 1
    assert equal(first, again)
    assert not equal(first, other)


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


def everything(seed: int, pair: str = "dual-pixel", offsets: tuple[tuple[float, float], ...] = ()) -> Sample:
    """Four samples of noise with every member, truth unknown in places."""
    drawn = torch.Generator().manual_seed(seed)
    left, right, disparity, mask, depth, rgb = (torch.rand(4, c, 8, 8, generator=drawn) for c in (1, 1, 1, 1, 1, 3))
    valid = (mask > 0.3).float()
    views = torch.rand(4, len(offsets), 3, 8, 8, generator=drawn) if offsets else None
    return Sample(
        0.1 + 0.2 * left, 0.1 + 0.2 * right, torch.where(valid > 0, disparity, torch.nan), valid, pair=pair, rgb=rgb,
        depth=depth, confidence=mask, occluded=1 - mask, views=views, view_offsets=offsets,
    )  # fmt: skip


def which_mirror(plane: torch.Tensor, original: torch.Tensor) -> tuple[bool, bool]:
    """(mirrored left to right, mirrored top to bottom)."""
    choices = {(a, b): original.flip([d for d, on in ((-1, a), (-2, b)) if on]) for a in (0, 1) for b in (0, 1)}
    (found,) = [key for key, t in choices.items() if torch.equal(plane.nan_to_num(-9.0), t.nan_to_num(-9.0))]
    return bool(found[0]), bool(found[1])


def test_every_plane_of_a_sample_is_mirrored_alike() -> None:
    sample = everything(1, offsets=((-1.0, 0.0), (1.0, 0.0)))
    out = augment(sample, replace(NOTHING, flip=0.5), torch.Generator().manual_seed(3))
    seen = set()
    for i in range(4):
        mirrors = {
            which_mirror(getattr(out, name)[i], getattr(sample, name)[i])
            for name in ("disparity", "valid", "depth", "confidence", "occluded")
        }
        assert len(mirrors) == 1
        (mirror,) = mirrors
        seen.add(mirror)
        exposure = out.rgb[i].mean() / sample.rgb[i].mean()
        dims = [d for d, on in zip((-1, -2), mirror, strict=True) if on]
        views = sample.views[i].flip(dims)[[1, 0] if mirror[0] else [0, 1]]
        unclipped = out.views[i] < 0.999
        assert exposure > 0
        ratio = (out.views[i] / views)[unclipped]
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-4, atol=0)
    assert len(seen) > 1
    assert out.view_offsets == sample.view_offsets


def test_one_exposure_is_shared_by_the_pair_the_colour_and_the_views() -> None:
    sample = everything(2, offsets=((0.0, 1.0),))
    dim = sample.map(lambda t: 0.01 * t)
    out = augment(dim, NOTHING, torch.Generator().manual_seed(1))
    for i in range(4):
        gains = {
            name: (getattr(out, name)[i] / getattr(dim, name)[i])[getattr(out, name)[i] < 0.99]
            for name in ("left", "right", "rgb", "views")
        }
        reference = gains["left"].flatten()[0]
        for gain in gains.values():
            torch.testing.assert_close(gain, reference.expand_as(gain), rtol=1e-3, atol=0)


def test_stereo_pairs_are_mirrored_across_the_baseline_only() -> None:
    sample = everything(3, pair="stereo")
    out = augment(sample, replace(NOTHING, flip=1.0), torch.Generator().manual_seed(1))
    for i in range(4):
        assert which_mirror(out.disparity[i], sample.disparity[i]) == (False, True)


def test_views_at_offsets_that_a_mirror_leaves_move_the_whole_batch_or_none_of_it() -> None:
    sample = everything(4, offsets=((1.0, 0.0), (2.0, 0.0)))
    found = set()
    for seed in range(12):
        out = augment(sample, replace(NOTHING, flip=0.5), torch.Generator().manual_seed(seed))
        along = {which_mirror(out.disparity[i], sample.disparity[i])[0] for i in range(4)}
        assert len(along) == 1
        assert out.view_offsets == (((-1.0, 0.0), (-2.0, 0.0)) if along == {True} else sample.view_offsets)
        found |= along
    assert found == {True, False}


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_truth_is_what_matching_finds_after_any_augmentation(axis: str) -> None:
    sample = wall(1.5)
    if axis == "vertical":
        sample = replace(sample.map(lambda t: t.transpose(-1, -2)), dp_axis="vertical")
    batch = sample.map(lambda t: t.expand(6, -1, -1, -1))
    mild = replace(EVEN, flip=0.5, noise=0.0, tone=1.0, eight_bit=1.0)
    out = augment(batch, mild, torch.Generator().manual_seed(6))
    for i in range(6):
        views = [v[i, 0].numpy() for v in (out.left, out.right)]
        if axis == "vertical":
            views = [v.T for v in views]
        assert matched_disparity(*views) == pytest.approx(float(out.disparity[i].mean()), abs=0.06)


@pytest.mark.parametrize("seed", range(8))
def test_working_on_the_chosen_samples_alone_gives_what_working_on_all_of_them_does(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU works on all of them."""
    sample = noise_sample(seed, batch=5, size=(24, 40))
    alone = augment(sample, Augmentation(), torch.Generator().manual_seed(seed))
    monkeypatch.setattr("training.data.augment._which", lambda chosen: slice(None))
    among_all = augment(sample, Augmentation(), torch.Generator().manual_seed(seed))
    for name, plane in alone.planes().items():
        torch.testing.assert_close(plane, among_all.planes()[name], rtol=1e-6, atol=1e-6)


def test_targets_get_no_noise_and_no_rounding() -> None:
    sample = everything(5, offsets=((0.0, 1.0),)).map(lambda t: 0.05 * t)
    strong = Augmentation(flip=0.0, gain=0.5, gain_slope=0.5, noise=1.0, tone=1.0, eight_bit=1.0)
    out = augment(sample, strong, torch.Generator().manual_seed(1))
    for i in range(4):
        inside = out.views[i] < 0.999
        ratio = (out.views[i] / sample.views[i])[inside]
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-4, atol=0)
    for name in ("disparity", "valid", "depth", "confidence", "occluded"):
        assert torch.equal(getattr(out, name).nan_to_num(), getattr(sample, name).nan_to_num())
