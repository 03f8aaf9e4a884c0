"""Losses against numbers computed by hand."""

from __future__ import annotations

import pytest
import torch

from training.losses import mean_absolute_disparity_error, scene_scaled_l1


def test_scene_scaled_l1_computed_by_hand() -> None:
    truth = torch.zeros(2, 1, 4, 4)
    truth[1, :, :, 2:] = 4.0
    prediction = torch.full((2, 1, 1, 1), 1.0)
    # Sample 0: |1 - 0| / (0 + 0.5) = 2. Sample 1: mean truth 2, sample deviation sqrt(64 / 15): 1 / (2.0656 + 0.5).
    expected = (2.0 + 1.0 / ((64 / 15) ** 0.5 + 0.5)) / 2
    assert float(scene_scaled_l1(prediction, truth, torch.ones_like(truth))) == pytest.approx(expected, rel=1e-5)


def test_scene_scaled_l1_is_zero_for_the_truth_itself_and_counts_both_signs_alike() -> None:
    coarse = torch.randn(2, 1, 3, 5, generator=torch.Generator().manual_seed(0))
    truth = coarse.repeat_interleave(4, -1).repeat_interleave(4, -2)
    ones = torch.ones_like(truth)
    assert float(scene_scaled_l1(coarse, truth, ones)) == pytest.approx(0, abs=1e-6)
    over, under = (float(scene_scaled_l1(coarse + e, truth, ones)) for e in (0.3, -0.3))
    assert over == pytest.approx(under, rel=1e-4)
    assert over > 0.1


def test_pixels_without_valid_truth_do_not_count() -> None:
    truth = torch.full((1, 1, 8, 8), 2.0)
    valid = torch.ones_like(truth)
    valid[..., :, 4:] = 0.0
    valid[..., :2, :2] = 0.0
    prediction = torch.tensor([[2.0, 99.0], [2.0, -99.0]])[None, None]
    assert float(scene_scaled_l1(prediction, truth, valid)) == pytest.approx(0, abs=1e-6)


def test_mean_absolute_disparity_error_is_in_px_of_the_full_width() -> None:
    truth = torch.full((1, 1, 8, 8), -1.5)
    assert mean_absolute_disparity_error(torch.full((1, 1, 2, 2), -1.0), truth) == pytest.approx(0.5)


def test_truth_that_is_not_valid_may_be_nan() -> None:
    disparity, valid = torch.rand(2, 1, 8, 8), torch.ones(2, 1, 8, 8)
    prediction = torch.zeros(2, 1, 2, 2)
    disparity[:, :, :4, :4] = torch.nan
    valid[:, :, :4, :4] = 0
    spoiled = disparity.nan_to_num(1e6)
    loss = scene_scaled_l1(prediction, disparity, valid)
    assert torch.isfinite(loss)
    assert loss == scene_scaled_l1(prediction, spoiled, valid)


def test_only_the_share_that_is_absolute_counts_an_offset_of_the_whole_sample() -> None:
    truth = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    valid = torch.ones_like(truth)
    moved = truth + torch.tensor([0.7, -0.2])[:, None, None, None]
    whole = float(scene_scaled_l1(moved, truth, valid))
    assert float(scene_scaled_l1(moved, truth, valid, absolute=0.0)) == pytest.approx(0, abs=1e-6)
    assert float(scene_scaled_l1(moved, truth, valid, absolute=0.3)) == pytest.approx(0.3 * whole, rel=1e-5)


def test_errors_less_their_mean_computed_by_hand_where_not_all_is_valid() -> None:
    truth, valid = torch.zeros(1, 1, 1, 4), torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]])
    prediction = torch.tensor([[[[1.0, 2.0, 6.0, 99.0]]]])
    # Errors 1, 2, 6 with mean 3: |-2| + |-1| + |3| = 6 over three pixels, by a softness of 0.2 and no spread.
    assert float(scene_scaled_l1(prediction, truth, valid, 0.2, 0.0)) == pytest.approx(6 / 3 / 0.2)
    assert float(scene_scaled_l1(prediction, truth, valid, 0.2, 0.5)) == pytest.approx((6 + 9) / 2 / 3 / 0.2)
