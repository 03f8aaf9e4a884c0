"""Tiles cover a plane of any size, and their blend is invisible to any pointwise function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime_py.errors import ContractError
from runtime_py.tiling import Tiling


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    stride = draw(st.sampled_from([1, 2, 4]))
    tile = tuple(stride * draw(st.integers(2, 12)) for _ in range(2))
    plane = tuple(draw(st.integers(1, 90)) for _ in range(2))
    overlap = draw(st.none() | st.tuples(*(st.integers(0, side // 2) for side in tile)))
    return Tiling(plane, tile, stride, overlap)


@settings(max_examples=150, deadline=None)
@given(tilings())
def test_every_pixel_is_covered_and_weights_add_up_to_one(tiling: Tiling) -> None:
    ones = [np.ones((tiling.tile[0] // tiling.stride, tiling.tile[1] // tiling.stride))] * len(tiling.origins)
    np.testing.assert_array_equal(tiling.blend(ones), np.ones(tiling.output, np.float32))
    covered = np.zeros(tiling.padded, np.bool_)
    for y, x in tiling.origins:
        assert y % tiling.stride == x % tiling.stride == 0
        covered[y : y + tiling.tile[0], x : x + tiling.tile[1]] = True
    assert covered.all()


@settings(max_examples=100, deadline=None)
@given(tilings(), st.integers(0, 2**32 - 1))
def test_blending_a_pointwise_function_of_tiles_gives_the_function_of_the_plane(tiling: Tiling, seed: int) -> None:
    s = tiling.stride
    plane = np.random.default_rng(seed).normal(size=tiling.plane).astype(np.float32)
    outputs = [np.tanh(t[s - 1 :: s, s - 1 :: s].astype(np.float64)) for t in tiling.cut(plane)]
    whole = np.tanh(plane.astype(np.float64))[s - 1 :: s, s - 1 :: s]
    blended = tiling.blend(outputs)[: whole.shape[0], : whole.shape[1]]
    np.testing.assert_allclose(blended, whole, atol=1e-6)


def test_a_plane_of_the_tiles_size_is_one_tile() -> None:
    tiling = Tiling((24, 32), (24, 32), 2)
    assert tiling.origins == ((0, 0),)
    assert (tiling.padded, tiling.output) == ((24, 32), (12, 16))


def test_a_small_plane_is_continued_by_mirroring() -> None:
    (tile,) = Tiling((1, 3), (1, 6)).cut(np.array([[1, 2, 3]]))
    assert tile.tolist() == [[1, 2, 3, 2, 1, 2]]


def test_inner_sides_of_tiles_weigh_next_to_nothing() -> None:
    tiling = Tiling((16, 112), (16, 64), 1, (4, 16))
    assert tiling.origins == ((0, 0), (0, 48))
    first, second = np.zeros((16, 64)), np.zeros((16, 64))
    first[:, -1] = second[:, 0] = 1000  # what a network's zero padding does at a cut
    assert np.abs(tiling.blend([first, second])).max() < 5


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ContractError, match="not multiples of the output stride 4"):
        Tiling((10, 10), (6, 8), 4)
    with pytest.raises(ContractError, match="cannot overlap"):
        Tiling((10, 10), (4, 4), 1, (4, 0))
    with pytest.raises(ContractError, match=r"1 outputs of \(4, 4\) were expected, 0 of"):
        Tiling((4, 4), (4, 4)).blend([])
    with pytest.raises(ContractError, match=r"for a plane of \(4, 4\)"):
        Tiling((4, 4), (4, 4)).cut(np.zeros((4, 5)))
