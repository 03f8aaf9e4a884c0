"""Mirrors, turns, crops and resizes: laws that hold for every sample, and what block matching finds afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_scenes import smooth_texture
from hypothesis import given, settings
from hypothesis import strategies as st
from random_samples import full_sample, same
from scipy.ndimage import shift as shifted

from benchmarks.block_matching import matched_disparity
from runtime_py.errors import DpocketError
from training.data.geometry import (
    crop,
    flip_across_axis,
    flip_along_axis,
    resize,
    resize_to,
    with_horizontal_axis,
    without_unregistered,
)
from training.data.sample import Sample, check

AXES = st.sampled_from(["horizontal", "vertical"])
ASYMMETRIC = ((-1.0, 0.0), (0.0, 1.0), (2.0, 3.0))
LAW = settings(deadline=None, max_examples=25)


def shifted_texture(disparity: float, axis: str = "horizontal", size: tuple[int, int] = (96, 256)) -> Sample:
    """A wall: the left view moved by half of `disparity` to larger coordinates, the right one to smaller."""
    texture = smooth_texture(size, grain=5.0, seed=4).numpy() * np.linspace(1.0, 0.8, size[1])
    left, right = (torch.from_numpy(shifted(texture, (0, s * disparity), order=3, mode="nearest")) for s in (0.5, -0.5))
    plane = torch.full((1, 1, *size), disparity)
    sample = Sample(left.float()[None, None], right.float()[None, None], plane, torch.ones_like(plane))
    if axis == "vertical":
        # Rows become what columns were; d = y_left - y_right keeps its sign.
        sample = replace(sample.map(lambda t: t.transpose(-1, -2)), dp_axis="vertical")
    return sample


def found(sample: Sample) -> float:
    """Block matching along the sample's own axis."""
    planes = (sample.left, sample.right)
    if sample.dp_axis == "vertical":
        planes = tuple(p.transpose(-1, -2) for p in planes)
    return matched_disparity(planes[0][0, 0].numpy(), planes[1][0, 0].numpy())


@LAW
@given(st.integers(0, 9999), st.integers(1, 6), st.integers(1, 6), AXES, st.sampled_from([(), ASYMMETRIC, None]))
def test_flips_undo_themselves_and_commute(seed: int, h: int, w: int, axis: str, offsets) -> None:  # type: ignore[no-untyped-def]
    sample = full_sample(seed, (h, w), axis=axis, **({} if offsets is None else {"offsets": offsets}))
    for flip in (flip_along_axis, flip_across_axis):
        check(flip(sample))
        assert same(flip(flip(sample)), sample)
    assert same(flip_along_axis(flip_across_axis(sample)), flip_across_axis(flip_along_axis(sample)))


@LAW
@given(st.integers(0, 9999), st.integers(0, 3), st.integers(0, 2), st.integers(1, 4), st.integers(1, 3), AXES)
def test_crops_commute_with_flips(seed: int, top: int, start: int, h: int, w: int, axis: str) -> None:
    sample = full_sample(seed, (7, 5), axis=axis)
    window = crop(sample, top, start, (h, w))
    other_top, other_start = 7 - top - h, 5 - start - w
    along, across = (top, other_start), (other_top, start)
    if axis == "vertical":
        along, across = across, along
    assert same(flip_along_axis(window), crop(flip_along_axis(sample), *along, (h, w)))
    assert same(flip_across_axis(window), crop(flip_across_axis(sample), *across, (h, w)))


def test_a_crop_of_a_crop_is_a_crop_and_one_outside_is_refused() -> None:
    sample = full_sample(size=(9, 11))
    assert same(crop(crop(sample, 1, 2, (7, 8)), 2, 3, (3, 4)), crop(sample, 3, 5, (3, 4)))
    for window in ((-1, 0, (3, 3)), (0, 9, (3, 3)), (8, 0, (2, 2)), (0, 0, (0, 3))):
        with pytest.raises(DpocketError, match="does not lie inside 11×9"):
            crop(sample, *window)


def test_mirrored_views_stand_at_mirrored_offsets() -> None:
    sample = full_sample(offsets=ASYMMETRIC)
    along, across = flip_along_axis(sample), flip_across_axis(sample)
    assert along.view_offsets == ((1.0, 0.0), (0.0, 1.0), (-2.0, 3.0))
    assert across.view_offsets == ((-1.0, 0.0), (0.0, -1.0), (2.0, -3.0))
    assert torch.equal(along.views, sample.views.flip(-1))


