"""Every reader that fits a source of the pack of real captures opens all of it, and its truth has the right sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.stats import spearmanr

from training.data.datasets import DATASETS
from training.data.datasets.frames import Readable
from training.data.geometry import resize_to, with_horizontal_axis
from training.data.sample import Sample

CASES: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("cmu", "cmu-pixel4", "all", {}, 3),
    ("dp119", "sdirt-dp119", "all", {}, 9),
    ("google", "cca-public/DP_data_example/google2019", "test", {}, 1),
    ("dp-disp", "cca-public/DP_data_example", "all", {}, 1),
    ("middlebury", "cca-public/Stereo_data_example", "trainingQ", {}, 2),
    ("light-field", "lightfield-lytro", "all", {"views": 3}, 1),
    ("plain", "cca-public/CSGM", "all", {}, 1),
]


@pytest.mark.parametrize(("name", "folder", "split", "options", "count"), CASES, ids=[c[0] for c in CASES])
def test_every_frame_of_the_source_is_read(
    captures_root: Path, name: str, folder: str, split: str, options: dict[str, Any], count: int
) -> None:
    readable = Readable(DATASETS[name].open(captures_root / folder, split, **options))
    read = 0
    for sample in readable:
        read += 1
        assert 0.001 < float(sample.left.mean()) < 1
        assert sample.left.shape == sample.right.shape
    assert (read, readable.skipped) == (count, ())


def matched(sample: Sample, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Disparity of blocks by exhaustive search over subpixel shifts, and where the blocks have texture."""
    left, right = (gaussian_filter(np.log(v[0, 0].numpy() + 0.02), 1.0) for v in (sample.left, sample.right))
    left, right = (v - uniform_filter(v, 31) for v in (left, right))
    shifts = np.linspace(-reach, reach, 33)
    columns = np.arange(left.shape[1])
    costs = []
    for d in shifts:
        moved = np.stack([np.interp(columns - d, columns, row) for row in right])
        costs.append(uniform_filter((left - moved) ** 2, 25))
    best = shifts[np.argmin(costs, axis=0)]
    return best, uniform_filter(left**2, 25) > 2e-3


@pytest.mark.parametrize(
    ("name", "folder", "index", "width", "reach"),
    [
        ("cmu", "cmu-pixel4", 0, 504, 4.0),
        ("dp119", "sdirt-dp119", 0, 384, 3.0),
        ("google", "cca-public", 0, 756, 1.5),
        ("dp-disp", "cca-public", 0, 518, 5.0),
    ],
)
def test_truth_of_real_captures_grows_with_the_disparity_that_matching_finds(
    captures_root: Path, name: str, folder: str, index: int, width: int, reach: float
) -> None:
    """The unit "affine" promises a positive slope: a dataset whose code was turned the wrong way fails here."""
    sample = with_horizontal_axis(DATASETS[name].open(captures_root / folder)[index])
    height = round(sample.size[0] * width / sample.size[1])
    small = resize_to(sample, (height, width))
    found, textured = matched(small, reach)
    use = textured & (small.valid[0, 0].numpy() > 0)
    use[:, :20] = use[:, -20:] = False
    assert use.mean() > 0.01
    rank = spearmanr(found[use], small.disparity[0, 0].numpy()[use]).statistic
    assert rank > 0.3


def test_stereo_truth_warps_the_right_picture_onto_the_left_one(captures_root: Path) -> None:
    for sample in Readable(DATASETS["middlebury"].open(captures_root / "cca-public", "trainingQ")):
        left, right = (v[0, 0].double() for v in (sample.left, sample.right))
        x = torch.arange(left.shape[1])[None] - sample.disparity[0, 0].double()
        low = x.floor().clamp(0, left.shape[1] - 2).long()
        share = (x - low).clamp(0, 1)
        warped = torch.gather(right, 1, low) * (1 - share) + torch.gather(right, 1, low + 1) * share
        seen = (sample.valid[0, 0] > 0) & (sample.occluded[0, 0] == 0)
        as_it_is, unwarped = ((left - other)[seen].abs().mean() for other in (warped, right))
        assert float(as_it_is) < 0.35 * float(unwarped)
        assert 0.5 < float(sample.depth[seen[None, None]].median()) < 10


def test_views_of_the_lytro_light_field_agree_with_the_pair_made_from_them(captures_root: Path) -> None:
    sample = DATASETS["light-field"].open(captures_root / "lightfield-lytro", views=7)[0]
    assert sample.views.shape == (1, 49, 3, 383, 552)
    assert set(sample.view_offsets) == {(float(u), float(v)) for u in range(-3, 4) for v in range(-3, 4)}
    grey = (sample.views * torch.tensor([0.25, 0.5, 0.25]).view(1, 1, 3, 1, 1)).sum(2)
    at = {offset: grey[0, i] for i, offset in enumerate(sample.view_offsets)}
    torch.testing.assert_close(sample.left[0, 0], (at[0.0, 0.0] + at[-1.0, 0.0]) / 2, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(sample.right[0, 0], (at[0.0, 0.0] + at[1.0, 0.0]) / 2, rtol=1e-4, atol=1e-5)
