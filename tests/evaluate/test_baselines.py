"""The yardsticks measure x_left - x_right on a pair whose disparity is known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.baselines import BASELINES


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize("disparity", [2.5, -4.0])
def test_a_plane_is_measured_with_its_sign(name: str, disparity: float) -> None:
    scene = gaussian_filter(np.random.default_rng(0).random((120, 200)), 1.5)
    scene = ((scene - scene.min()) / np.ptp(scene)).astype(np.float32)
    left, right = (shift(scene, (0, s * disparity / 2), order=1, mode="nearest") for s in (1, -1))
    inner = BASELINES[name](left, right)[20:-20, 40:-40]
    assert inner.dtype == np.float32
    # Semi-global matching is drawn towards whole pixels by its integer costs.
    assert float(np.median(inner)) == pytest.approx(disparity, abs=0.25)
