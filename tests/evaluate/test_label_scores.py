"""Scores of stereo labels against hand-computed figures, and the bar of the classical teacher on real pairs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.labels import score
from runtime_py.captures.pfm import write_pfm
from training.data.datasets import dataset
from training.data.sample import Sample
from training.label import LabelJob, Shard, label_dataset


def test_errors_count_where_the_truth_is_known_and_both_cameras_see_it(tmp_path: Path) -> None:
    truth, valid, occluded = torch.full((1, 1, 1, 6), 10.0), torch.ones(1, 1, 1, 6), torch.zeros(1, 1, 1, 6)
    valid[..., 4], occluded[..., 5] = 0, 1
    view = torch.zeros_like(truth)
    sample = Sample(view, view, truth, valid, pair="stereo", occluded=occluded, names=("a",))
    write_pfm(tmp_path / "a.pfm", np.array([[10.5, 8.0, 13.0, np.inf, 99, 99]]))
    # Errors .5, 2 (not above 2), 3, and 10 for the pixel without a label.
    assert score(sample, tmp_path) == (0.5, pytest.approx(15.5 / 4), 4)


def test_semi_global_matching_with_agreeing_views_beats_itself_without_on_middlebury(
    captures_root: Path, tmp_path: Path
) -> None:
    tree = captures_root / "cca-public" / "Stereo_data_example"
    assert label_dataset(LabelJob(tree, "sgbm", tmp_path), Shard()).labelled == 2
    frames = dataset("middlebury").open(tree)
    found = {name.rsplit("/", 1)[1]: score(frames[i], tmp_path) for i, name in enumerate(frames.names)}
    # OpenCV's matcher with all paths and holes filled by row, before both views were made to agree: bad-2, EPE.
    for scene, (bad, epe) in {"Teddy": (0.094, 0.94), "Piano": (0.201, 1.51)}.items():
        figures = found[scene]
        assert figures is not None
        assert figures[0] < bad
        assert figures[1] < epe
