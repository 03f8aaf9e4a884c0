"""Training must see what the device sees: the torch front end against the numpy one of the runtime."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d

from runtime_py.captures.preprocess import preprocess as preprocess_numpy
from runtime_py.contract import Preprocess
from runtime_py.errors import ContractError
from training.data.preprocess import band, preprocess


@pytest.mark.parametrize("size", [(16, 16), (48, 64), (61, 97), (160, 160), (384, 512)])
@pytest.mark.parametrize("settings", [Preprocess(), Preprocess(box=15, floor=0.1, gain=2.0, limit=2.5)])
def test_equals_the_runtime_in_numpy(size: tuple[int, int], settings: Preprocess) -> None:
    views = np.random.default_rng(size[1]).gamma(1.5, 0.15, (2, *size)).astype(np.float32)
    found = preprocess(torch.from_numpy(views)[:, None], settings)
    assert found.shape == (2, 1, *size)
    for view, prepared in zip(views, found, strict=True):
        np.testing.assert_allclose(prepared[0].numpy(), preprocess_numpy(view, settings), atol=1e-4)


def test_equals_the_runtime_for_noise_below_black() -> None:
    view = np.random.default_rng(1).normal(0.02, 0.05, (40, 50)).astype(np.float32)
    assert (view < 0).mean() > 0.2
    found = preprocess(torch.from_numpy(view)[None, None], Preprocess())
    np.testing.assert_allclose(found[0, 0].numpy(), preprocess_numpy(view, Preprocess()), atol=1e-4)


def test_views_of_a_batch_are_normalised_each_by_its_own_mean() -> None:
    view = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    both = preprocess(torch.cat([view, 0.05 * view]), Preprocess())
    torch.testing.assert_close(both[0], both[1], rtol=0, atol=1e-4)


def test_a_black_view_gives_zeros_instead_of_nan() -> None:
    assert float(preprocess(torch.zeros(1, 1, 32, 32), Preprocess()).abs().max()) < 1e-5


@given(st.integers(0, 20).flatmap(lambda radius: st.tuples(st.integers(radius + 1, 60), st.just(radius))))
def test_band_is_the_mean_over_a_window_mirrored_at_the_ends(sizes: tuple[int, int]) -> None:
    n, radius = sizes
    samples = np.random.default_rng(n).normal(size=(n, 3))
    expected = uniform_filter1d(samples, 2 * radius + 1, axis=0, mode="mirror")
    np.testing.assert_allclose(band(n, radius).double().numpy() @ samples, expected, atol=1e-5)
    np.testing.assert_allclose(band(n, radius).sum(1).numpy(), 1, atol=1e-6)


def test_band_of_three_samples_around_each_of_four_by_hand() -> None:
    thirds = [[1, 2, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 2, 1]]
    np.testing.assert_allclose(3 * band(4, 1).numpy(), thirds, atol=1e-6)


def test_a_view_smaller_than_its_box_reaches_is_refused() -> None:
    with pytest.raises(ContractError, match=r"has no mean over 31 px; it takes 16 px at least"):
        preprocess(torch.ones(1, 1, 40, 15), Preprocess())
