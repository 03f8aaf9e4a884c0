"""Learning rates: their courses, and the trap of seed 1's released code."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from runtime_py.errors import DpocketError
from training.recipes.base import Optimisation
from training.schedule import SCHEDULES, learning_rate

STEPS = 2000


def noisy_falling_losses() -> list[float]:
    """From 1 down to 0.4 in a straight line, with noise between batches of a tenth of that."""
    noise = torch.randn(STEPS, generator=torch.Generator().manual_seed(0))
    return (torch.linspace(1.0, 0.4, STEPS) + 0.1 * noise).tolist()


def test_plateau_schedule_stepped_per_iteration_collapses_while_every_schedule_here_depends_on_the_step_only() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))

    def rate_after(told: list[float]) -> float:
        optimiser = torch.optim.RMSprop([weight], lr=1e-4)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, patience=10)
        for loss in told:
            plateau.step(loss)
        return float(optimiser.param_groups[0]["lr"])

    losses = noisy_falling_losses()
    epochs = [sum(losses[i : i + 100]) / 100 for i in range(0, STEPS, 100)]
    assert rate_after(losses[: STEPS // 4]) < 1e-4 / 100, "the loss falls all the time, and the rate is gone"
    assert rate_after(epochs) == 1e-4, "told of each epoch, the same rule sees no plateau"
    settings = {name: Optimisation(steps=STEPS, learning_rate=1e-4, schedule=name) for name in SCHEDULES}
    for name, chosen in settings.items():
        assert learning_rate(STEPS // 4, chosen) > 0.8e-4, name
        assert learning_rate(STEPS * 7 // 10, chosen) > 1e-5, name


def test_one_cycle_rises_linearly_and_falls_as_a_cosine() -> None:
    settings = Optimisation(steps=100, warmup=0.1, learning_rate=2e-3)
    rates = [learning_rate(step, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([2e-4 * (n + 1) for n in range(10)])
    assert rates[10] == pytest.approx(2e-3)
    assert rates[55] == pytest.approx(1e-3)
    assert 0 < rates[99] < 2e-6
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


def test_halving_halves_at_three_and_at_four_fifths() -> None:
    settings = Optimisation(steps=1001, warmup=0.0, learning_rate=1e-4, schedule="halving")
    rates = [learning_rate(step, settings) for step in range(1001)]
    assert rates == [1e-4] * 601 + [0.5e-4] * 200 + [0.25e-4] * 200


def test_a_constant_rate_is_constant_after_its_rise() -> None:
    settings = Optimisation(steps=50, warmup=0.1, learning_rate=3e-4, schedule="constant")
    assert [learning_rate(step, settings) for step in range(5, 50)] == [3e-4] * 45


def test_an_unknown_schedule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DpocketError, match="no schedule is called 'cosine'; known are: one-cycle, halving, constant"):
        learning_rate(9999, Optimisation(schedule="cosine"))
