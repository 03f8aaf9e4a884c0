"""From fractions of the width to metres, and the mean with a mirror image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from runtime_py.errors import ContractError
from runtime_py.metrics.score import score
from training.metric_depth import metric_depth, mirror_averaged


def test_depth_is_focal_times_baseline_over_disparity_in_px_of_the_truth() -> None:
    """KITTI: 721 px, 0.54 m, 1242 px wide; 38.934 px of disparity is 10 m."""
    fraction = torch.full((1, 2, 8, 16), 38.934 / 1242)
    depth = metric_depth(fraction, 721.0, 0.54, (375, 1242))
    assert depth.shape == (375, 1242)
    np.testing.assert_allclose(depth, 10.0, rtol=1e-6)


def test_only_the_left_disparity_counts() -> None:
    fraction = torch.full((1, 2, 4, 4), 0.1)
    fraction[:, 1] = 0.2
    np.testing.assert_allclose(metric_depth(fraction, 100.0, 1.0, (4, 100)), 10.0, rtol=1e-6)


def test_a_disparity_of_nothing_becomes_far_and_finite_and_is_scored_at_the_cap() -> None:
    depth = metric_depth(torch.zeros(1, 1, 4, 8), 721.0, 0.54, (100, 200))
    assert np.isfinite(depth).all()
    assert depth.min() > 80.0
    scored = score(depth, np.full((100, 200), 40.0), protocol="kitti")
    assert scored.figures["abs_rel"] == pytest.approx(1.0, rel=1e-6)  # |80 - 40| / 40


def test_a_perfect_disparity_scores_perfectly_under_kittis_protocol() -> None:
    truth = np.tile(np.linspace(5.0, 60.0, 200), (100, 1))
    fraction = torch.from_numpy(721.0 * 0.54 / truth / 200).float()[None, None]
    figures = score(metric_depth(fraction, 721.0, 0.54, truth.shape), truth, protocol="kitti").figures
    assert figures["abs_rel"] == pytest.approx(0, abs=1e-6)
    assert figures["a1"] == 1.0


def test_wrong_shapes_and_impossible_cameras_are_refused() -> None:
    with pytest.raises(ContractError, match=r"\(2, 2, 4, 4\)"):
        metric_depth(torch.zeros(2, 2, 4, 4), 1.0, 1.0, (4, 4))
    with pytest.raises(ContractError, match="baseline of 0 m"):
        metric_depth(torch.zeros(1, 2, 4, 4), 700.0, 0.0, (4, 4))


def test_mirror_mean_takes_the_edges_from_the_view_that_sees_them() -> None:
    straight, mirrored = torch.full((1, 1, 1, 101), 1.0), torch.full((1, 1, 1, 101), 3.0)
    found = mirror_averaged(straight, mirrored)[0, 0, 0]
    assert found[:6].tolist() == pytest.approx([3.0] * 6)
    assert found[-6:].tolist() == pytest.approx([1.0] * 6, rel=1e-5)
    assert found[20:80].tolist() == pytest.approx([2.0] * 60, rel=1e-5)
    marked = mirrored.clone()
    marked[..., 0] = 9.0
    assert float(mirror_averaged(straight, marked)[..., 98]) == 1.0
    marked[..., 60] = 9.0
    assert float(mirror_averaged(straight, marked)[..., 40]) == pytest.approx(5.0), "the mirrored map is turned back"
