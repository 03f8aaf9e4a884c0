"""Forms in depth: planes are affine in inverse depth, rooms hollow, solids bulging."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.dice import Dice, pixel_grid
from training.surfaces import BACKGROUNDS, OBJECTS, cylinder, ground, relief, room, slanted, sphere, two_faces

FORMS = {**OBJECTS, **BACKGROUNDS}


def dice(batch: int = 6, seed: int = 0) -> Dice:
    return Dice(torch.Generator().manual_seed(seed), batch)


def grid(batch: int, side: int = 41) -> tuple[torch.Tensor, torch.Tensor]:
    y, x = (2 * t.expand(batch, side, side) / side for t in pixel_grid(side, side, torch.device("cpu")))
    return y, x


def bends(stands_out: torch.Tensor) -> torch.Tensor:
    """Second differences along rows."""
    return stands_out[:, :, 2:] - 2 * stands_out[:, :, 1:-1] + stands_out[:, :, :-2]


@pytest.mark.parametrize("form", [form for form, _ in FORMS.values()])
def test_forms_stay_within_their_depth(form) -> None:
    found = form(dice(32), *grid(32))
    assert found.shape == (32, 41, 41)
    assert -1.01 < float(found.min()) <= float(found.max()) < 1.01


def test_slanted_planes_are_affine() -> None:
    found = slanted(dice(8), *grid(8))
    assert float(bends(found).abs().max()) < 1e-5
    assert float(bends(found.mT).abs().max()) < 1e-5
    assert float(found.std()) > 0.1


def test_balls_and_pipes_are_those_of_geometry() -> None:
    v, u = grid(1)
    ball, pipe = (form(dice(1), v, u).abs() for form in (sphere, cylinder))
    np.testing.assert_allclose(ball[0, 20], np.sqrt(np.clip(1 - u[0, 20].numpy() ** 2, 0, None)), atol=1e-5)
    np.testing.assert_allclose(pipe[0, :, 5], np.sqrt(np.clip(1 - v[0, :, 5].numpy() ** 2, 0, None)), atol=1e-5)
    assert float(pipe.diff(dim=2).abs().max()) < 1e-6


def test_rooms_are_hollow_and_boxes_are_not() -> None:
    """The maximum of planes bends towards the camera only, the minimum away from it."""
    assert float(bends(room(dice(16), *grid(16))).min()) > -1e-5
    assert float(bends(two_faces(dice(16), *grid(16))).max()) < 1e-5


def test_ground_rises_towards_the_camera_below_the_line_where_it_meets_the_wall() -> None:
    found = ground(dice(64), *grid(64))
    assert torch.all(found.diff(dim=1) >= 0)
    column = found[:, :, 20]
    inside = (column[:, :-2] > 0.01) & (column[:, 2:] < 0.99)
    second = column[:, 2:] - 2 * column[:, 1:-1] + column[:, :-2]
    assert float(second[inside].abs().max()) < 1e-5
    assert 0.2 < float((column == 0).float().mean()) < 0.8


def test_forms_do_not_go_on_outside_of_their_object() -> None:
    v, u = grid(40)
    wide = relief(dice(40), OBJECTS, 30 * v, 30 * u)
    assert float(wide.abs().max()) <= 1.01
