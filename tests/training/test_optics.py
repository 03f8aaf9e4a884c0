"""Lens and point-spread functions against textbook optics, closed forms and numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from aperture_formulas import alpha_by_integration, alpha_of_swept_disc
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import DpocketError
from training.optics import APERTURE_SAMPLES, PSF_FAMILIES, ThinLens, aperture, point_spread, splat_kernels

SIZE = (24, 32)
FAMILIES = list(PSF_FAMILIES)
PHONE = ThinLens(focal_length=4.38e-3, f_number=1.73, focus_distance=0.45, pixel_pitch=2.8e-6)
REFLEX = ThinLens(focal_length=50e-3, f_number=4.0, focus_distance=1.5, pixel_pitch=5.36e-6)


def centroids(kernels: Tensor) -> NDArray[np.float64]:
    """(..., 2, (y, x)) first moments in px of kernels on a periodic grid with the origin at index (0, 0)."""
    k = kernels.double().numpy()
    y, x = (np.fft.fftfreq(n, 1 / n) for n in k.shape[-2:])
    return np.stack([(k * y[:, None]).sum((-1, -2)), (k * x).sum((-1, -2))], axis=-1)


def mirrored(kernels: Tensor, *axes: int) -> Tensor:
    """The kernels reflected about the origin of the periodic grid."""
    return kernels.flip(axes).roll([1] * len(axes), axes)


def blur_from_image_distances(lens: ThinLens, depth: float) -> float:
    """Blur diameter in px by similar triangles behind the lens, from 1/f = 1/depth + 1/image (no affine formula)."""
    image, sensor = (1 / (1 / lens.focal_length - 1 / z) for z in (depth, lens.focus_distance))
    return lens.focal_length / lens.f_number * (image - sensor) / image / lens.pixel_pitch


@pytest.mark.parametrize("lens", [PHONE, REFLEX])
def test_circle_of_confusion_follows_similar_triangles(lens: ThinLens) -> None:
    depth = [0.1, 0.2, 0.44, 0.46, 1.0, 7.0, 1e4]
    expected = [blur_from_image_distances(lens, z) for z in depth]
    found = lens.circle_of_confusion(torch.tensor(depth, dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_circle_of_confusion_of_a_phone_computed_by_hand() -> None:
    # L·f = 4.38e-3² / 1.73 = 1.10892e-5; / (1 - 4.38e-3/0.45) = 1.11982e-5; / 2.8e-6 = 3.99937; × (1/0.3 - 1/0.45).
    assert float(PHONE.circle_of_confusion(torch.tensor(0.3))) == pytest.approx(4.44374, abs=1e-4)


def test_circle_of_confusion_is_affine_in_inverse_depth() -> None:
    inverse = torch.linspace(0.05, 8.0, 41, dtype=torch.float64)
    c = PHONE.circle_of_confusion(1 / inverse).numpy()
    fit = np.polyval(np.polyfit(inverse.numpy(), c, 1), inverse.numpy())
    np.testing.assert_allclose(c, fit, atol=1e-6)


def test_circle_of_confusion_is_zero_in_focus_positive_nearer_negative_farther() -> None:
    near, focus, far = PHONE.circle_of_confusion(torch.tensor([0.30, 0.45, 2.0], dtype=torch.float64)).tolist()
    assert abs(focus) < 1e-9
    assert near > 0 > far


@pytest.mark.parametrize(("family", "alpha"), [("half_disc", 4 / (3 * math.pi)), ("ramp_disc", 0.25)])
def test_alpha_of_the_families_with_a_closed_form(family: str, alpha: float) -> None:
    assert float(aperture(family, shape=0.0).alpha) == pytest.approx(alpha, rel=0.02)


@pytest.mark.parametrize("shape", [0.0, 0.5, 1.0])
def test_alpha_of_the_swept_disc_is_that_of_two_overlapping_discs(shape: float) -> None:
    assert float(aperture("swept_disc", shape).alpha) == pytest.approx(alpha_of_swept_disc(shape), rel=0.02)


@pytest.mark.parametrize("shape", [0.0, 1.0])
def test_alpha_of_the_butterworth_window_is_that_of_its_integral(shape: float) -> None:
    assert float(aperture("butterworth", shape).alpha) == pytest.approx(
        alpha_by_integration("butterworth", shape), rel=0.02
    )


@pytest.mark.parametrize(
    ("family", "low", "high"),
    [("half_disc", 0.424, 0.424), ("ramp_disc", 0.25, 0.25), ("swept_disc", 0.24, 0.29), ("butterworth", 0.28, 0.37)],
)
def test_alpha_stays_within_two_percent_of_the_measured_range_for_every_shape(
    family: str, low: float, high: float
) -> None:
    for shape in np.linspace(0, 1, 11):
        assert 0.98 * low <= float(aperture(family, shape).alpha) <= 1.02 * high


def test_shapes_of_a_family_differ_where_it_has_a_shape() -> None:
    for family in ("half_disc", "swept_disc", "butterworth"):
        assert abs(float(aperture(family, 0.0).alpha - aperture(family, 1.0).alpha)) > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_shares_of_the_light_inside_the_disc(family: str) -> None:
    lens = aperture(family, 0.3, right_shape=0.8)
    assert float(lens.weight.min()) >= 0
    np.testing.assert_allclose(lens.weight.sum(1), 1.0, atol=1e-5)
    assert float((lens.u**2 + lens.v**2).max()) <= 0.25 + 1e-6
    spacing = 1 / APERTURE_SAMPLES
    assert lens.u.numel() == pytest.approx(math.pi / 4 / spacing**2, rel=0.02)


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_have_unit_energy_and_no_negative_part(family: str) -> None:
    lens = aperture(family, 0.7, right_shape=0.2, offset=0.05)
    kernels = splat_kernels(lens, torch.tensor([-8.0, -0.3, 0.0, 1e-3, 5.5]), SIZE)
    np.testing.assert_allclose(kernels.sum((-1, -2)), 1.0, atol=1e-5)
    assert float(kernels.min()) >= 0


def test_kernels_in_focus_are_single_pixels_at_the_origin() -> None:
    delta = torch.zeros(SIZE)
    delta[0, 0] = 1.0
    for kernel in splat_kernels(aperture("half_disc", offset=0.05), torch.tensor(0.0), SIZE):
        torch.testing.assert_close(kernel, delta, rtol=0, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    family=st.sampled_from(FAMILIES),
    coc=st.one_of(st.floats(-8, 8), st.floats(-0.05, 0.05), st.sampled_from([0.0, 1e-6, -1.0, 1.0])),
    left=st.floats(0, 1),
    right=st.floats(0, 1),
    offset=st.floats(-0.05, 0.05),
)
def test_centroid_difference_is_alpha_times_the_circle_of_confusion(
    family: str, coc: float, left: float, right: float, offset: float
) -> None:
    lens = aperture(family, left, right, offset)
    of_left, of_right = centroids(splat_kernels(lens, torch.tensor(coc), SIZE))
    assert of_left[1] - of_right[1] == pytest.approx(float(lens.alpha) * coc, abs=2e-5 + 1e-5 * abs(coc))
    assert of_left[0] == pytest.approx(0, abs=1e-4)
    assert of_right[0] == pytest.approx(0, abs=1e-4)


def test_kernels_sampled_at_pixel_centres_would_not_be_linear() -> None:
    """Why kernels are splatted: the same half disc, sampled at points, is far from α·c."""
    y, x = np.meshgrid(np.arange(-8, 9), np.arange(-8, 9), indexing="ij")
    coc, inside = 1.5, x**2 + y**2 <= (1.5 / 2) ** 2
    right_half = inside * np.where(x > 0, 1.0, np.where(x == 0, 0.5, 0.0))
    sampled = 2 * (right_half * x).sum() / right_half.sum()
    assert abs(sampled - 4 / (3 * math.pi) * coc) > 0.2


def test_an_offset_moves_both_views_together() -> None:
    plain, moved = (
        centroids(splat_kernels(aperture("butterworth", offset=o), torch.tensor(6.0), SIZE)) for o in (0.0, 0.05)
    )
    np.testing.assert_allclose((moved - plain)[:, 1], 0.05 * 6.0, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_beyond_focus_mirror_those_nearer(family: str) -> None:
    lens = aperture(family, 0.6, right_shape=0.1, offset=0.03)
    near, far = splat_kernels(lens, torch.tensor([5.3, -5.3]), SIZE)
    torch.testing.assert_close(far, mirrored(near, -1, -2), rtol=0, atol=1e-5)
    assert float((far - near).abs().max()) > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_right_kernel_of_an_ideal_lens_mirrors_the_left_one(family: str) -> None:
    left, right = splat_kernels(aperture(family), torch.tensor(6.0), SIZE)
    torch.testing.assert_close(right, mirrored(left, -1), rtol=0, atol=1e-5)


def test_vertical_shift_moves_one_view_by_that_many_pixels() -> None:
    shift = torch.tensor([[0.0, 0.0], [0.7, 0.0]])
    of_left, of_right = centroids(splat_kernels(aperture("ramp_disc"), torch.tensor(3.0), SIZE, shift))
    assert of_left[0] == pytest.approx(0.0, abs=1e-4)
    assert of_right[0] == pytest.approx(0.7, abs=1e-4)
    assert of_left[1] - of_right[1] == pytest.approx(3.0 * float(aperture("ramp_disc").alpha), abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("coc", [-7.5, 0.4, 12.0])
def test_point_spread_shows_both_kernels_around_their_point(family: str, coc: float) -> None:
    lens = aperture(family, 0.2, right_shape=0.9, offset=0.02)
    spread = point_spread(lens, coc, size=21)
    axis = torch.arange(21) - 10.0
    assert float(spread.left.sum()) == pytest.approx(1.0, abs=1e-5)
    assert float(spread.right.sum()) == pytest.approx(1.0, abs=1e-5)
    apart = float(((spread.left - spread.right) * axis).sum())
    assert apart == pytest.approx(spread.alpha * coc, abs=1e-4)
    assert spread.alpha == pytest.approx(float(lens.alpha))


@pytest.mark.parametrize(("coc", "size"), [(4.0, 20), (-30.0, 31)])
def test_point_spread_refuses_a_size_that_it_does_not_fit_into(coc: float, size: int) -> None:
    with pytest.raises(DpocketError, match="odd size, of at least") as refusal:
        point_spread(aperture("half_disc"), coc, size)
    enough = int(str(refusal.value).rsplit(" ", 1)[1])
    assert float(point_spread(aperture("half_disc"), coc, enough).left.sum()) == pytest.approx(1.0, abs=1e-5)
