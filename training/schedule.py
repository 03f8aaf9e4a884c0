"""Learning rates as functions of the step alone.

A rate that answers to the loss (ReduceLROnPlateau) must be told of it once per epoch: told of every batch, it takes the
noise between batches for a plateau and is gone within some hundred steps, as seed 1's released code does. What a rate
here does not see cannot do that, and a run that is resumed has nothing to restore.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from runtime_py.errors import DpocketError
from training.recipes.base import Optimisation

Schedule = Callable[[float], float]
"""The share of training that is done (0 … 1, without the warm-up) to the share of the full learning rate."""


def one_cycle(done: float) -> float:
    """A cosine fall to nothing."""
    return 0.5 * (1.0 + math.cos(math.pi * done))


def halving(done: float) -> float:
    """Half from 3/5 of the training on, a quarter from 4/5 on (Ye et al., IEEE TIP 2021)."""
    return 0.25 if done >= 0.8 else 0.5 if done >= 0.6 else 1.0


def constant(done: float) -> float:
    """The full rate throughout."""
    return 1.0


SCHEDULES: Mapping[str, Schedule] = MappingProxyType({"one-cycle": one_cycle, "halving": halving, "constant": constant})


def learning_rate(step: int, settings: Optimisation) -> float:
    """The rate of `step`: a linear rise over the first `warmup` share of the steps, then the schedule's course."""
    rise = max(1, int(settings.warmup * settings.steps))
    if step < rise:
        return settings.learning_rate * (step + 1) / rise
    schedule = require_schedule(settings.schedule)
    return settings.learning_rate * schedule((step - rise) / max(1, settings.steps - rise))


def require_schedule(name: str) -> Schedule:
    """The schedule called `name`. Raises DpocketError listing the known ones."""
    if name not in SCHEDULES:
        raise DpocketError(f"no schedule is called '{name}'; known are: {', '.join(SCHEDULES)}")
    return SCHEDULES[name]
