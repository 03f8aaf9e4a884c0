"""Photometric, smoothness and consistency losses against numpy, numbers by hand, and what they are for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from flat_scenes import smooth_texture
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from training.losses import (
    consistency_loss,
    image_loss,
    photometric_error,
    self_supervised_loss,
    smoothness_loss,
    structural_dissimilarity,
)
from training.losses.photometric import photometric_errors
from training.losses.self_supervised import NOTHING, RELEASED, SelfSupervision
from training.warp import pyramid

Plane = NDArray[np.float64]


def ssim(a: Plane, b: Plane) -> Plane:
    """Wang et al.'s index over 3×3 windows by scipy's running means; "mirror" repeats no edge."""

    def mean(plane: Plane) -> Plane:
        found: Plane = uniform_filter(plane, 3, mode="mirror")
        return found

    ma, mb = mean(a), mean(b)
    va, vb, covariance = mean(a**2) - ma**2, mean(b**2) - mb**2, mean(a * b) - ma * mb
    c1, c2 = 1e-4, 9e-4
    return (2 * ma * mb + c1) * (2 * covariance + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))


def test_structural_dissimilarity_equals_scipys_running_windows() -> None:
    a, b = np.random.default_rng(0).random((2, 1, 2, 12, 17))
    found = structural_dissimilarity(torch.from_numpy(a).float(), torch.from_numpy(b).float())
    expected = [np.clip((1 - ssim(x, y)) / 2, 0, 1) for x, y in zip(a[0], b[0], strict=True)]
    np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-5)


def test_structural_dissimilarity_of_two_flat_pictures_by_hand() -> None:
    """Without contrast only the means speak: SSIM = (2·0.2·0.6 + c1) / (0.04 + 0.36 + c1)."""
    found = structural_dissimilarity(torch.full((1, 1, 4, 4), 0.2), torch.full((1, 1, 4, 4), 0.6))
    expected = (1 - (0.24 + 1e-4) / (0.40 + 1e-4)) / 2
    torch.testing.assert_close(found, torch.full((1, 1, 4, 4), expected), rtol=1e-3, atol=0)


def test_photometric_error_weighs_structure_and_difference_85_to_15() -> None:
    found = photometric_error(torch.full((1, 3, 4, 4), 0.2), torch.full((1, 3, 4, 4), 0.6))
    structure = (1 - (0.24 + 1e-4) / (0.40 + 1e-4)) / 2
    assert found.shape == (1, 1, 4, 4)
    assert float(found.mean()) == pytest.approx(0.85 * structure + 0.15 * 0.4, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_photometric_error_is_symmetric_within_0_and_1_and_zero_for_equal_pictures(seed: int) -> None:
    a, b = torch.rand(2, 1, 2, 6, 7, generator=torch.Generator().manual_seed(seed))
    error = photometric_error(a, b)
    torch.testing.assert_close(error, photometric_error(b, a), rtol=0, atol=1e-6)
    assert 0.0 <= float(error.min()) <= float(error.max()) <= 1.0
    assert float(photometric_error(a, a).max()) < 1e-5


def shifted_pair(px: int, size: tuple[int, int] = (16, 64)) -> tuple[torch.Tensor, torch.Tensor]:
    """Left and right view of a wall at a disparity of `px`, (1, 1, H, W)."""
    wide = smooth_texture((size[0], 256), 1.5)
    return wide[None, None, :, 64 : 64 + size[1]], wide[None, None, :, 64 + px : 64 + px + size[1]]


@pytest.mark.parametrize("channel", [0, 1])
def test_image_loss_is_least_at_the_true_disparity_of_either_view(channel: int) -> None:
    left, right = shifted_pair(4)
    losses = []
    for px in (-4.0, 2.0, 3.0, 4.0, 5.0, 6.0):
        disparity = torch.full((1, 2, 16, 64), 4.0 / 64)
        disparity[:, channel] = px / 64
        losses.append(float(image_loss(photometric_errors([disparity], [left], [right]))[0]))
    assert min(losses) == losses[3]
    assert losses[0] > 3 * losses[3]
    assert losses[3] < 0.1


def test_errors_come_per_scale_with_the_left_view_first() -> None:
    left, right = shifted_pair(4)
    only_left = torch.tensor([4.0 / 64, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 16, 64)
    errors = photometric_errors([only_left, only_left[..., ::2, ::2]], pyramid(left, 2), pyramid(right, 2))
    assert [tuple(e.shape) for e in errors] == [(1, 2, 16, 64), (1, 2, 8, 32)]
    for error in errors:
        assert float(error[:, 0, :, 8:].mean()) < 0.1 * float(error[:, 1, :, 8:].mean())
    loss, figures = image_loss(errors)
    by_hand = sum(float(e[:, side].mean()) for e in errors for side in (0, 1))
    assert float(loss) == pytest.approx(by_hand, rel=1e-5)
    assert float(figures["image_finest"]) == pytest.approx(float(errors[0].mean((0, 2, 3)).sum()), rel=1e-6)


def test_smoothness_of_a_plane_is_zero_and_of_a_parabola_its_curvature() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(9.0), indexing="ij")
    grey = torch.full((1, 3, 6, 9), 0.5)
    plane = (0.01 * x - 0.02 * y).expand(1, 2, 6, 9)
    assert float(smoothness_loss([plane], [grey], [grey])[0]) == pytest.approx(0, abs=1e-7)
    bowl = torch.stack([0.01 * x**2, 0.03 * x**2])[None]
    # Second differences are 0.02 and 0.06; at the second scale they weigh half.
    assert float(smoothness_loss([bowl], [grey], [grey])[0]) == pytest.approx(0.08, rel=1e-4)
    assert float(smoothness_loss([bowl, bowl], [grey] * 2, [grey] * 2)[0]) == pytest.approx(0.12, rel=1e-4)


def test_smoothness_counts_bending_along_y_as_along_x() -> None:
    """The released code sums the first half of [along x, along y]: nothing is smooth along y there."""
    row = torch.tensor([0.0, 0.0, 0.1, 0.0, 0.0])
    along_x = row.expand(1, 2, 5, 5)
    grey = torch.full((1, 1, 5, 5), 0.5)
    found = [float(smoothness_loss([d], [grey], [grey])[0]) for d in (along_x, along_x.mT)]
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[0] == pytest.approx(2 * (0.1 + 0.2 + 0.1) / 3, rel=1e-5)


def test_disparity_may_bend_where_the_picture_does() -> None:
    """A step of 0.4 in all channels has second differences of 0.4: the weight is exp(-0.4) there."""
    step = torch.cat([torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.4)], 3)
    disparity = torch.cat([torch.zeros(1, 2, 4, 4), torch.full((1, 2, 4, 4), 0.1)], 3)
    at_edge, beside = (
        smoothness_loss([disparity], [step], [step])[0],
        smoothness_loss([disparity], [0 * step] * 1, [0 * step])[0],
    )
    assert float(at_edge / beside) == pytest.approx(math.exp(-0.4), rel=1e-4)


def test_consistent_disparities_of_a_step_cost_only_what_is_hidden() -> None:
    """Background 2 px, foreground 6 px at x_left ≥ 32: in the right view the edge is at 26."""
    left, right = torch.full((2, 1, 1, 4, 64), 2 / 64)
    left[..., 32:], right[..., 26:] = 6 / 64, 6 / 64
    loss, _ = consistency_loss([torch.cat([left, right], 1)])
    # Left background 28..31, hidden from the right camera, looks into the foreground: four of 64 columns, 4 px wrong.
    assert float(loss) == pytest.approx(4 / 64 * 4 / 64, rel=1e-3)
    swapped, _ = consistency_loss([torch.cat([right, left], 1)])
    assert float(swapped) > 1.5 * float(loss)


def test_self_supervision_adds_weighted_parts_and_skips_what_weighs_nothing() -> None:
    generator = torch.Generator().manual_seed(5)
    lefts, rights = (pyramid(torch.rand(1, 3, 16, 32, generator=generator), 2) for _ in range(2))
    disparities = [0.1 * torch.rand(1, 2, 16 >> i, 32 >> i, generator=generator) for i in range(2)]
    image = image_loss(photometric_errors(disparities, lefts, rights))[0]
    smoothness, consistency = smoothness_loss(disparities, lefts, rights)[0], consistency_loss(disparities)[0]
    loss, figures = self_supervised_loss([disparities], lefts, rights, RELEASED)
    torch.testing.assert_close(loss, image + 0.5 * smoothness + 1.0 * consistency)
    assert {k: float(v) for k, v in figures.items() if k != "image_finest"} == pytest.approx(
        {"image": float(image), "smoothness": float(smoothness), "consistency": float(consistency)}
    )
    assert self_supervised_loss([disparities], lefts, rights, NOTHING) == (0.0, {})
    assert self_supervised_loss([disparities], lefts, rights, SelfSupervision(0, 1, 0))[1].keys() == {"smoothness"}


def test_image_and_consistency_are_means_over_recursions_and_smoothness_is_the_last_ones() -> None:
    generator = torch.Generator().manual_seed(6)
    left, right = torch.rand(2, 1, 1, 8, 32, generator=generator)
    first, last = ([0.1 * torch.rand(1, 2, 8, 32, generator=generator)] for _ in range(2))

    def loss(*recursions: list[torch.Tensor], **weights: float) -> float:
        chosen = SelfSupervision(**{"image": 0.0, "smoothness": 0.0, "consistency": 0.0, **weights})
        return float(self_supervised_loss(recursions, [left], [right], chosen)[0])

    for name in ("image", "consistency"):
        one = {name: 1.0}
        assert loss(first, last, **one) == pytest.approx((loss(first, **one) + loss(last, **one)) / 2, rel=1e-5)
    assert loss(first, last, smoothness=1.0) == pytest.approx(loss(last, smoothness=1.0), rel=1e-6)


@pytest.mark.parametrize("name", ["image", "smoothness", "consistency"])
def test_gradients_equal_finite_differences(name: str) -> None:
    """In float32, of the loss along a random direction."""
    generator = torch.Generator().manual_seed(7)
    left, right = smooth_texture((12, 40), 2.0)[None, None], smooth_texture((12, 40), 2.0, 1)[None, None]
    weights = SelfSupervision(**{"image": 0.0, "smoothness": 0.0, "consistency": 0.0, name: 1.0})
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(40.0), indexing="ij")
    disparity = (0.06 + 0.01 * torch.sin(x / 5 + y / 3)).expand(1, 2, 12, 40).clone().requires_grad_()
    direction = torch.rand(1, 2, 12, 40, generator=generator)

    def loss(d: torch.Tensor) -> torch.Tensor:
        return self_supervised_loss([[d]], [left], [right], weights)[0]

    loss(disparity).backward()
    assert disparity.grad is not None
    with torch.no_grad():
        step = 1e-4
        numeric = float(loss(disparity + step * direction) - loss(disparity - step * direction)) / (2 * step)
    assert float((disparity.grad * direction).sum()) == pytest.approx(numeric, rel=0.05, abs=2e-3)
