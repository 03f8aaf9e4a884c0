"""Mistakes of the first paper's released code, each beside the right way; the check must fail on the mistake.

Every test states a law, shows that the project keeps it, and shows that the mistake, written out here, breaks it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import miniature_trees as trees
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flat_scenes import smooth_texture
from scipy.ndimage import shift as shifted

from benchmarks.block_matching import matched_disparity
from runtime_py.errors import DpocketError
from training.data.datasets import DATASETS
from training.data.geometry import flip_along_axis, resize
from training.data.sample import Sample
from training.data.windows import network_input

TRUE_DISPARITY = 2.0


def wall() -> Sample:
    """A textured wall at 2 px of disparity."""
    texture = smooth_texture((64, 240), grain=5.0, seed=7).numpy()
    views = [shifted(texture, (0, s * TRUE_DISPARITY), order=3, mode="nearest") for s in (0.5, -0.5)]
    left, right = (torch.from_numpy(v).float()[None, None] for v in views)
    return Sample(left, right, torch.full_like(left, TRUE_DISPARITY), torch.ones_like(left))


def truth_is_what_matching_finds(sample: Sample) -> bool:
    found = matched_disparity(sample.left[0, 0].numpy(), sample.right[0, 0].numpy())
    return abs(found - float(sample.disparity.mean())) < 0.05


# Trap 1: flips that do not swap the views.


def flip_without_swap(sample: Sample) -> Sample:
    return sample.map(lambda t: t.flip(-1))


def test_a_flip_along_the_axis_keeps_truth_true_and_one_without_the_swap_does_not() -> None:
    assert truth_is_what_matching_finds(wall())
    assert truth_is_what_matching_finds(flip_along_axis(wall()))
    assert not truth_is_what_matching_finds(flip_without_swap(wall()))


# Trap 2: disparity resized like a picture, its values left as they were.


def resize_without_rescaling(sample: Sample, scale: float) -> Sample:
    return sample.map(lambda t: F.interpolate(t, scale_factor=scale, mode="bilinear", antialias=True))


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_resizing_keeps_truth_true_and_one_that_forgets_the_values_does_not(scale: float) -> None:
    assert truth_is_what_matching_finds(resize(wall(), scale))
    assert not truth_is_what_matching_finds(resize_without_rescaling(wall(), scale))


# Trap 3: colour is rectified, the dual pixels are not, and a network is fed both.


def stack_without_asking(sample: Sample) -> torch.Tensor:
    """What the released loader did: both brought to one size, one above the other."""
    assert sample.rgb is not None
    rgb = F.interpolate(sample.rgb, size=sample.size, mode="bilinear")
    return torch.cat([rgb, sample.left, sample.right], dim=1)


def misregistration(stacked: torch.Tensor) -> float:
    """px between where colour and the pair show the same thing, along the rows."""
    colour, pair = stacked[0, 1], stacked[0, 3:5].mean(0)
    return abs(matched_disparity(colour.numpy(), pair.numpy()))


def _rectified_by(pixels: float) -> Sample:
    """A pair, and colour that rectification moved by `pixels` to the right."""
    sample = wall()
    texture = smooth_texture((64, 240), grain=5.0, seed=7).numpy()
    moved = torch.from_numpy(shifted(texture, (0, pixels), order=3, mode="nearest")).float()
    return replace(sample, rgb=moved.expand(1, 3, 64, 240), rgb_registered=pixels == 0)


def test_colour_is_stacked_on_the_pair_where_it_is_registered_and_refused_where_it_is_not() -> None:
    assert misregistration(network_input(_rectified_by(0.0), ("rgb", "left", "right"))) < 0.05
    with pytest.raises(DpocketError, match=r"cannot stack .* its rgb lie on another grid"):
        network_input(_rectified_by(6.0), ("rgb", "left", "right"))
    assert misregistration(stack_without_asking(_rectified_by(6.0))) > 5


def test_dpmv_says_that_its_colour_is_not_registered_with_its_pair(tmp_path: Path) -> None:
    sample = DATASETS["dpmv"].open(trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1))[0]
    assert not sample.rgb_registered
    with pytest.raises(DpocketError, match="give the dataset a registration"):
        network_input(sample, ("rgb", "left", "right"))
    assert stack_without_asking(sample).shape == (1, 5, 32, 24), "the released loader did not notice"


# Trap 4: stored values of dual-pixel JPEGs carry a square-root tone curve; the light-field code took them as light.


def light_as_stored(path: Path) -> np.ndarray:
    """What the released light-field loader did."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 0] / 255.0


def light_by_the_reader(path: Path) -> np.ndarray:
    root = path.parents[4]
    return DATASETS["dpmv"].open(root)[0].left[0, 0].numpy()


def test_twice_the_light_reads_as_twice_the_value_and_not_so_when_the_tone_curve_is_left_in(tmp_path: Path) -> None:
    """One scene at light 0.2 and 0.4 of full scale, each stored as sqrt(light · 65535)."""
    ratios = {}
    for read in (light_by_the_reader, light_as_stored):
        means = []
        for light in (0.2, 0.4):
            root = tmp_path / f"{read.__name__}-{light}"
            trees.dpmv(root, videos=trees.VIDEOS[:1], frames=1)
            stored = np.full((24, 32, 3), round(np.sqrt(light * 65535)), np.uint8)
            for file in (root / "unrectified" / "B").rglob("*.jpg"):
                cv2.imwrite(str(file), stored)
            left = next((root / "unrectified" / "B").rglob("*_left.jpg"))
            means.append(float(read(left).mean()))
        ratios[read.__name__] = means[1] / means[0]
    assert ratios["light_by_the_reader"] == pytest.approx(2.0, rel=0.02)
    assert ratios["light_as_stored"] == pytest.approx(np.sqrt(2), rel=0.02)
    assert abs(ratios["light_as_stored"] - 2.0) > 0.5


def test_defocus_mixes_light_and_not_stored_values(tmp_path: Path) -> None:
    """Half the aperture sees white, half black: 0.5 of the light. Averaged with the curve left in, it is 0.25."""
    root = trees.dpmv(tmp_path, videos=trees.VIDEOS[:1], frames=1)
    stripes = np.zeros((24, 32, 3), np.uint8)
    stripes[:, :16] = 255
    left = next((root / "unrectified" / "B").rglob("*_left.jpg"))
    for file in left.parent.glob("*.jpg"):
        cv2.imwrite(str(file), stripes, [cv2.IMWRITE_JPEG_QUALITY, 100])
    white = light_by_the_reader(left).max()
    assert light_by_the_reader(left).mean() / white == pytest.approx(0.5, abs=0.01)
    mixed_as_stored = light_as_stored(left).mean() ** 2
    assert mixed_as_stored == pytest.approx(0.25, abs=0.01)
