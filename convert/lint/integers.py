"""What a student's grid leaves of its values: clipped ends, unused codes, sums, biases and scales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from convert.grid import apply_grid
from convert.lint.measure import Codes
from convert.lower import lower
from runtime_py.errors import DpocketError
from runtime_py.lint.finding import Finding, LayerAudit
from runtime_py.lint.headroom import findings_and_audits
from training.graph import Layer, StudentGraph
from training.quantize import OUTPUT_STEPS, TAIL, Grid

CLIPPED = 10 * TAIL
"""Share of values at one end of a grid: calibration clips `TAIL` on purpose, ten times that is another distribution."""

UNUSED = 0.25
"""Share of the 256 codes below which two of eight bits are lost."""

BIAS = 2.0**24
"""Steps from which a bias cannot be carried as float32, and `convert.grid` refuses it."""


def findings_on_grid(graph: StudentGraph, grid: Grid, targets: list[str]) -> tuple[list[Finding], list[LayerAudit]]:
    """From the weights and the grid alone: a bias that is too large, else all of `runtime_py.lint.headroom`.

    `graph` as `training.quantize.adjusted` gives it. Findings that a target need not mind are left out. Raises
    nothing: a grid of another student is a finding.
    """
    where = {layer.name: layer.where for layer in graph.layers}
    refused = list(_large_biases(graph, grid))
    if refused:
        return refused, []
    try:
        program = apply_grid(lower(graph), grid)
    except DpocketError as e:
        return [not_its_grid(e)], []
    found, audits = findings_and_audits(program, lambda op: where[program.tensors[op.outputs[0]].name])
    there = [replace(f, precision="int8") for f in found if f.target in ("", *targets)]
    return _joined(there), audits


def findings_on_codes(graph: StudentGraph, used: Mapping[str, Codes]) -> Iterator[Finding]:
    """From what was seen of the tensors: too much clipped, or too few codes in use.

    An output whose range is its meaning (`OUTPUT_STEPS`) is meant to clip.
    """
    for layer in graph.layers:
        codes = used.get(layer.name)
        if codes is None or (layer.name in OUTPUT_STEPS and layer.name in graph.outputs):
            continue
        for share, end in ((codes.below, "low"), (codes.above, "high")):
            if share > CLIPPED:
                what = f"{share:.2%} of the values are clipped at the {end} end of its grid"
                yield _warning("clipping", layer, what, "calibrate anew, on inputs like those of use")
        if codes.used < UNUSED:
            what = f"{codes.used:.0%} of the 256 codes are in use"
            instead = "calibrate anew, or part the tensors that share its grid (concat, pooling)"
            yield _warning("codes", layer, what, instead)


def not_its_grid(error: DpocketError) -> Finding:
    """A grid that does not fit the student."""
    instead = "calibrate this student anew: dpocket export --calibrate percentile"
    return Finding("grid", "refused", "", "", str(error), instead, "", "int8")


def _large_biases(graph: StudentGraph, grid: Grid) -> Iterator[Finding]:
    for layer in graph.layers:
        scales, steps = grid.weights.get(layer.name), grid.tensors.get(layer.inputs[0])
        if layer.bias is None or scales is None or steps is None or len(scales) != layer.bias.numel():
            continue
        size = np.abs(layer.bias.double().numpy()) / (np.float64(steps.scale) * np.asarray(scales, np.float64))
        if size.max() >= BIAS:
            what = f"a bias of 2^{np.log2(size.max()):.1f} steps, and a target may carry it as float32 (below 2^24)"
            yield Finding("bias", "refused", layer.name, layer.where, what, "calibrate anew", "", "int8")


def _warning(check: str, layer: Layer, what: str, instead: str) -> Finding:
    return Finding(check, "warning", layer.name, layer.where, what, instead, "", "int8")


def _joined(findings: list[Finding]) -> list[Finding]:
    """Findings that differ in their target only, as one."""
    targets: dict[Finding, list[str]] = {}
    for finding in findings:
        targets.setdefault(replace(finding, target=""), []).append(finding.target)
    return [replace(finding, target=", ".join(t for t in names if t)) for finding, names in targets.items()]
