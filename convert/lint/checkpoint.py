"""Lint of a checkpoint: what its network, weights and grid ask of every target, before anything is converted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from convert.lint import half
from convert.lint.integers import findings_on_codes, findings_on_grid, not_its_grid
from convert.lint.measure import Codes, Observer, OnGrid, Reach, observe
from convert.lint.rules import CAVEATS, NOTES, offered
from convert.precision import PRECISIONS
from convert.targets import ALL_TARGETS, TARGETS
from runtime_py.errors import DpocketError
from runtime_py.lint.finding import Finding, LayerAudit, Report, sorted_findings, with_status
from training.advice import ADVICE, Refusal, Refused
from training.calibration import calibrated, stored_grid, traced
from training.calibration_inputs import SEED, rendered_inputs
from training.checkpoint import Checkpoint
from training.graph import StudentGraph
from training.quantize import Grid, adjusted

SCENES = 16
"""Rendered for a lint; of another seed than those of the calibration, so that clipping is seen. With half as many, deep
layers of the shipped student use a quarter of the codes that they use with twice as many."""


def lint_checkpoint(
    checkpoint: Checkpoint,
    size: tuple[int, int],
    targets: Sequence[str] = tuple(TARGETS),
    precisions: Sequence[str] = tuple(PRECISIONS),
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """All findings on a student for inputs of `size` (height, width), in the `targets` and at the `precisions` given.

    A network that cannot be traced has one finding per line of it that is refused, and nothing else. Pairs of target
    and precision that there are not are no findings but facts. `progress` is told each of three stages.
    """
    progress("trace")
    try:
        graph = traced(checkpoint, size)
    except DpocketError as e:
        return Report(checkpoint.name, tuple(refusals(e)), facts={"network": checkpoint.model})
    grid, pairs = None, offered(targets, precisions)
    progress("calibrate")
    if any(p == "int8" for _, p in pairs):
        grid = stored_grid(checkpoint) or calibrated(checkpoint)
    progress("measure")
    report = lint_student(checkpoint, graph, grid, pairs)
    missing = {
        f"{t} {p}": f"not made: {ALL_TARGETS[t].refused[p]}" for t in targets for p in precisions if (t, p) not in pairs
    }
    return replace(report, facts={**report.facts, **missing})


def require_traced(checkpoint: Checkpoint, size: tuple[int, int]) -> StudentGraph:
    """The student's graph for inputs of `size`. Raises DpocketError with every line of the model that is refused."""
    try:
        return traced(checkpoint, size)
    except Refused as e:
        require_clean(Report(checkpoint.name, tuple(refusals(e))))
        raise


def refusals(error: DpocketError) -> Iterator[Finding]:
    """What kept a network from being traced: every line of it, or the one reason that there is no graph at all."""
    if not isinstance(error, Refused):
        what, _, instead = str(error).partition("; ")
        yield Finding("network", "refused", "", "", what, instead or "write it of what students are made of")
        return
    alike: dict[tuple[str, ...], list[str]] = {}
    for refusal in error.refusals:
        line, _, module = refusal.place.partition(" (module '")
        key = refusal.op, line, _why(refusal), refusal.instead
        alike.setdefault(key, []).append(module.removesuffix("')"))
    for (op, line, what, instead), modules in alike.items():
        times = f", {len(modules)} times, first in '{modules[0]}'" if len(modules) > 1 else ""
        place = f"{line} (module '{modules[0]}')" if modules[0] else line
        yield Finding("operation", "refused", op, place, f"{what}{times}", instead)


