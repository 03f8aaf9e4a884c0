"""The gain field of each view against the deviations that it is drawn with: constant, plane and bend."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.data.augment import Augmentation, augment
from training.data.sample import Sample

NOTHING = Augmentation(
    flip=0.0,
    gain=0.0,
    gain_slope=0.0,
    gain_bend=0.0,
    gain_tail=0.0,
    rim=0.0,
    jitter=0.0,
    veil=0.0,
    noise=0.0,
    tone=0.0,
    eight_bit=0.0,
)


def gain_ratios(batch: int, size: tuple[int, int], **deviations: float) -> torch.Tensor:
    """(B, H, W) log of the left over the right gain, drawn with the given deviations and nothing else."""
    grey = Sample(*(torch.full((batch, 1, *size), 0.01) for _ in range(4)))
    out = augment(grey, replace(NOTHING, **deviations), torch.Generator().manual_seed(7))
    assert float(torch.maximum(out.left.max(), out.right.max())) < 1, "nothing was clipped"
    return torch.log(out.left / out.right)[:, 0].double()


def test_gain_of_a_view_is_constant_over_the_picture_with_the_stated_deviation() -> None:
    ratio = gain_ratios(1000, (4, 6), gain=0.1)
    assert float((ratio - ratio[:, :1, :1]).abs().max()) < 1e-5
    # Two independent views; four standard errors of a mean and of a deviation.
    assert float(ratio[:, 0, 0].mean()) == pytest.approx(0, abs=4 * 0.1 * math.sqrt(2 / 1000))
    assert float(ratio[:, 0, 0].std()) == pytest.approx(0.1 * math.sqrt(2), rel=4 / math.sqrt(2 * 1000))


def test_gain_slopes_by_its_deviation_in_100_px_along_the_rows_and_half_of_it_down_the_columns() -> None:
    ratio = gain_ratios(400, (51, 101), gain_slope=0.04)
    across, down = ratio[:, 25, 100] - ratio[:, 25, 0], 2 * (ratio[:, 50, 50] - ratio[:, 0, 50])
    for slope, expected in ((across, 0.04), (down, 0.02)):
        assert float(slope.std()) == pytest.approx(expected * math.sqrt(2), rel=4 / math.sqrt(2 * 400))
    assert abs(np.corrcoef(across, down)[0, 1]) < 4 / math.sqrt(400)
    torch.testing.assert_close(ratio[:, 25, 100] + ratio[:, 25, 0], 2 * ratio[:, 25, 50], rtol=0, atol=1e-5)
    corners = ratio[:, [0, 50], [0, 100]].sum(1) - ratio[:, [0, 50], [100, 0]].sum(1)
    torch.testing.assert_close(corners, torch.zeros_like(corners), rtol=0, atol=1e-5)


def test_gain_bends_between_nine_independent_knots_of_the_stated_deviation() -> None:
    ratio = gain_ratios(400, (41, 61), gain_bend=0.01)
    knots = ratio[:, [0, 20, 40]][:, :, [0, 30, 60]].flatten(1)
    assert float(knots.std()) == pytest.approx(0.01 * math.sqrt(2), rel=4 / math.sqrt(2 * 9 * 400))
    others = np.corrcoef(knots.T) - np.eye(9)
    assert np.abs(others).max() < 4 / math.sqrt(400)
    # Between knots at a distance of 20 px nothing steps: a knot's deviation is spread over them.
    assert float(ratio.diff(dim=1).abs().max()) < 0.01


def test_vignetting_is_smooth_and_differs_between_the_views() -> None:
    flat_grey = Sample(*(torch.full((8, 1, 64, 64), 0.1) for _ in range(4)))
    vignetted = replace(NOTHING, gain=0.12, gain_slope=0.04, gain_bend=0.01)
    out = augment(flat_grey, vignetted, torch.Generator().manual_seed(3))
    ratio = torch.log(out.left / out.right)
    unclipped = (out.left.amax((1, 2, 3)) < 0.999) & (out.right.amax((1, 2, 3)) < 0.999)
    assert int(unclipped.sum()) >= 3
    ratio = ratio[unclipped]
    assert float(ratio.abs().mean()) > 0.03
    assert float(ratio.diff(dim=-1).abs().max()) < 0.1
    assert float(ratio.diff(dim=-2).abs().max()) < 0.1


def test_a_rim_darkens_one_end_of_the_rows_and_leaves_the_rest() -> None:
    grey = Sample(*(torch.full((600, 1, 3, 200), 0.01) for _ in range(4)))
    out = augment(grey, replace(NOTHING, rim=0.5), torch.Generator().manual_seed(2))
    loss = -torch.log(out.left / out.left.amax((2, 3), keepdim=True))[:, 0, 1].double()
    ends = loss[:, [0, -1]]
    lit = ends.min(1).values
    assert float(lit.max()) < 0.4 * math.exp(-199 / 32) + 1e-6
    dark = ends.max(1).values
    assert 0.39 < float(dark.max()) <= 0.4
    # Half of the samples have a rim, on either side, 0.2 deep on average.
    has = dark > 1e-4
    assert float(has.double().mean()) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(600))
    first = ends[has][:, 0] > ends[has][:, 1]
    assert float(first.double().mean()) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(300))
    assert float(dark[has].mean()) == pytest.approx(0.2, abs=4 * 0.4 / math.sqrt(12 * 300))
    # It falls by 1/e every so many px, from its end on.
    one = loss[has][0] if ends[has][0, 0] > ends[has][0, 1] else loss[has][0].flip(0)
    ratio = one[1:6] / one[:5]
    assert float(ratio.std()) < 1e-3
    assert math.exp(-1 / 4) <= float(ratio.mean()) <= math.exp(-1 / 32)


def test_a_tail_scales_the_field_of_a_view_by_a_log_normal_factor() -> None:
    plain, tailed = (gain_ratios(4000, (2, 2), gain=0.01, gain_tail=tail)[:, 0, 0] for tail in (0.0, 0.5))
    # A normal times exp(N(0, t)) has exp(2 t²) times its variance, and a kurtosis of 3 exp(4 t²) where it was 3.
    assert float(tailed.var() / plain.var()) == pytest.approx(math.exp(0.5), rel=0.15)
    kurtosis = float((tailed**4).mean() / tailed.var() ** 2)
    # The difference of two such views keeps half of the excess.
    assert kurtosis - 3 == pytest.approx((3 * math.exp(1.0) - 3) / 2, rel=0.5)


def test_stray_light_is_added_to_a_view_as_a_share_of_its_mean() -> None:
    step = torch.full((2000, 1, 2, 2), 0.002)
    step[..., 1] = 0.018
    grey = Sample(*(step.clone() for _ in range(4)))
    out = augment(grey, replace(NOTHING, veil=0.006), torch.Generator().manual_seed(5))
    contrast = (out.left[..., 1] - out.left[..., 0])[:, 0, 0].double()
    stray = (out.left[..., 0] + out.left[..., 1])[:, 0, 0].double() / 2 / contrast * 0.016 / 0.01 - 1
    assert float(stray.std()) == pytest.approx(0.006, rel=4 / math.sqrt(2 * 2000))
    assert float(stray.mean()) == pytest.approx(0, abs=4 * 0.006 / math.sqrt(2000))


def test_jitter_displaces_pixels_smoothly_by_the_stated_deviation_in_each_view_anew() -> None:
    ramp = 0.01 + 0.0001 * torch.arange(96.0).expand(400, 1, 96, 96)
    grey = Sample(*(ramp.clone() for _ in range(4)))
    plain = augment(grey, NOTHING, torch.Generator().manual_seed(6))
    out = augment(grey, replace(NOTHING, jitter=0.3), torch.Generator().manual_seed(6))
    slope = plain.left[:, :, :, 40:41] - plain.left[:, :, :, 39:40]
    moved, other = ((after - before) / slope for after, before in ((out.left, plain.left), (out.right, plain.right)))
    inner = moved[:, 0, 8:-8, 8:-8].double()
    # 0.3 times the square of a uniform number, whose mean square is 1/5, spread bilinearly, which leaves (2/3)² of it.
    assert float(inner.std()) == pytest.approx(0.3 * math.sqrt(1 / 5 * 4 / 9), rel=0.1)
    assert float(inner.mean()) == pytest.approx(0, abs=0.01)
    assert abs(float((inner * other[:, 0, 8:-8, 8:-8].double()).mean())) < 0.05 * float(inner.square().mean())
    steps = inner.diff(dim=-1).square().mean() / inner.square().mean()
    assert float(steps) < 0.2  # independent pixels would give 2
    assert torch.equal(out.disparity, plain.disparity)
