"""`ExportRequest`: what `dpocket export` was asked for, and doing it: export, then measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from convert.artifact import Artifact
from convert.commands import parse_size, recalibration
from convert.coreml_options import CoreMLOptions
from convert.parity import measure
from convert.student import export_checkpoint
from runtime_py import lint
from runtime_py.lowering import DELEGATES
from runtime_py.parity.matrix import Parity
from runtime_py.parity.record import OUTSIDE, UNCOMPARED, rows_of
from training.checkpoint import load_checkpoint

Report = Callable[[str, str, int, int], None]
"""A progress bar's key, what is done now, steps done and steps in all."""


@dataclass(frozen=True)
class ExportRequest:
    """The command's options as they are written there; see `dpocket export --help`."""

    checkpoint: Path
    targets: str
    precision: str
    size: str
    out: Path
    float_io: bool = False
    calibrate: str | None = None
    calibration: str | None = None
    parity: bool = True
    deployment_target: str | None = None
    coreml_inputs: str | None = None
    exact_onnx: bool = False

    def run(self, report: Report, linted: Callable[[lint.Report], None] = lambda _: None) -> Exported:
        """Export, run what was made in every runtime that is here, and write the parity into the manifests.

        `linted` is given the student's lint before anything is converted. Raises what
        `convert.student.export_checkpoint` and `convert.parity.measure` raise.
        """
        targets = [name.strip() for name in self.targets.split(",") if name.strip()]
        stages = len(targets) + 3
        steps = iter(range(stages + 1))
        checkpoint = load_checkpoint(self.checkpoint)
        recalibrate = recalibration(self.precision, self.calibrate, self.calibration)
        made = export_checkpoint(
            checkpoint,
            targets,
            self.precision,
            self.out,
            parse_size(self.size),
            lambda what: report("export", what, next(steps), stages),
            self.float_io,
            recalibrate,
            linted,
            coreml=self._coreml(),
            exact_onnx=self.exact_onnx,
        )
        report("export", "export", stages, stages)
        new_grid = None if recalibrate is None else checkpoint.grid_path
        if not self.parity:
            return Exported(tuple(made), None, new_grid)
        measured, parity = measure(made, progress=lambda what, done, of: report("parity", what, done, of))
        return Exported(tuple(measured), parity, new_grid)

    def _coreml(self) -> CoreMLOptions | None:
        asked = {"deployment_target": self.deployment_target, "inputs": self.coreml_inputs}
        given = {name: value for name, value in asked.items() if value is not None}
        return CoreMLOptions(**given) if given else None


@dataclass(frozen=True)
class Exported:
    """Artifacts, their parity unless nobody wanted it measured, and the grid if it was made anew for them."""

    artifacts: tuple[Artifact, ...]
    parity: Parity | None
    new_grid: Path | None = None

    @property
    def within_budget(self) -> bool:
        """False when an artifact is outside the budget of a runtime that ran it, or was refused by one."""
        return self.parity is None or self.parity.within_budget

    def lines(self) -> Sequence[str]:
        """A line for every artifact: where it is, its size and its parity; below those outside their budget, why.

        Before them, a line that says so when the grid beside the checkpoint was replaced.
        """
        found = [] if self.new_grid is None else [self._calibration_line(self.new_grid)]
        for artifact in self.artifacts:
            status = str(artifact.manifest.parity["status"])
            told = f"{artifact.path}  {artifact.manifest.bytes / 1024:.0f} KiB  parity: {status}"
            rows = [] if self.parity is None else rows_of(self.parity, artifact.path)
            if status == UNCOMPARED and rows:
                told += f" ({rows[-1].reason})"
            if artifact.target in DELEGATES:
                told += f" (no runtime here has the {DELEGATES[artifact.target].title} delegate)"
            found.append(told)
            if status == OUTSIDE:
                broken = [row for row in rows if row.status in ("over", "failed")]
                found += [f"  {row.runtime} ({row.dialect}): {row.reason}" for row in broken]
        return found

    def _calibration_line(self, grid: Path) -> str:
        told = self.artifacts[0].manifest.calibration
        return f"{grid}  calibrated anew: {told['method']} on {told['source']}"
