"""Draws, hashes and smooth fields that everything procedural is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.dice import Dice, hashed, rotated, smooth_field


def dice(batch: int = 6, seed: int = 0) -> Dice:
    return Dice(torch.Generator().manual_seed(seed), batch)


def by_hand(seed: int, *cells: int) -> float:
    """The same hash in Python's unbounded integers, modulo 2³²."""
    state = seed % 2**32
    for cell in cells:
        state = (state ^ (cell % 2**32)) * 1640531527 % 2**32
        state = (state ^ (state // 2**15)) * 625341585 % 2**32
        state = state ^ (state // 2**13)
    return (state // 2**8) / 2**24


def test_hash_is_plain_arithmetic_modulo_two_to_the_32() -> None:
    """Also with negative cells and words beyond 31 bits, where a device could overflow in its own way."""
    for seed, *cells in ([0, 0], [7, 1, 2], [2**32 - 1, -1, -5], [123456789, 2**31, -(2**20)]):
        found = hashed(torch.tensor(seed), *(torch.tensor(c) for c in cells))
        assert float(found) == by_hand(seed, *cells)


def test_hash_is_pinned() -> None:
    found = hashed(torch.tensor([1, 2, 3]), torch.tensor(4), torch.tensor(-5))
    assert found.dtype == torch.float32
    assert [round(float(f) * 2**24) for f in found] == [11140016, 5993847, 3817439]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_hash_is_the_same_on_a_gpu() -> None:
    cells = [torch.randint(-(2**20), 2**20, (4096,)) for _ in range(2)]
    there = hashed(torch.tensor(9, device="cuda"), *(c.cuda() for c in cells))
    assert torch.equal(hashed(torch.tensor(9), *cells), there.cpu())


def test_hash_of_neighbouring_cells_is_uniform_and_uncorrelated() -> None:
    y, x = torch.meshgrid(torch.arange(-100, 100), torch.arange(-100, 100), indexing="ij")
    field = hashed(torch.tensor(5), y, x).numpy()
    counts = np.histogram(field, 16, (0, 1))[0]
    assert np.abs(counts - 2500).max() < 5 * np.sqrt(2500)
    for shift in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0)):
        moved = np.roll(field, shift, (0, 1))
        assert abs(np.corrcoef(field.ravel(), moved.ravel())[0, 1]) < 5 / 200
    other = hashed(torch.tensor(6), y, x).numpy()
    assert abs(np.corrcoef(field.ravel(), other.ravel())[0, 1]) < 5 / 200


def test_choices_come_with_their_weights() -> None:
    found = np.bincount(dice(20000).among([1.0, 0.0, 3.0]), minlength=3) / 20000
    np.testing.assert_allclose(found, [0.25, 0.0, 0.75], atol=0.02)


def test_smooth_field_knows_its_own_steepness_and_has_no_finer_detail() -> None:
    wavelength = torch.tensor([16.0, 40.0, 100.0]).reshape(-1, 1, 1)
    field, steepness = smooth_field(dice(3), 96, 128, wavelength)
    dy, dx = np.gradient(field.numpy(), axis=(1, 2))
    # Central differences fall short of a sine's slope by (2π/16)²/6, 2.6 % at the finest wave here.
    np.testing.assert_allclose(np.hypot(dy, dx)[:, 1:-1, 1:-1], steepness[:, 1:-1, 1:-1], rtol=0.06, atol=0.02)
    window = np.hanning(96)[:, None] * np.hanning(128)
    power = np.abs(np.fft.fft2(field.numpy() * window)) ** 2
    for sample, finest in zip(power, wavelength.flatten().tolist(), strict=True):
        beyond = np.abs(np.fft.fftfreq(128)) > 1 / finest + 3 / 96
        assert sample[:, beyond].sum() < 1e-3 * sample.sum()


def test_smooth_fields_have_about_unit_deviation() -> None:
    field, _ = smooth_field(dice(64), 128, 128, torch.full((64, 1, 1), 20.0))
    assert 0.8 < float(field.std()) < 1.2


def test_upright_grids_are_only_moved() -> None:
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(7.0), indexing="ij")
    v, u = rotated(dice(4), y, x, 10.0, upright=1.0)
    np.testing.assert_allclose(v.diff(dim=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(u.diff(dim=2), 1.0, atol=1e-5)
    np.testing.assert_allclose(v.diff(dim=2), 0.0, atol=1e-5)
