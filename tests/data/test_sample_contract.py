"""The contract of samples: what it refuses, what it lets through, and how several become one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from random_samples import full_sample, same

from runtime_py.errors import DpocketError
from training.data.sample import PLANES, Sample, check, concatenate


def test_a_whole_sample_passes_unchanged() -> None:
    sample = full_sample(batch=2)
    assert check(sample) is sample
    assert set(sample.planes()) == set(PLANES)


def _with_hole(value: float) -> torch.Tensor:
    plane = torch.ones(1, 1, 6, 8)
    plane[0, 0, 2, 3] = value
    return plane


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"unit": "mm"}, "'mm'"),
        ({"pair": "trinocular"}, "'trinocular'"),
        ({"dp_axis": "diagonal"}, "'diagonal'"),
        ({"left": torch.ones(6, 8)}, "left is .6, 8."),
        ({"right": torch.ones(1, 1, 6, 9)}, "right is .1, 1, 6, 9."),
        ({"rgb": torch.ones(1, 1, 6, 8)}, "rgb is"),
        ({"views": torch.ones(1, 3, 3, 6, 8)}, "views is"),
        ({"views": None}, "4 view_offsets and no views"),
        ({"left": _with_hole(torch.inf)}, "left has values that are not finite"),
        ({"valid": _with_hole(1.5)}, "valid has values outside of 0..1"),
        ({"confidence": _with_hole(-0.5)}, "confidence has values outside"),
        ({"valid": torch.ones(1, 1, 6, 8), "disparity": _with_hole(torch.nan)}, "disparity is not finite"),
        ({"depth": _with_hole(0.0)}, "depth is not positive"),
        ({"time": torch.ones(3)}, "time is .3,."),
        ({"names": ("a", "b")}, "batch 1 has 2 names"),
        ({"truth_registered": False}, "then so does its rgb"),
        ({"rgb": None, "rgb_registered": False}, "no rgb"),
    ],
)
def test_a_broken_sample_is_refused_with_the_member_that_breaks_it(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DpocketError, match=sentence):
        check(replace(full_sample(), **change))


def test_unknown_truth_may_be_anything_and_depth_may_be_infinite() -> None:
    sample = full_sample()
    assert not torch.isfinite(sample.disparity).all()
    check(replace(sample, depth=torch.full_like(sample.left, torch.inf)))


def test_truth_on_the_colour_pictures_grid_has_its_size() -> None:
    sample = full_sample(offsets=())
    large = torch.ones(1, 1, 12, 16)
    foreign = replace(
        sample,
        rgb=torch.ones(1, 3, 12, 16),
        disparity=large,
        valid=large,
        depth=large,
        confidence=large,
        occluded=large,
    )
    check(replace(foreign, rgb_registered=False, truth_registered=False))
    with pytest.raises(DpocketError, match=r"disparity is .1, 1, 12, 16."):
        check(replace(foreign, rgb_registered=False))


def test_map_changes_every_picture_and_nothing_else() -> None:
    sample = full_sample(batch=2)
    doubled = sample.map(lambda t: 2 * t)
    for name in PLANES:
        assert torch.equal(getattr(doubled, name).nan_to_num(), 2 * getattr(sample, name).nan_to_num())
    assert torch.equal(doubled.time, sample.time)
    assert doubled.names == sample.names
    bare = Sample(*(torch.ones(1, 1, 2, 2) for _ in range(4))).map(lambda t: 3 * t)
    assert bare.rgb is None


def test_concatenation_keeps_order_names_and_times() -> None:
    parts = [full_sample(seed, batch=n) for seed, n in ((1, 2), (2, 1))]
    whole = check(concatenate(parts))
    assert whole.names == ("s1-0", "s1-1", "s2-0")
    assert torch.equal(whole.views[2], parts[1].views[0])
    assert whole.time.tolist() == pytest.approx([0, 1 / 30, 0])
    assert same(concatenate(parts[1:]), parts[1])


def test_a_member_that_one_sample_lacks_is_left_out_of_the_batch() -> None:
    poor = replace(full_sample(1), rgb=None, time=None)
    whole = concatenate([full_sample(0), poor])
    assert whole.rgb is None
    assert whole.time is None
    assert whole.depth is not None


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "affine"},
        {"pair": "stereo"},
        {"dp_axis": "vertical"},
        {"rgb_registered": False},
        {"view_offsets": ((9.0, 9.0),) * 4},
    ],
)
def test_samples_of_different_kinds_make_no_batch(change: dict[str, Any]) -> None:
    with pytest.raises(DpocketError, match=f"{next(iter(change))} differs"):
        concatenate([full_sample(0), replace(full_sample(1), **change)])


def test_samples_of_different_size_and_no_samples_make_no_batch() -> None:
    with pytest.raises(DpocketError, match=r"left differs in size .* crop them"):
        concatenate([full_sample(0), full_sample(1, size=(6, 9))])
    with pytest.raises(DpocketError, match="no samples"):
        concatenate([])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="page-locked memory needs a GPU")
def test_pinned_samples_are_in_page_locked_memory() -> None:
    pinned = full_sample().pin_memory()
    assert all(plane.is_pinned() for plane in pinned.planes().values())
    assert pinned.time.is_pinned()


def test_the_data_loader_pins_a_sample_by_its_own_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch looks for `pin_memory` on what a dataset yields; every tensor of the sample must go through it."""
    pinned: list[int] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tensor.data_ptr())
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    sample = full_sample()
    torch.utils.data._utils.pin_memory.pin_memory((sample, ()))
    expected = {plane.data_ptr() for plane in sample.planes().values()} | {sample.time.data_ptr()}
    assert set(pinned) == expected


def test_moving_to_a_device_moves_the_time_too() -> None:
    moved = full_sample().to("meta")
    assert all(plane.device.type == "meta" for plane in moved.planes().values())
    assert moved.time.device.type == "meta"
