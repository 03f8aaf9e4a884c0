"""Post-training quantisation: a float student and inputs to its grid, with the adjustments that were asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from runtime_py.errors import DpocketError
from training.graph import StudentGraph
from training.quantize.balance import balancing_factors
from training.quantize.bias import bias_corrections, shifted
from training.quantize.calibrate import calibrate, grid_of_weights
from training.quantize.equalise import equalising_factors, rescaled
from training.quantize.grid import Grid
from training.quantize.ranges import METHODS, inputs_hash

ADJUSTMENTS = ("equalise", "balance", "bias")
"""What may be done to a float student before it is rounded; joined to a method by "+", the first two not both."""


def quantised(
    graph: StudentGraph,
    batches: Iterable[Mapping[str, Tensor]],
    *,
    input_scale: float,
    method: str = "minmax",
    output_scale: float | None = None,
) -> Grid:
    """The grid of a trained student by `method`: one of `ranges.METHODS`, and `ADJUSTMENTS` behind it.

    Inputs and scales are those of `calibrate`. Raises DpocketError for a method that `parsed` refuses, and for inputs
    that `calibrate` refuses.
    """
    ranges, adjustments = parsed(method)
    seen = list(batches)
    factors = _factors(graph, seen, adjustments)
    scaled = rescaled(graph, factors)
    grid = calibrate(scaled, seen, input_scale=input_scale, method=ranges, output_scale=output_scale)
    grid = replace(grid, method=method, equalised=factors, calibration=inputs_hash(seen))
    if "bias" in adjustments:
        grid = replace(grid, bias=bias_corrections(scaled, grid, seen))
        grid = replace(grid, weights=grid_of_weights(adjusted(graph, grid), grid.tensors))
    return grid


def _factors(
    graph: StudentGraph, batches: Sequence[Mapping[str, Tensor]], adjustments: Collection[str]
) -> dict[str, tuple[float, ...]]:
    if "equalise" in adjustments:
        return equalising_factors(graph)
    return balancing_factors(graph, batches) if "balance" in adjustments else {}


def adjusted(graph: StudentGraph, grid: Grid) -> StudentGraph:
    """The float student as the grid's weight scales take it: equalised, then with corrected biases.

    What it computes in float is `graph` but for the corrections. Raises DpocketError for a grid of another student.
    """
    return shifted(rescaled(graph, grid.equalised), grid.bias)


def parsed(method: str) -> tuple[str, tuple[str, ...]]:
    """The method of ranges and the adjustments of "percentile+balance+bias". Raises DpocketError for anything else."""
    ranges, *adjustments = method.split("+")
    unknown = [name for name in adjustments if name not in ADJUSTMENTS]
    twice = len(set(adjustments)) != len(adjustments) or {"equalise", "balance"} <= set(adjustments)
    if ranges not in METHODS or unknown or twice:
        raise DpocketError(
            f"no calibration method '{method}'; there are: {', '.join(METHODS)}, and behind any of them +equalise or "
            "+balance, and +bias"
        )
    return ranges, tuple(adjustments)