def test_views_of_a_symmetric_grid_change_places_so_that_the_offsets_stay() -> None:
    sample = full_sample()
    flipped = flip_along_axis(sample)
    assert flipped.view_offsets == sample.view_offsets
    assert torch.equal(flipped.views[:, 0], sample.views[:, 1].flip(-1)), "what stood left now stands right"
    assert torch.equal(flipped.views[:, 2], sample.views[:, 2].flip(-1))


def test_a_stereo_pair_is_mirrored_across_its_baseline_only() -> None:
    stereo = replace(full_sample(), pair="stereo")
    with pytest.raises(DpocketError, match="the right camera would become the left one"):
        flip_along_axis(stereo)
    assert torch.equal(flip_across_axis(stereo).left, stereo.left.flip(-2))


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
@pytest.mark.parametrize("disparity", [-2.0, 2.0])
def test_block_matching_finds_the_truth_after_every_change_of_the_grid(disparity: float, axis: str) -> None:
    sample = shifted_texture(disparity, axis)
    assert found(sample) == pytest.approx(disparity, abs=0.02)
    small = (40, 200) if axis == "horizontal" else (200, 40)
    changes = {
        "along": flip_along_axis(sample),
        "across": flip_across_axis(sample),
        "crop": crop(sample, 8, 8, small),
        "half": resize(sample, 0.5),
        "larger": resize(sample, 1.25),
        "turned": with_horizontal_axis(sample),
    }
    for name, changed in changes.items():
        assert found(changed) == pytest.approx(float(changed.disparity.mean()), abs=0.05), name
        assert np.sign(found(changed)) == np.sign(disparity), name


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_only_the_extent_along_the_axis_scales_the_disparity(axis: str) -> None:
    sample = shifted_texture(2.0, axis)
    h, w = sample.size
    narrow = resize_to(sample, (h, w // 2) if axis == "horizontal" else (h // 2, w))
    flat = resize_to(sample, (h // 2, w) if axis == "horizontal" else (h, w // 2))
    assert float(narrow.disparity.mean()) == pytest.approx(1.0, rel=1e-5)
    assert found(narrow) == pytest.approx(1.0, abs=0.05)
    assert float(flat.disparity.mean()) == pytest.approx(2.0, rel=1e-5)
    assert found(flat) == pytest.approx(2.0, abs=0.05)


@LAW
@given(st.integers(0, 9999), st.sampled_from([0.5, 0.75, 1.5, 2.0]), st.floats(-8, 8))
def test_resizing_by_s_multiplies_disparity_in_px_by_s_and_an_affine_one_by_nothing(
    seed: int, scale: float, disparity: float
) -> None:
    sample = replace(full_sample(seed, (8, 8)), disparity=torch.full((1, 1, 8, 8), disparity))
    px, affine = resize(sample, scale), resize(replace(sample, unit="affine"), scale)
    for resized, factor in ((px, scale), (affine, 1.0)):
        known = resized.disparity[resized.valid > 0]
        torch.testing.assert_close(known, torch.full_like(known, factor * disparity), rtol=1e-4, atol=1e-5)


def test_resizing_to_the_same_size_changes_nothing() -> None:
    sample = full_sample()
    assert resize(sample, 1.0) is sample


@LAW
@given(st.integers(0, 9999), st.sampled_from([0.5, 0.6, 1.7]))
def test_unknown_truth_never_leaks_into_known_truth(seed: int, scale: float) -> None:
    sample = full_sample(seed, (10, 12))
    resized = check(resize(sample, scale))
    assert torch.isfinite(resized.disparity).all(), "a product with a mask of zeros must be a number"
    assert float(resized.disparity.abs().max()) <= 3 * max(scale, 1.0) + 1e-4
    assert float(resized.depth.nan_to_num(1.0).max()) <= 1.5 + 1e-4
    assert set(resized.valid.unique().tolist()) <= {0.0, 1.0}


def test_a_pixel_is_known_when_half_of_what_it_covers_was() -> None:
    valid = torch.tensor([[1.0, 0, 0, 0], [1.0, 0, 0, 0], [1.0, 1, 1, 0], [1.0, 1, 0, 0]])[None, None]
    disparity = torch.where(valid > 0, 4.0, torch.nan)
    sample = Sample(torch.ones_like(valid), torch.ones_like(valid), disparity, valid)
    # An area mean over 2×2 has shares 1/2, 0 / 1, 1/4; torch's triangle filter looks wider, so compare large blocks.
    large = sample.map(lambda t: t.repeat_interleave(16, -1).repeat_interleave(16, -2))
    small = resize(large, 1 / 16)
    assert small.valid[0, 0].tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 0, 0]]
    assert small.disparity[0, 0, 0, 0] == pytest.approx(4.0 / 16)


def test_depth_is_averaged_as_inverse_depth_and_infinity_is_a_depth() -> None:
    depth = torch.tensor([[1.0, torch.inf], [torch.nan, torch.nan]]).repeat_interleave(8, 0).repeat_interleave(8, 1)
    ones = torch.ones(1, 1, 16, 16)
    sample = Sample(ones, ones, ones, ones, depth=depth[None, None])
    two = resize_to(sample, (2, 2)).depth[0, 0]
    assert two[0, 0] == pytest.approx(1 / 0.857143, rel=1e-4), "six sevenths at 1 m, the rest sky"
    assert torch.isnan(two[1]).all()
    assert torch.isinf(resize_to(sample, (8, 8)).depth[0, 0, 0, -1])


def test_views_of_a_light_field_are_resized_like_the_picture_they_belong_to() -> None:
    sample = full_sample(size=(8, 12))
    same_as_rgb = replace(sample, views=sample.rgb[:, None].repeat(1, 4, 1, 1, 1))
    resized = check(resize(same_as_rgb, 0.5))
    for view in range(4):
        torch.testing.assert_close(resized.views[:, view], resized.rgb)


def test_a_turn_takes_a_view_below_to_the_right_and_one_to_the_right_to_above() -> None:
    portrait = full_sample(axis="vertical", offsets=((0.0, 1.0), (1.0, 0.0)))
    turned = with_horizontal_axis(portrait)
    assert turned.view_offsets == ((1.0, 0.0), (0.0, -1.0))
    assert turned.size == (8, 6)
    assert with_horizontal_axis(turned) is turned


def test_turned_light_field_views_move_as_their_offsets_say() -> None:
    """A near point seen from further right lies further left, before and after the turn."""
    y, x = np.mgrid[:21, :21]

    def spot(u: float, v: float) -> torch.Tensor:
        picture = np.exp(-((x - 10 + 3 * u) ** 2 + (y - 10 + 3 * v) ** 2) / 4)
        return torch.from_numpy(picture).float()[None].repeat(3, 1, 1)

    offsets = ((1.0, 0.0), (0.0, 1.0), (-1.0, 2.0))
    plane = torch.ones(1, 1, 21, 21)
    sample = Sample(plane, plane, plane, plane, "vertical", view_offsets=offsets)
    sample = replace(sample, views=torch.stack([spot(u, v) for u, v in offsets])[None])
    for changed in (with_horizontal_axis(sample), flip_along_axis(sample), flip_across_axis(sample)):
        for view, (u, v) in zip(changed.views[0, :, 0], changed.view_offsets, strict=True):
            row, column = divmod(int(view.argmax()), 21)
            assert (column, row) == (10 - 3 * u, 10 - 3 * v)


def test_crops_of_misregistered_samples_are_refused_and_what_is_foreign_can_be_left_out() -> None:
    sample = full_sample(offsets=())
    large = torch.ones(1, 1, 12, 16)
    truth = {"disparity": large, "valid": large, "depth": None, "confidence": None, "occluded": None}
    foreign = replace(sample, rgb=torch.ones(1, 3, 12, 16), rgb_registered=False, truth_registered=False, **truth)
    with pytest.raises(DpocketError, match="cannot crop s0-0: its rgb and truth lie on another grid"):
        crop(foreign, 0, 0, (2, 2))
    alone = check(without_unregistered(foreign))
    assert alone.rgb is None
    assert float(alone.valid.max()) == 0
    assert crop(alone, 0, 0, (2, 2)).size == (2, 2)
    half = check(resize(foreign, 0.5))
    assert (half.size, tuple(half.rgb.shape[-2:]), tuple(half.disparity.shape[-2:])) == ((3, 4), (6, 8), (6, 8))
