"""The three phones against matching by other means: what is rectified, what is not, and what brings it together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_scenes import flat, smooth_texture
from scipy.ndimage import map_coordinates

from benchmarks.block_matching import matched_displacement
from runtime_py.errors import DpocketError
from training.camera import Camera
from training.data.geometry import crop, require_registered
from training.data.sample import check
from training.optics import aperture
from training.rig import PLACES, Frame, Phone, Rig, photograph, pixel4_camera, random_rig, rig_samples
from training.scenes import Scene, random_scene

SIZE = (176, 192)
FOCAL = 500.0


def camera(focus: float = 1.0) -> Camera:
    return Camera(aperture("half_disc"), torch.tensor([5.0]), torch.tensor([focus]), torch.tensor([FOCAL]))


def rig(rotation: tuple[float, float, float], shift: tuple[float, float], dp_axis: str = "vertical") -> Rig:
    """Phones 8 px·m apart, all turned alike, each focused for itself."""
    phones = {
        name: Phone(camera(focus), torch.tensor([rotation]), torch.tensor([shift]))
        for name, focus in zip(PLACES, (0.8, 1.0, 1.3), strict=True)
    }
    return Rig(phones, torch.tensor([8.0 / FOCAL]), dp_axis)


TURNED = rig((0.004, -0.003, 0.02), (0.4, -1.7))


def wall(inverse_depth: float = 0.8, slant: float = 0.0) -> Scene:
    scene = flat(smooth_texture(SIZE, 3.0), inverse_depth)
    rows = slant * torch.linspace(-1.0, 1.0, SIZE[0])[:, None]
    return replace(scene, inverse_depth=scene.inverse_depth + rows)


def windows(frame: Frame, rgb: torch.Tensor) -> list[tuple[float, float]]:
    """Displacement of the phone's picture against its pair, in six windows."""
    ordinary = (frame.pair.left + frame.pair.right)[0, 0] / 2
    places = [(slice(y, y + 64), slice(x, x + 64)) for y in (0, 64) for x in (0, 40, 80)]
    return [matched_displacement(rgb[0, 1][place].numpy(), ordinary[place].numpy()) for place in places]


@pytest.mark.parametrize("scene", [wall(), wall(0.8, slant=0.5)])
def test_picture_lies_on_the_pair_only_after_registration(scene: Scene) -> None:
    frame = photograph(scene, TURNED)["B"]
    registered, rectified = (np.array(windows(frame, rgb)) for rgb in (frame.registered_rgb, frame.rgb))
    np.testing.assert_allclose(registered, 0.0, atol=0.05)
    assert np.linalg.norm(rectified, axis=1).max() > 2.0


def test_homography_says_where_the_pair_shows_a_point_of_the_picture() -> None:
    frame = photograph(wall(), TURNED)["A"]
    ordinary = (frame.pair.left + frame.pair.right)[0, 0].numpy() / 2
    height, width = ordinary.shape
    y, x = np.mgrid[:height, :width]
    points = np.stack([x - (width - 1) / 2, y - (height - 1) / 2, np.ones(x.shape)])
    back = np.tensordot(np.linalg.inv(frame.homography[0].double().numpy()), points, axes=1)
    source = back[:2] / back[2] + np.array([(width - 1) / 2, (height - 1) / 2])[:, None, None]
    found = map_coordinates(frame.rgb[0, 1].numpy(), source[::-1], order=3)
    inner = (slice(8, -8), slice(8, -8))
    # The picture changes by 0.05 per px.
    np.testing.assert_allclose(found[inner], ordinary[inner], atol=0.002)
    np.testing.assert_allclose(found[inner], frame.registered_rgb[0, 1].numpy()[inner], atol=1e-4)
    assert np.abs(frame.rgb[0, 1].numpy() - ordinary)[inner].max() > 0.05


@pytest.mark.parametrize("inverse_depth", [0.3, 0.95])
def test_rectified_pictures_of_neighbours_are_displaced_by_the_stated_disparity_along_rows(
    inverse_depth: float,
) -> None:
    frames = photograph(wall(inverse_depth), TURNED)
    for left, right in (("C", "B"), ("B", "A")):
        along, across = matched_displacement(*(frames[name].rgb[0, 1].numpy() for name in (left, right)))
        assert along == pytest.approx(8.0 * inverse_depth, abs=0.05)
        assert across == pytest.approx(0.0, abs=0.02)
        assert float(frames[left].disparity.mean()) == pytest.approx(8.0 * inverse_depth, rel=1e-5)


