"""Fields of kernels: measured ones against their files, the rendered points and walls against both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flat_scenes import flat, layered, seen_through, smooth_texture
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.block_matching import matched_disparity
from benchmarks.psf_matching import modelled_disparity
from runtime_py.errors import CaptureError
from training.kernel_field import KernelField, read_kernel_field
from training.optics import splat_kernels
from training.render import composite, render_image, render_pair

GRID, TILE, SIZE, DIAMETER = (2, 3), 40.0, 21, -12.0
AXIS = np.arange(SIZE) - SIZE // 2


def measured_kernels() -> NDArray[np.float64]:
    """(2, 6, 21, 21): both views of points beyond focus; skewed, no mirror images, moved aside, different per tile."""
    rng = np.random.default_rng(7)
    y, x = np.meshgrid(AXIS, AXIS, indexing="ij")
    kernels = np.zeros((2, 6, SIZE, SIZE))
    for tile in range(6):
        inside = np.clip(6.0 - np.hypot(x + 1.0 + rng.uniform(-0.5, 0.5), y - 0.6) + 0.5, 0, 1)
        for view, lean in enumerate((-0.2, 0.1)):
            tilt_x, tilt_y = lean + rng.uniform(-0.06, 0.06), rng.uniform(-0.02, 0.02)
            kernels[view, tile] = inside * np.exp(tilt_x * x + tilt_y * y)
    return kernels / kernels.sum((-1, -2), keepdims=True)


def saved(folder: Path, kernels: NDArray[Any]) -> tuple[Path, Path]:
    paths = (folder / "left.npy", folder / "right.npy")
    for path, view in zip(paths, kernels, strict=True):
        np.save(path, view.astype(np.float32))
    return paths


@pytest.fixture
def field(tmp_path: Path) -> KernelField:
    return read_kernel_field(*saved(tmp_path, measured_kernels()), GRID, TILE, DIAMETER)


@pytest.fixture
def pixel_4(captures_root: Path) -> tuple[KernelField, NDArray[np.float64]]:
    folder = captures_root / "cmu-pixel4" / "DP_data_pixel_4" / "calibration"
    paths = [folder / f"blur_kernels_{view}.npy" for view in ("left", "right")]
    return read_kernel_field(paths[0], paths[1], (6, 8), 168), np.stack([np.load(p).astype(np.float64) for p in paths])


def test_kernels_at_their_own_diameter_are_those_of_the_file(field: KernelField) -> None:
    expected = measured_kernels()
    for tile in range(6):
        lens = replace(field, weight=field.weight[tile, None], grid=(1, 1)).tiles(1, 1)[0][0]
        found = splat_kernels(lens, torch.tensor(DIAMETER), (SIZE, SIZE)).roll((SIZE // 2, SIZE // 2), (-2, -1))
        np.testing.assert_allclose(found, expected[:, tile], atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(coc=st.one_of(st.floats(-14, 14), st.floats(-0.05, 0.05)), tile=st.integers(0, 5))
def test_kernels_of_any_diameter_keep_energy_and_disparity(coc: float, tile: int) -> None:
    kernels = measured_kernels()
    y, x = np.nonzero(kernels.max((0, 1)) > 0)
    u, v = (torch.from_numpy(AXIS[i] / DIAMETER).float() for i in (x, y))
    whole = KernelField(u, v, torch.from_numpy(kernels[:, :, y, x].swapaxes(0, 1)).float(), GRID, TILE)
    lens = replace(whole, weight=whole.weight[tile, None], grid=(1, 1)).tiles(1, 1)[0][0]
    found = splat_kernels(lens, torch.tensor(coc), (33, 33)).double().numpy()
    np.testing.assert_allclose(found.sum((-1, -2)), 1.0, atol=1e-5)
    centroids = (found * np.fft.fftfreq(33, 1 / 33)).sum((-1, -2))
    measured = (kernels[:, tile] * AXIS).sum((-1, -2))
    assert centroids[0] - centroids[1] == pytest.approx((measured[0] - measured[1]) * coc / DIAMETER, abs=5e-5)
    assert float(whole.tile_alpha[tile]) == pytest.approx((measured[0] - measured[1]) / DIAMETER, abs=1e-5)


@pytest.mark.parametrize("side", [1, -1])
def test_diameter_and_side_of_focus_follow_from_the_kernels(tmp_path: Path, side: int) -> None:
    y, x = np.meshgrid(np.arange(41) - 20, np.arange(41) - 20, indexing="ij")
    disc = np.clip(8.0 - np.hypot(x, y) + 0.5, 0, 1)
    halves = np.stack([disc * np.clip(side * sign * x + 0.5, 0, 1) for sign in (1, -1)])[:, None]
    halves /= halves.sum((-1, -2), keepdims=True)
    found = read_kernel_field(*saved(tmp_path, halves), (1, 1), 100)
    # Samples lie a pixel apart: u runs in steps of 1/c.
    assert 1 / float(torch.unique(found.u).diff().min()) == pytest.approx(16, rel=0.03)
    assert float(found.alpha) == pytest.approx(4 / (3 * np.pi), rel=0.03)
    left, right = splat_kernels(found.tiles(1, 1)[0][0], torch.tensor(side * 16.0), (41, 41))
    assert float(left[:, 1:20].sum()) == pytest.approx(float(side > 0), abs=0.1)
    assert float(right[:, 1:20].sum()) == pytest.approx(float(side < 0), abs=0.1)


@settings(deadline=None, max_examples=80)
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    grid=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    pitch=st.floats(3, 200),
    centre=st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
)
def test_tiles_share_out_all_the_light_of_every_pixel(
    size: tuple[int, int], grid: tuple[int, int], pitch: float, centre: tuple[float, float]
) -> None:
    tiles = grid[0] * grid[1]
    one = KernelField(torch.zeros(1), torch.zeros(1), torch.ones(tiles, 2, 1), grid, pitch, centre)
    shares = [share for _, share in one.tiles(*size) if share is not None]
    total = sum(shares, torch.zeros(size))
    torch.testing.assert_close(total, torch.ones(size), rtol=0, atol=2e-5)
    assert all(float(share.min()) >= 0 for share in shares)
    assert len(shares) < np.prod([min(n + 1, (px - 1) / pitch + 3) for n, px in zip(grid, size, strict=True)])


def test_only_tiles_that_touch_the_picture_are_used(field: KernelField) -> None:
    assert len(field.tiles(200, 200)) == 6
    assert len(replace(field, centre=(10.0, 20.0)).tiles(9, 9)) == 4
    corner = replace(field, centre=(-1000.0, 1000.0)).tiles(64, 64)
    assert len(corner) == 1
    torch.testing.assert_close(corner[0][0].weight, field.weight[2])


@pytest.mark.parametrize("place", [(20, 30), (47, 60), (70, 95)])
def test_point_is_seen_through_the_blend_of_the_kernels_around_it(field: KernelField, place: tuple[int, int]) -> None:
    """Each view of a point at the measured blur is the bilinear mean of the four files' kernels nearest to it."""
    size = (96, 128)
    point, cover = torch.zeros(size), torch.zeros(size)
    point[place], cover[place] = 1.0, 1.0
    camera = seen_through(field)
    disparity = DIAMETER * float(field.alpha)
    rendered = render_pair(
        layered((torch.zeros(size), torch.ones(size), 0.0), (point, cover, disparity)), camera, margin=0
    )
    row = np.clip((place[0] - 47.5) / TILE + 0.5, 0, 1)
    column = np.clip((place[1] - 63.5) / TILE + 1.0, 0, 2)
    shares = np.outer(np.maximum(0, 1 - np.abs(row - np.arange(2))), np.maximum(0, 1 - np.abs(column - np.arange(3))))
    expected = np.einsum("t,vtyx->vyx", shares.ravel(), measured_kernels())
    window = tuple(slice(p - SIZE // 2, p + SIZE // 2 + 1) for p in place)
    for view, kernel in zip((rendered.left, rendered.right), expected, strict=True):
        np.testing.assert_allclose(view[0, 0][window], kernel, atol=1e-4)
        assert float(view.sum()) == pytest.approx(1.0, abs=1e-4)
    truth = (expected * AXIS).sum((1, 2))
    assert float(rendered.disparity[0, 0][place]) == pytest.approx(truth[0] - truth[1], abs=1e-4)


@pytest.mark.parametrize("disparity", [-1.4, 2.0])
def test_uniform_wall_stays_uniform_where_kernels_change(field: KernelField, disparity: float) -> None:
    wall = render_pair(flat(torch.full((96, 128), 0.3), disparity), seen_through(field), margin=0)
    for view in (wall.left, wall.right):
        torch.testing.assert_close(view, torch.full((1, 1, 96, 128), 0.3), rtol=0, atol=1e-5)


def test_ordinary_picture_through_a_field_is_the_mean_of_its_views(field: KernelField) -> None:
    scene, camera = flat(smooth_texture((96, 128), 2.0), 1.5), seen_through(field)
    pair = render_pair(scene, camera, margin=4)
    picture = render_image(scene, camera, margin=4)
    torch.testing.assert_close(picture[:, 1:2], (pair.left + pair.right) / 2, rtol=0, atol=1e-6)
    at_once, _ = composite(scene, scene.texture, camera, field.whole, None, camera.disparity(scene.inverse_depth))
    assert at_once.shape == (1, 1, 96, 128)
    torch.testing.assert_close(picture[:, :1], at_once[..., 4:-4, 4:-4], rtol=0, atol=0.01)


def test_all_of_a_field_moves_to_another_device(field: KernelField) -> None:
    moved = field.to("meta")
    assert {t.device.type for t in (moved.u, moved.v, moved.weight, moved.alpha_map(4, 4))} == {"meta"}


@pytest.mark.parametrize("disparity", [-1.7, -0.6, 0.9, 1.7])
def test_block_matching_finds_the_disparity_stated_at_the_place(field: KernelField, disparity: float) -> None:
    camera = replace(seen_through(field), aperture=replace(field, pitch=300.0, centre=(3.0, -11.0)))
    rendered = render_pair(flat(smooth_texture(), disparity), camera, margin=8)
    left, right = (view[0, 0].numpy() for view in (rendered.left, rendered.right))
    for start in (0, 80, 160):
        window = np.s_[:, start : start + 80]
        stated = float(rendered.disparity[0, 0][window][:, 12:-12].mean())
        assert matched_disparity(left[window], right[window]) == pytest.approx(stated, abs=0.05)


@pytest.mark.parametrize("grain", [1.0, 4.0])
@pytest.mark.parametrize("disparity", [-2.4, 1.5])
def test_matching_that_models_the_kernels_finds_it_on_every_texture(
    field: KernelField, disparity: float, grain: float
) -> None:
    corner = replace(field, centre=(-1000.0, -1000.0))
    rendered = render_pair(flat(smooth_texture(grain=grain), disparity), seen_through(corner), margin=0)
    views = (rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy())
    assert modelled_disparity(*views, AXIS / DIAMETER, measured_kernels()[:, 0]) == pytest.approx(disparity, abs=0.05)


def test_a_camera_turns_disparity_into_inverse_depth_and_back_all_over_the_field(field: KernelField) -> None:
    camera = replace(seen_through(field, 3), slope=torch.tensor([2.0, 5.0, 9.0]), focus=torch.tensor([1.0, 2.0, 0.5]))
    inverse_depth = torch.rand(3, 4, 32, 48, generator=torch.Generator().manual_seed(0)) * 5
    disparity = camera.disparity(inverse_depth)
    torch.testing.assert_close(camera.inverse_depth(disparity), inverse_depth, rtol=1e-4, atol=1e-4)
    expected = field.alpha_map(32, 48)[0] * camera.circle_of_confusion(inverse_depth)[1, 2]
    torch.testing.assert_close(disparity[1, 2], expected)
    middle = camera.disparity(torch.full((3, 1, 1), 0.7))
    torch.testing.assert_close(middle[:, 0, 0], field.alpha * camera.slope * (0.7 - camera.focus))


def test_calibrated_pixel_4_has_the_alpha_and_centroids_known_of_it(
    pixel_4: tuple[KernelField, NDArray[np.float64]],
) -> None:
    field, kernels = pixel_4
    assert float(field.tile_alpha.mean()) == pytest.approx(0.21, rel=0.02)
    assert float(field.alpha_map(1008, 1344).mean()) == pytest.approx(0.21, rel=0.02)
    diameter = float((kernels[0].sum(1) * (np.arange(61) - 30)).sum(-1).mean() / (field.weight[:, 0] @ field.u).mean())
    centroids = diameter * (field.weight * field.u).sum(-1)
    assert diameter == pytest.approx(-25.3, abs=0.3)
    for view, (low, mean, high) in enumerate([(-6.0, -4.1, -2.9), (-1.0, 1.2, 2.5)]):
        found = centroids[:, view]
        assert [float(f) for f in (found.min(), found.mean(), found.max())] == pytest.approx([low, mean, high], abs=0.1)


@pytest.mark.parametrize("disparity", [-1.7, 1.2])
def test_matching_through_the_calibrated_pixel_4_finds_the_stated_disparity(
    pixel_4: tuple[KernelField, NDArray[np.float64]], disparity: float
) -> None:
    field, kernels = pixel_4
    rendered = render_pair(flat(smooth_texture(), disparity), seen_through(field), margin=8)
    views = (rendered.left[0, 0].numpy(), rendered.right[0, 0].numpy())
    stated = float(rendered.disparity[..., 12:-12].mean())
    assert matched_disparity(*views) == pytest.approx(stated, abs=0.05)
    corner = replace(field, centre=(-1e4, -1e4))
    fine = render_pair(flat(smooth_texture(grain=2.0), disparity), seen_through(corner), margin=0)
    views = (fine.left[0, 0].numpy(), fine.right[0, 0].numpy())
    axis = (np.arange(61) - 30) * -float(torch.unique(field.u).diff().median())
    assert modelled_disparity(*views, axis, kernels[:, 0]) == pytest.approx(disparity, abs=0.05)


def broken_files() -> dict[str, tuple[NDArray[Any], str]]:
    good = measured_kernels()
    negative, heavy = good.copy(), 1.5 * good
    negative[0, 0, 3, 3] = -0.1
    return {
        "too few": (good[:, :4], r"must be floats \(6, K, K\)"),
        "even": (good[..., 1:, 1:], "K odd"),
        "flat": (good[..., 0], r"float32 \(6, 21\)"),
        "negative": (negative, "values from -0.1"),
        "heavy": (heavy, "sums 1.5 to 1.5"),
    }


@pytest.mark.parametrize("name", list(broken_files()))
def test_files_that_hold_no_kernels_are_named(tmp_path: Path, name: str) -> None:
    kernels, said = broken_files()[name]
    with pytest.raises(CaptureError, match=said):
        read_kernel_field(*saved(tmp_path, kernels), GRID, TILE)


def test_missing_pickled_and_damaged_files_are_named(tmp_path: Path) -> None:
    left, right = saved(tmp_path, measured_kernels())
    with pytest.raises(CaptureError, match=r"no blur kernels at .*absent"):
        read_kernel_field(left, tmp_path / "absent.npy", GRID, TILE)
    np.save(right, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(CaptureError, match=r"right\.npy holds no readable array"):
        read_kernel_field(left, right, GRID, TILE)
    right.write_bytes(left.read_bytes()[:500])
    with pytest.raises(CaptureError, match=r"right\.npy holds no readable array"):
        read_kernel_field(left, right, GRID, TILE)


def test_diameter_on_the_wrong_side_of_focus_is_refused(tmp_path: Path) -> None:
    left, right = saved(tmp_path, measured_kernels())
    with pytest.raises(CaptureError, match="swap the views or the sign"):
        read_kernel_field(left, right, GRID, TILE, diameter=12.0)
    with pytest.raises(CaptureError, match="swap the views or the sign"):
        read_kernel_field(right, left, GRID, TILE, diameter=-12.0)
