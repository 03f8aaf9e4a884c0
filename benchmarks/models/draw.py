"""Random shapes, scales, zero points and stored values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rng = np.random.Generator


def stored(rng: Rng, shape: tuple[int, ...]) -> Array:
    return rng.integers(-128, 128, shape).astype(np.int8)


def scale(rng: Rng, low: float = 1e-3, high: float = 1.0) -> float:
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def zero(rng: Rng) -> int:
    return int(rng.choice([-128, 0, 127, int(rng.integers(-128, 128))]))


def size(rng: Rng, low: int = 1, high: int = 12) -> int:
    return int(rng.integers(low, high))


def image(rng: Rng, low: int = 1) -> tuple[int, int, int, int]:
    return size(rng, 1, 3), size(rng, low, 16), size(rng, low, 16), size(rng, 1, 20)


def shape(rng: Rng) -> tuple[int, ...]:
    """Mostly an image's, otherwise of any rank from 1 to 5."""
    if rng.random() < 0.6:
        return image(rng)
    return tuple(size(rng, 1, 8) for _ in range(size(rng, 1, 6)))


def broadcastable(rng: Rng, whole: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to `whole`: with ones, of lower rank, or a single value."""
    other = tuple(1 if rng.random() < 0.5 else n for n in whole)
    return other[size(rng, 0, len(whole)) :] if rng.random() < 0.4 else other