@pytest.mark.parametrize("dp_axis", ["horizontal", "vertical"])
def test_pair_is_displaced_along_its_axis_by_the_stated_disparity_of_each_focus(dp_axis: str) -> None:
    frames = photograph(wall(0.5), rig((0.0, 0.0, 0.0), (0.0, 0.0), dp_axis))
    for name, focus in zip(PLACES, (0.8, 1.0, 1.3), strict=True):
        pair = frames[name].pair
        expected = float(camera().alpha) * 5.0 * (0.5 - focus)
        found = matched_displacement(pair.left[0, 0].numpy(), pair.right[0, 0].numpy())
        along, across = found if dp_axis == "horizontal" else found[::-1]
        assert along == pytest.approx(expected, abs=0.05)
        assert across == pytest.approx(0.0, abs=0.02)
        torch.testing.assert_close(pair.disparity, torch.full_like(pair.disparity, expected), rtol=1e-4, atol=0)


def test_windows_cut_out_at_a_level_show_the_disparities_above_it() -> None:
    """8 px·m of parallax, counted from 0.5/m: a wall at 0.8/m moves by 2.4 px instead of 6.4, turned phones or not."""
    level = replace(TURNED, level=torch.tensor([0.5]))
    frames = photograph(wall(0.8), level)
    for left, right in (("C", "B"), ("B", "A")):
        along, across = matched_displacement(*(frames[name].rgb[0, 1].numpy() for name in (left, right)))
        assert along == pytest.approx(8.0 * 0.3, abs=0.05)
        assert across == pytest.approx(0.0, abs=0.02)
        torch.testing.assert_close(
            frames[left].disparity, torch.full_like(frames[left].disparity, 2.4), rtol=1e-4, atol=0
        )
    for frame in frames.values():
        np.testing.assert_allclose(np.array(windows(frame, frame.registered_rgb)), 0.0, atol=0.05)


def test_windows_of_large_pictures_have_the_parallax_of_those_up_to_a_tenth_of_themselves() -> None:
    generator = torch.Generator().manual_seed(5)
    lens = pixel4_camera(generator, 2, 1008)
    scene = random_scene(generator, lens, (128, 128), layers=3, reach=2.0)
    own, cut = random_rig(generator, scene, lens), random_rig(generator, scene, lens, width=1008)
    assert bool((cut.baseline > own.baseline).all())
    disparity = photograph(scene, cut, margin=0)["B"].disparity
    torch.testing.assert_close(disparity.amin((1, 2, 3)), torch.full((2,), 1.28), rtol=0.02, atol=0)
    assert float(disparity.max()) <= 1.28 + 12.8 * 1.01


def test_samples_say_what_is_registered() -> None:
    frames = photograph(wall(0.5), TURNED)
    apart, together = rig_samples(frames), rig_samples(frames, registered=True)
    assert list(apart) == list(together) == ["C", "B", "A"]
    for sample in (*apart.values(), *together.values()):
        assert check(sample).dp_axis == "vertical"
    with pytest.raises(DpocketError, match="rgb and truth lie on another grid"):
        require_registered(apart["B"], "crop")
    assert crop(together["B"], 3, 4, (20, 30)).size == (20, 30)
    assert together["B"].unit == "px"
    assert apart["B"].unit == "affine"


def test_random_rig_has_the_disparities_of_dpmv_and_turns_every_phone_anew() -> None:
    generator = torch.Generator().manual_seed(5)
    lens = pixel4_camera(generator, 2, 128)
    scene = random_scene(generator, lens, (128, 128), layers=3, reach=0.5)
    drawn = random_rig(generator, scene, lens)
    frames = photograph(scene, drawn, margin=0)
    mean, largest = frames["B"].disparity.mean((1, 2, 3)), frames["B"].disparity.amax((1, 2, 3))
    torch.testing.assert_close(torch.maximum(mean / 3.84, largest / 12.8), torch.ones(2), rtol=1e-4, atol=0)
    homographies = torch.cat([frame.homography for frame in frames.values()])
    assert torch.unique(homographies[:, 0, 2]).numel() == 6
    # Half a degree is about a px behind a lens of 132 px, and the shift is another.
    assert float(homographies[:, :2, 2].abs().max()) < 10.0
    for sample in rig_samples(frames, registered=True).values():
        check(sample)


def test_pixel_4_blurs_as_its_lens_says() -> None:
    lens = pixel4_camera(torch.Generator().manual_seed(0), 4, 1512)
    # f = 4.38 mm, N = 1.73, 2.8 µm: L·f/p = 3.960 px·m, and a little more for a lens racked out to focus near.
    assert bool(((lens.slope > 3.960) & (lens.slope < 3.960 * 1.016)).all())
    assert bool(((lens.focus > 1 / 3) & (lens.focus < 1 / 0.3)).all())
    torch.testing.assert_close(lens.focal_px, torch.full((4,), 1564.3), rtol=1e-4, atol=0)