def lint_student(
    checkpoint: Checkpoint, graph: StudentGraph, grid: Grid | None, pairs: Sequence[tuple[str, str]]
) -> Report:
    """As `lint_checkpoint`, of a graph and a grid that are at hand, for the (target, precision) `pairs`."""
    found = list(_caveats(graph, pairs))
    facts = _facts(checkpoint, grid, pairs)
    audits: dict[str, dict[str, float]] = {layer.name: {} for layer in graph.layers}
    try:
        on_grid = graph if grid is None else adjusted(graph, grid)
    except DpocketError as e:
        found.append(not_its_grid(e))
        grid, on_grid = None, graph
    measured = _measured(checkpoint, (graph, on_grid), grid, pairs, facts)
    found += half.findings(graph, measured.reach, list(pairs))
    targets = [t for t, p in pairs if p == "int8"]
    if grid is not None and targets:
        findings, figures = findings_on_grid(on_grid, grid, targets)
        found += findings + list(findings_on_codes(on_grid, measured.codes))
        for audit in figures:
            audits[audit.layer] |= audit.figures
    for name, figures_of_layer in audits.items():
        figures_of_layer |= measured.figures(name)
    layers = [LayerAudit(layer.name, layer.kind, layer.where, audits[layer.name]) for layer in graph.layers]
    layers = [layer for layer in layers if layer.figures]
    return Report(checkpoint.name, sorted_findings(found), with_status(layers, found), facts)


@dataclass(frozen=True)
class _Measured:
    """What was seen of the float student, and of its values on the grid; empty where nothing was asked or seen."""

    reach: Reach
    codes: Mapping[str, Codes]

    def figures(self, name: str) -> dict[str, float]:
        found = {"activation": self.reach.activation, "partial": self.reach.partial}
        figures = {key: values[name] for key, values in found.items() if name in values}
        return figures | (vars(self.codes[name]) if name in self.codes else {})


def _measured(
    checkpoint: Checkpoint,
    graphs: tuple[StudentGraph, StudentGraph],
    grid: Grid | None,
    pairs: Sequence[tuple[str, str]],
    facts: dict[str, str],
) -> _Measured:
    """Run the float student, and the one that is rounded, on rendered scenes, as far as `pairs` ask for it.

    `facts` are told what was measured on, or why nothing was: photographs that a recipe names may lie elsewhere.
    """
    graph, on_grid = graphs
    reach, codes = Reach(graph), OnGrid(grid or Grid({}, {}))
    reals: list[Observer] = [reach] if any(pair in half.COMPUTES_IN_HALF for pair in pairs) else []
    integers: list[Observer] = [codes] if grid is not None and set(graph.shapes) <= set(grid.tensors) else []
    try:
        batches = rendered_inputs(checkpoint, SCENES, SEED + 1).batches if reals or integers else ()
    except DpocketError as e:
        facts["not measured"] = str(e)
        batches = ()
    if batches:
        facts["measured on"] = f"{SCENES} rendered scenes"
    # Post-training leaves most students as they are: then one run serves both.
    together = [*reals, *integers] if on_grid is graph else reals
    observe(graph, batches, together)
    if on_grid is not graph:
        observe(on_grid, batches, integers)
    return _Measured(reach, codes.codes())


def require_clean(report: Report) -> None:
    """Raise DpocketError with all that is refused, one per line; nothing where nothing is."""
    if report.refused:
        lines = [f"{f.place or f.layer or report.subject}: {f.what}; {f.instead}" for f in report.refused]
        count = "one thing" if len(lines) == 1 else f"{len(lines)} things"
        raise DpocketError(f"{report.subject} cannot be exported for {count}:\n" + "\n".join(lines))


def _why(refusal: Refusal) -> str:
    advice = ADVICE.get(refusal.op)
    targets = "; ".join(f"{name}: {why}" for name, why in advice.targets.items()) if advice else ""
    return f"{refusal.what} ({targets})" if targets else refusal.what


def _caveats(graph: StudentGraph, pairs: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    for (kind, target, precision), verdict in CAVEATS.items():
        layers = [layer for layer in graph.layers if layer.kind == kind]
        if layers and (target, precision) in pairs:
            others = f" and {len(layers) - 1} more {kind}" if len(layers) > 1 else ""
            what = f"{layers[0].name}{others}: {verdict.why}"
            place = layers[0].where
            yield Finding("rules", verdict.status, layers[0].name, place, what, verdict.instead, target, precision)


def _facts(checkpoint: Checkpoint, grid: Grid | None, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    facts = {"network": checkpoint.model}
    if grid is not None:
        stored = "beside the weights" if checkpoint.grid_path.exists() else "made for this lint, not stored"
        facts["grid"] = f"{grid.method}, {stored}"
    return facts | {f"{t} {p}": NOTES[t, p] for t, p in pairs if (t, p) in NOTES}
