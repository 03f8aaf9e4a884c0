"""The line between two disparities: exact where there is one, and not led astray by what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from training.affine import fit_line


def plane(seed: int, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 1, 12, 16, generator=torch.Generator().manual_seed(seed)) * 2


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 20), st.floats(-50, 50), st.integers(0, 1000))
def test_an_exact_line_is_found_even_when_a_third_of_the_labels_is_wrong(a: float, b: float, seed: int) -> None:
    x = plane(seed)
    y = a * x + b
    wrong = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed + 1)) < 0.33
    slope, offset = fit_line(x, torch.where(wrong, y + 3 * a * plane(seed + 2).abs(), y), torch.ones_like(x), steps=30)
    assert float(slope) == pytest.approx(a, rel=0.02)
    assert float(offset) == pytest.approx(b, abs=0.05 * a + 1e-3 * abs(b))


def test_the_line_is_that_of_least_absolute_residuals() -> None:
    x, noise, weight = plane(0), plane(1), plane(2).abs()
    y = 0.7 * x - 1 + 0.3 * noise**3 / 8

    def cost(line: np.ndarray) -> float:
        return float((weight * (line[0] * x + line[1] - y).abs()).sum())

    best = minimize(cost, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    slope, offset = fit_line(x, y, weight, steps=60)
    assert cost(np.array([float(slope), float(offset)])) == pytest.approx(best.fun, rel=1e-3)


def test_pixels_without_weight_may_hold_anything() -> None:
    x, y = plane(0), 2 * plane(0) + 1
    weight = torch.ones_like(x)
    weight[..., :4] = 0
    x[..., 0], y[..., 1], y[..., 2] = torch.nan, torch.inf, 1e9
    slope, offset = fit_line(x, y, weight)
    assert float(slope) == pytest.approx(2, abs=1e-3)
    assert float(offset) == pytest.approx(1, abs=1e-3)


def test_every_sample_has_a_line_of_its_own() -> None:
    x = plane(3, batch=3)
    a, b = torch.tensor([0.5, 1.0, 3.0]), torch.tensor([0.0, -2.0, 7.0])
    slope, offset = fit_line(x, a.view(-1, 1, 1, 1) * x + b.view(-1, 1, 1, 1), torch.ones_like(x))
    assert slope.flatten().tolist() == pytest.approx(a.tolist(), rel=1e-3)
    assert offset.flatten().tolist() == pytest.approx(b.tolist(), abs=1e-3)


def test_a_flat_scene_a_falling_line_and_no_weight_give_no_slope() -> None:
    x = plane(4)
    ones = torch.ones_like(x)
    for slope, offset in (
        fit_line(torch.full_like(x, 3.0), ones * 1.5, ones),
        fit_line(x, 1.5 - 2 * (x - x.median()), ones),
    ):
        assert float(slope) == 0
        assert float(offset) == pytest.approx(1.5, abs=0.3)
    slope, offset = fit_line(x, x, torch.zeros_like(x))
    assert float(slope) == float(offset) == 0
