"""The sensor against statistics of its noise, the reader of a phone's files, and arithmetic by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from runtime_py.captures.radiometry import linear_from_counts, square_pixels
from runtime_py.errors import DpocketError
from training.sensor import add_sensor_noise, expose, random_sensor, sensor, vignetting

QUIET = {"electrons": 1e16, "read_noise": 0.0}


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grey(level: float, h: int = 200, w: int = 200) -> Tensor:
    return torch.full((1, 2, h, w), level)


@pytest.mark.parametrize(("level", "electrons", "read"), [(0.0, 1000.0, 5.0), (0.3, 300.0, 0.5), (0.9, 10000.0, 3.0)])
def test_noise_has_the_variance_of_shot_and_read_noise(level: float, electrons: float, read: float) -> None:
    view = torch.full((1, 1, 200, 200), level)
    noisy = add_sensor_noise(view, torch.full((1, 1, 1, 1), electrons), torch.full((1, 1, 1, 1), read), dice(5))
    n = noisy.numel()
    variance = (level * electrons + read**2) / electrons**2
    error = (noisy - view).double()
    # Four standard errors: of a mean sigma/sqrt(n), of a normal variance sigma²·sqrt(2/n).
    assert float(error.mean()) == pytest.approx(0.0, abs=4 * math.sqrt(variance / n))
    assert float(error.var()) == pytest.approx(variance, rel=4 * math.sqrt(2 / n))


@pytest.mark.parametrize(
    ("spread", "next_to", "beyond"), [(0.2, 6 / 11, 1 / 11), (0.25, 2 / 3, 1 / 6), (1 / 3, 2 / 3, 1 / 3)]
)
def test_shared_noise_keeps_its_variance_and_correlates_as_its_kernel_does(
    spread: float, next_to: float, beyond: float
) -> None:
    """Of (s, 1 - 2s, s): 2s(1 - 2s) and s² over (1 - 2s)² + 2s² along an axis; their product on diagonals."""
    view = torch.full((2, 1, 400, 400), 0.4)
    electrons, read = torch.full((2, 1, 1, 1), 2000.0), torch.full((2, 1, 1, 1), 4.0)
    shares = torch.tensor([spread, 0.0]).reshape(2, 1, 1, 1)
    shared, own = (add_sensor_noise(view, electrons, read, dice(3), shares) - view)[:, 0].double().unbind(0)
    variance = (0.4 * 2000 + 16) / 2000**2
    for noise in (shared, own):
        # Four standard errors of a variance; the strongest correlation (Σρ² = 4.5) leaves a fifth of the samples.
        assert float(noise.var()) == pytest.approx(variance, rel=4 * math.sqrt(2 * 5 / view[0].numel()))

    def correlation(noise: Tensor, down: int, right: int) -> float:
        return float((noise * noise.roll((down, right), (0, 1))).mean() / noise.var())

    for shift, expected in ((1, next_to), (2, beyond), (3, 0.0)):
        assert correlation(shared, 0, shift) == pytest.approx(expected, abs=0.025)
        assert correlation(shared, shift, 0) == pytest.approx(expected, abs=0.025)
        assert correlation(own, 0, shift) == pytest.approx(0.0, abs=0.01)
    assert correlation(shared, 1, -1) == pytest.approx(next_to**2, abs=0.025)


def test_shot_noise_of_a_negative_sample_is_that_of_darkness() -> None:
    electrons, read = torch.full((1, 1, 1, 1), 500.0), torch.full((1, 1, 1, 1), 2.0)
    errors = [
        add_sensor_noise(view, electrons, read, dice(1)) - view
        for view in (torch.full((1, 1, 8, 8), -0.2), torch.zeros(1, 1, 8, 8))
    ]
    torch.testing.assert_close(errors[0], errors[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("bits", "black"), [(8, 4.0), (10, 64.0), (12, 256.0), (14, 1024.0)])
def test_stored_values_have_the_mean_and_variance_of_noise_and_rounding(bits: int, black: float) -> None:
    exposed = expose(grey(0.4), sensor(electrons=6000, read_noise=3, bits=bits, black=black), dice())
    assert exposed.stored.dtype == torch.int32
    scale = 2**bits - 1 - black
    variance = (0.4 * 6000 + 9) / 6000**2 * scale**2 + 1 / 12
    for view in exposed.stored[0].double():
        n = view.numel()
        assert float(view.mean()) == pytest.approx(black + 0.4 * scale, abs=4 * math.sqrt(variance / n))
        assert float(view.var()) == pytest.approx(variance, rel=4 * math.sqrt(2 / n))


def test_noise_of_the_two_views_is_independent() -> None:
    left, right = (expose(grey(0.4), sensor(bits=14), dice()).linear[0].flatten(1) - 0.4).double()
    correlation = float((left * right).mean() / (left.std() * right.std()))
    assert abs(correlation) < 4 / math.sqrt(left.numel())


def test_darkness_is_stored_as_the_black_level_and_its_noise_on_both_sides_of_it() -> None:
    stored = expose(grey(0.0), sensor(electrons=1000, read_noise=4, bits=12, black=200), dice()).stored.double()
    assert float(stored.mean()) == pytest.approx(200, abs=0.5)
    assert float((stored < 200).double().mean()) == pytest.approx(0.5, abs=0.03)
    buried = expose(grey(0.0), sensor(electrons=1000, read_noise=4, bits=12, black=0), dice()).stored
    assert int(buried.min()) == 0
    assert float((buried == 0).double().mean()) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_rounding_errs_by_half_a_step_at_most_and_evenly(bits: int) -> None:
    ramp = torch.linspace(0.01, 0.99, 40000).reshape(1, 1, 200, 200).expand(1, 2, 200, 200)
    error = (expose(ramp, sensor(**QUIET, bits=bits, black=0), dice()).linear - ramp).double() * (2**bits - 1)
    assert float(error.abs().max()) <= 0.51
    assert float(error.var()) == pytest.approx(1 / 12, rel=0.05)


def test_light_beyond_white_is_stored_as_white() -> None:
    stored = expose(torch.tensor([1.0, 1.7, 40.0]).expand(1, 2, 1, 3), sensor(**QUIET, bits=10), dice()).stored
    assert stored.unique().tolist() == [1023]


def test_full_photodiode_clips_below_the_largest_stored_value() -> None:
    exposed = expose(grey(1.2), sensor(bits=12, black=100, full_well=0.9), dice())
    assert exposed.stored.unique().tolist() == [round(100 + 0.9 * (4095 - 100))]
    assert float(exposed.linear.max()) == pytest.approx(0.9, abs=1e-3)


def test_one_in_two_pixels_hold_the_mean_of_their_rows_and_less_noise_than_each() -> None:
    rows = torch.tensor([0.2, 0.4, 0.1, 0.7])[None, None, :, None].expand(1, 2, 4, 6)
    exposed = expose(rows, sensor(**QUIET, bits=14, black=0, rows_binned=2), dice())
    assert exposed.stored.shape == (1, 2, 2, 6)
    np.testing.assert_allclose(exposed.linear[0, 0, :, 0], [0.3, 0.3, 0.4, 0.4], atol=1e-4)
    with pytest.raises(DpocketError, match="5 rows"):
        expose(grey(0.1, 5, 4), sensor(rows_binned=2), dice())


def test_linear_views_are_those_of_the_reader_of_a_phones_files() -> None:
    exposed = expose(torch.rand(1, 2, 16, 24, generator=dice(1)), sensor(rows_binned=2), dice())
    stored = exposed.stored[0, 1].numpy().astype(np.uint16)
    read = square_pixels(linear_from_counts(stored, 64, 1023).astype(np.float32), 2)
    np.testing.assert_allclose(exposed.linear[0, 1], read, atol=1e-6)


def test_tone_curve_is_applied_before_rounding_and_undone_after_it() -> None:
    exposed = expose(grey(0.25, 2, 2) + 0.003, sensor(**QUIET, bits=8, black=0, gamma=2.0), dice())
    assert exposed.stored.unique().tolist() == [128]  # 255·sqrt(0.253) = 128.26
    assert float(exposed.linear[0, 0, 0, 0]) == pytest.approx((128 / 255) ** 2, abs=1e-6)
    dark = torch.full((1, 2, 64, 64), 0.002)
    toned, linear = (
        expose(dark, sensor(**QUIET, bits=8, black=0, gamma=g), dice()).linear.sub(dark).abs().mean() for g in (2.2, 1)
    )
    assert float(toned) < 0.2 * float(linear)


def test_views_are_vignetted_each_in_its_own_way() -> None:
    lens = sensor(gain=(1.0, 0.8), lean=(0.2, -0.1), falloff=(0.3, 0.1))
    left, right = vignetting(lens, 101, 201)[0]
    assert float(left[50, 100]) == pytest.approx(1.0)
    assert float(right[50, 100]) == pytest.approx(0.8)
    # At a pixel half-way to the right edge: (1 - 0.3/4)·(1 + 0.2/2).
    assert float(left[50, 150]) == pytest.approx((1 - 0.3 / 4) * 1.1, abs=0.005)
    assert float(right[50, 150]) == pytest.approx(0.8 * (1 - 0.1 / 4) * 0.95, abs=0.005)
    assert float(left[0, 0]) == pytest.approx((1 - 2 * 0.3) * 0.8, abs=0.01)
    exposed = expose(grey(0.5, 101, 201), replace(lens, electrons=torch.tensor([1e16])), dice())
    np.testing.assert_allclose(exposed.linear[0, 0], 0.5 * left, atol=1e-3)


def test_random_sensors_store_what_a_phone_or_a_camera_does() -> None:
    sensors = random_sensor(dice(2), 400)
    assert set(sensors.bits.tolist()) == {8.0, 10.0, 12.0, 14.0}
    assert bool((sensors.black < sensors.white / 15).all())
    assert bool((sensors.gamma[sensors.bits > 8] == 1).all())
    assert 0.5 < float((sensors.gamma[sensors.bits == 8] > 1).double().mean()) < 0.95
    field = vignetting(sensors, 9, 9)
    assert float(field.min()) > 0
    middle = field[:, :, 4, 4]
    ratio = (middle[:, 0] / middle[:, 1]).log().abs().exp()
    assert 1.0 < float(ratio.median()) < float(ratio.max()) < 1.3
    exposed = expose(torch.rand(400, 2, 8, 8, generator=dice(3)), sensors, dice(4))
    assert bool((exposed.stored >= 0).all())
    assert bool((exposed.stored.flatten(1).amax(1) <= sensors.white).all())
    assert bool(torch.isfinite(exposed.linear).all())


def test_all_of_a_sensor_moves_to_another_device() -> None:
    moved = random_sensor(dice(), 2, rows_binned=2).to("meta")
    assert moved.rows_binned == 2
    assert vignetting(moved, 4, 4).device.type == moved.white.device.type == moved.gamma.device.type == "meta"


def test_each_sensor_of_a_batch_exposes_its_own_views() -> None:
    sensors = random_sensor(dice(2), 2)
    quiet = replace(sensors, electrons=torch.full((2,), 1e16), read_noise=torch.zeros(2))
    views = torch.rand(2, 2, 6, 6, generator=dice(3))
    together = expose(views, quiet, dice())
    parts: dict[str, Any] = {name: getattr(quiet, name) for name in quiet.__dataclass_fields__ if name != "rows_binned"}
    for index in range(2):
        alone = replace(quiet, **{name: value[index : index + 1] for name, value in parts.items()})
        torch.testing.assert_close(expose(views[index, None], alone, dice()).stored[0], together.stored[index])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"electrons": 0.0}, "0 electrons"),
        ({"full_well": 1.5}, "full well at 1.5"),
        ({"bits": 8, "black": 255.0}, "black at 255"),
        ({"bits": 20}, "20 bits"),
    ],
)
def test_numbers_that_make_no_sensor_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DpocketError, match=said):
        sensor(**wrong)
