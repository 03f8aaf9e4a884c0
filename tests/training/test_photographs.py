"""Real pictures in rendered scenes: linear light, depth that stays what it was, damage that is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime_py.captures.pfm import write_pfm
from runtime_py.errors import CaptureError
from training.camera import random_camera
from training.data.rendered import RenderedData, render_sample
from training.dice import Dice
from training.photographs import LONGEST_SIDE, Photographs, read_frame, read_picture
from training.render import front_most
from training.scenes import random_scene
from training.slices import filled, sliced


def picture(path: Path, size: tuple[int, int] = (60, 80), seed: int = 0) -> np.ndarray:
    """An 8-bit colour picture in a file; its B, G, R samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    low = np.random.default_rng(seed).integers(20, 235, (6, 8, 3)).astype(np.uint8)
    samples = cv2.resize(low, size[::-1], interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), samples)
    return samples


def millimetres(size: tuple[int, int] = (60, 80)) -> np.ndarray:
    """A wall at 4 m, a table that rises to 1 m, a box at 0.6 m, and a hole without depth."""
    depth = np.full(size, 4000.0)
    rows = np.linspace(1 / 4000, 1 / 1000, size[0] // 2)
    depth[-len(rows) :] = (1 / rows)[:, None]
    depth[20:40, 30:50] = 600
    depth[5:9, 5:12] = 0
    return np.rint(depth).astype(np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(3):
        picture(tmp_path / f"photo{index}.png", seed=index)
    picture(tmp_path / "room" / "a.jpg", seed=9)
    cv2.imwrite(str(tmp_path / "room" / "a_depth.png"), millimetres())
    return tmp_path


def dice(batch: int = 6, seed: int = 0) -> Dice:
    return Dice(torch.Generator().manual_seed(seed), batch)


def test_folder_is_told_apart_into_photographs_and_pictures_with_depth(folder: Path) -> None:
    found = Photographs(folder)
    assert [p.name for p in found.pictures] == ["photo0.png", "photo1.png", "photo2.png"]
    assert [(p.name, d.name) for p, d in found.frames] == [("a.jpg", "a_depth.png")]
    assert not found.check()


def test_pictures_are_linear_red_green_and_blue(tmp_path: Path) -> None:
    """sRGB 188 is half the light of white, 255 all, 10 on the straight part of the curve."""
    samples = np.zeros((20, 20, 3), np.uint8)
    samples[...] = (10, 188, 255)
    cv2.imwrite(str(tmp_path / "a.png"), samples)
    cv2.imwrite(str(tmp_path / "b.png"), samples.astype(np.uint16) * 257)
    for name in ("a.png", "b.png"):
        found = read_picture(tmp_path / name)
        assert found.shape == (3, 20, 20)
        np.testing.assert_allclose(found[:, 0, 0], [1.0, 0.5029, 10 / 255 / 12.92], atol=1e-4)


def test_large_pictures_are_reduced_and_keep_their_mean(tmp_path: Path) -> None:
    samples = picture(tmp_path / "a.png", (40, 2000))
    found = read_picture(tmp_path / "a.png")
    assert found.shape == (3, round(40 * LONGEST_SIDE / 2000), LONGEST_SIDE)
    value = samples[..., 1] / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    assert float(found[1].mean()) == pytest.approx(linear.mean(), rel=0.01)


def test_depth_is_read_alike_from_every_kind_of_file(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    depth = millimetres()
    metres = depth.astype(np.float32) / 1000
    cv2.imwrite(str(tmp_path / "a_depth.png"), depth)
    cv2.imwrite(str(tmp_path / "b_depth.tif"), metres)
    cv2.imwrite(str(tmp_path / "c_depth.tif"), depth)
    np.save(tmp_path / "d_depth.npy", np.where(metres == 0, np.nan, metres))
    write_pfm(tmp_path / "e_depth.pfm", np.where(metres == 0, np.inf, metres))
    expected = np.where(depth == 0, 0, 1000 / np.maximum(depth, 1))
    for name in ("a_depth.png", "b_depth.tif", "c_depth.tif", "d_depth.npy", "e_depth.pfm"):
        _, inverse = read_frame(tmp_path / "a.png", tmp_path / name)
        np.testing.assert_allclose(inverse, expected, rtol=1e-5)


def test_damaged_files_are_named_with_the_reason_counted_and_replaced(folder: Path) -> None:
    whole = (folder / "photo1.png").read_bytes()
    (folder / "photo1.png").write_bytes(whole[: len(whole) // 2])
    picture(folder / "flat.png")
    np.save(folder / "flat_depth.npy", np.zeros((60, 80), np.float32))
    picture(folder / "pickled.png")
    np.save(folder / "pickled_depth.npy", np.array([{}]), allow_pickle=True)
    picture(folder / "zipped.png")
    np.savez(folder / "zipped_depth", np.ones((60, 80)))
    (folder / "zipped_depth.npz").rename(folder / "zipped_depth.npy")
    picture(folder / "torn.png")
    cv2.imwrite(str(folder / "torn_depth.tif"), np.ones((60, 80), np.float32))
    (folder / "torn_depth.tif").write_bytes((folder / "torn_depth.tif").read_bytes()[:100])
    picture(folder / "narrow.png")
    np.save(folder / "narrow_depth.npy", np.ones((60, 40), np.float32))
    found = Photographs(folder)
    with pytest.warns(UserWarning, match="photographs skipped so far"):
        skipped = found.check()
    assert {p.name for p in skipped} == {f"{n}.png" for n in ("photo1", "flat", "pickled", "zipped", "torn", "narrow")}
    assert "truncated" in skipped[folder / "photo1.png"]
    assert "less than 5 %" in skipped[folder / "flat.png"]
    textures = found.textures(dice(30), 32, 32)
    assert float(textures.std()) > 0.05


def test_folder_without_a_single_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(CaptureError, match="no PNG or JPEG picture"):
        Photographs(tmp_path)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CaptureError, match="none of the 1 photographs"), pytest.warns(match="skipped so far"):
        Photographs(tmp_path).textures(dice(1), 8, 8)


def test_textures_are_parts_of_the_pictures(tmp_path: Path) -> None:
    """Of a picture in which red grows to the right and blue downwards, so that every part tells where it is from."""
    y, x = np.mgrid[:90, :120]
    samples = np.stack([60 + y, np.full_like(x, 128), 60 + x], -1).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), samples)
    found = Photographs(tmp_path).textures(dice(40), 30, 40)
    assert found.shape == (40, 3, 30, 40)
    assert float((found[:, 1] - found[0, 1, 0, 0]).abs().max()) < 1e-3
    mirrored = found[:, 0, 15, 30] < found[:, 0, 15, 10]
    assert 0.2 < float(mirrored.float().mean()) < 0.8
    assert torch.all(found[:, 2, 25, 20] > found[:, 2, 5, 20])
    whole = read_picture(tmp_path / "a.png")
    assert float(whole.min()) - 1e-4 <= float(found.min()) <= float(found.max()) <= float(whole.max()) + 1e-4
    spread = found[:, 0].amax((1, 2)) - found[:, 0].amin((1, 2))
    assert float(spread.max()) > 2 * float(spread.min())


def test_front_most_depth_of_a_picture_with_depth_is_the_given_one(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    cv2.imwrite(str(tmp_path / "a_depth.png"), millimetres())
    colour, inverse = read_frame(tmp_path / "a.png", tmp_path / "a_depth.png")
    known = inverse > 0
    scene = sliced(colour[None], inverse[None], known[None])
    sharp, found = front_most(scene)
    assert scene.texture.shape == (1, 6, 60, 80)
    np.testing.assert_allclose(found[0, 0][known], inverse[known], rtol=1e-6)
    np.testing.assert_allclose(sharp[0, 0], colour[1], rtol=1e-5)
    np.testing.assert_allclose(found[0, 0, 5:9, 5:12], 0.25, rtol=1e-4)
    assert torch.all(scene.coverage[:, 0] == 1)
    assert float(scene.inverse_depth.diff(dim=1).min()) >= 0


def test_what_an_edge_hides_is_painted_with_what_is_around_it_not_with_the_object() -> None:
    colour = torch.full((1, 3, 64, 64), 0.2)
    inverse = torch.full((1, 64, 64), 0.3)
    colour[..., 20:44, 20:44], inverse[..., 20:44, 20:44] = 0.9, 2.0
    scene = sliced(colour, inverse, torch.ones(1, 64, 64, dtype=torch.bool))
    np.testing.assert_allclose(scene.texture[0, 0], 0.2, rtol=1e-5)
    np.testing.assert_allclose(scene.inverse_depth[0, 0], 0.3, rtol=1e-5)
    np.testing.assert_allclose(scene.coverage[0, -1, 20:44, 20:44], 1)
    assert float(scene.coverage[0, -1].sum()) == 24 * 24


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6), st.floats(0.01, 0.9))
def test_filling_keeps_the_known_and_stays_between_its_extremes(h: int, w: int, seed: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    planes = torch.rand(1, 2, h, w, generator=generator)
    known = torch.rand(1, 1, h, w, generator=generator) < share
    known[0, 0, seed % h, seed % w] = True
    found = filled(planes, known)
    both = known.expand_as(planes)
    assert torch.equal(found[both], planes[both])
    for plane, result, where in zip(planes[0], found[0], known.expand_as(planes)[0], strict=True):
        assert float(plane[where].min()) - 1e-5 <= float(result.min())
        assert float(result.max()) <= float(plane[where].max()) + 1e-5


def test_mixed_scenes_keep_every_promise_and_only_a_share_changes(folder: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    camera = random_camera(generator, 40, 4.0)
    scene = random_scene(generator, camera, (48, 64), reach=4.0, colour=True)
    mixed = Photographs(folder).mixed_into(scene, generator, camera, 4.0, 0.5)
    changed = (mixed.texture != scene.texture).flatten(1).any(1)
    moved = (mixed.inverse_depth != scene.inverse_depth).flatten(1).any(1)
    assert 0.25 < float(changed.float().mean()) < 0.7
    assert 0.05 < float(moved.float().mean()) < 0.5
    assert not torch.any(moved & ~changed)
    assert mixed.colour is not None
    np.testing.assert_allclose(mixed.colour[:, :, 1], mixed.texture, rtol=1e-6)
    disparity = camera.disparity(mixed.inverse_depth)
    assert float(disparity.abs().max()) < 4.001
    assert float(disparity.diff(dim=1).min()) > -1e-4
    assert float(mixed.inverse_depth.min()) > 0
    assert torch.all(mixed.coverage[:, 0] == 1)
    painted = changed & ~moved
    before, after = (s.texture[painted].mean((2, 3)) for s in (scene, mixed))
    np.testing.assert_allclose(after, before, rtol=0.02, atol=1e-4)


def test_rendered_samples_with_photographs_are_reproducible_and_other_ones(folder: Path) -> None:
    plain = RenderedData(size=32, count=4)
    data = replace(plain, photographs=str(folder), photographic=1.0)
    first, again = (render_sample(data, 1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], render_sample(plain, 1)[0])
    np.testing.assert_array_equal(render_sample(replace(data, photographic=0.0), 1)[0].shape, (32, 32))


def test_cache_of_other_photographs_is_another_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        picture(tmp_path / name / "a.png", seed=len(list(tmp_path.iterdir())))
    identities = {RenderedData(photographs=p).identity() for p in ("", *(str(tmp_path / n) for n in ("one", "two")))}
    assert len(identities) == 3
