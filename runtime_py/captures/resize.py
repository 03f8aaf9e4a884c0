"""Resizing a plane along both axes as plain float64 operations in a stated order (see `exact.py` for why)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def shrink(plane: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """Means of an H×W plane over the areas of height × width cells that divide it evenly; float64.

    Along an axis of n samples, cell i of `count` reaches from i·n/count to (i + 1)·n/count. The integral up to such an
    edge is the running sum of the whole samples before it plus the share of the sample that it lies in; a cell is the
    difference of the integrals at its ends over n/count. Rows are joined first, then columns.
    """
    rows, columns = plane.shape
    return _shrink_columns(_shrink_rows(plane, rows, height), columns, width)


def enlarge(plane: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """An H×W plane interpolated linearly at the centres of height × width cells; float64, edges held.

    Along an axis of n samples, cell i of `count` takes a·(1 - share) + b·share of the samples a and b around
    (i + 1/2)·n/count - 1/2. Columns are made first, then rows.
    """
    across = _between(np.asarray(plane, np.float64), width, 1)
    return _between(across, height, 0)


def _edges(n: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Whole samples before each of the count + 1 edges of cells, and the share of the next sample."""
    scaled = np.arange(count + 1, dtype=np.int64) * n
    return scaled // count, (scaled % count) / count


def _shrink_rows(plane: NDArray[Any], n: int, count: int) -> NDArray[np.float64]:
    whole, share = _edges(n, count)
    result = np.empty((count, plane.shape[1]), np.float64)
    running, before, at = np.zeros(plane.shape[1], np.float64), np.zeros(plane.shape[1], np.float64), 0
    for cell in range(count):
        for row in plane[at : whole[cell + 1]]:
            running += row
        at = int(whole[cell + 1])
        integral = running + share[cell + 1] * plane[at].astype(np.float64) if at < n else running.copy()
        np.subtract(integral, before, out=result[cell])
        before = integral
    result /= n / count
    return result


def _shrink_columns(plane: NDArray[np.float64], n: int, count: int) -> NDArray[np.float64]:
    whole, share = _edges(n, count)
    running = np.zeros((plane.shape[0], n + 1), np.float64)
    np.cumsum(plane, axis=1, out=running[:, 1:])
    integral = running.take(whole, 1)
    integral[:, :-1] += share[:-1] * plane.take(whole[:-1], 1)
    result = integral[:, 1:] - integral[:, :-1]
    result /= n / count
    return result


def _between(plane: NDArray[np.float64], count: int, axis: int) -> NDArray[np.float64]:
    n = plane.shape[axis]
    scaled = np.clip((2 * np.arange(count, dtype=np.int64) + 1) * n - count, 0, 2 * count * (n - 1))
    first, share = scaled // (2 * count), (scaled % (2 * count)) / (2 * count)
    second = np.minimum(first + 1, n - 1)
    share = share[:, None] if axis == 0 else share[None, :]
    result: NDArray[np.float64] = plane.take(first, axis) * (1.0 - share) + plane.take(second, axis) * share
    return result
