"""`dpocket demo`: the whole way once, on what ships with the project or on a capture of your own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import runtime_py
from convert.artifact import Artifact
from convert.parity import CAPTURE, measure
from convert.student import export_checkpoint, float_student
from convert.targets import TARGETS
from runtime_py.captures import open_capture
from runtime_py.captures.capture import DPCapture
from runtime_py.contract import Contract
from runtime_py.files import write_atomic
from runtime_py.parity.matrix import Parity
from runtime_py.parity.report import Figure, Page, write_html
from runtime_py.pictures import confidence_png, disparity_png, view_png
from runtime_py.student import Prediction
from training.checkpoint import SHIPPED, Checkpoint, load_checkpoint

STAGES = 9
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DemoResult:
    """What the demo found: the parity table, and the int8 student against the float student on the capture."""

    capture: str
    seconds: float
    parity: Parity
    int8_mean_px: float
    int8_max_px: float

    def summary_line(self) -> str:
        """The demo in one sentence."""
        return (
            f"{self.capture}: {self.seconds:.0f} s; int8 against the float student: {self.int8_mean_px:.3f} px on "
            f"average, {self.int8_max_px:.2f} px at worst (at the capture's width)"
        )


def run_demo(out: Path, capture_path: Path | None, progress: Progress) -> DemoResult:
    """Read, quantise, export, run everywhere, compare; writes the artifacts and their report into `out`."""
    start = time.monotonic()
    progress("read the capture", 0, STAGES)
    capture = open_capture(capture_path or CAPTURE)
    checkpoint = load_checkpoint(SHIPPED)
    stages = iter(range(1, STAGES))
    made = export_checkpoint(
        checkpoint, list(TARGETS), "int8", out, progress=lambda what: progress(f"export: {what}", next(stages), STAGES)
    )
    made, parity = measure(made, capture, lambda what, done, of: progress(what, STAGES + done, STAGES + of + 1))
    cells = len(parity.rows)
    progress("disparity and report", STAGES + cells, STAGES + cells + 1)
    found = runtime_py.load_student(made[0].path).predict_of(capture)
    deviation = np.abs(found.disparity - float_student(checkpoint).disparity_of(capture))
    result = DemoResult(capture.name, time.monotonic() - start, parity, float(deviation.mean()), float(deviation.max()))
    _write_results(out, capture, found, checkpoint, made, result)
    progress("done", STAGES + cells + 1, STAGES + cells + 1)
    return result


def _write_results(
    out: Path,
    capture: DPCapture,
    found: Prediction,
    checkpoint: Checkpoint,
    made: list[Artifact],
    result: DemoResult,
) -> None:
    summary = {
        "capture": capture.name,
        "seconds": round(result.seconds, 2),
        "int8_against_float_px": {"mean": result.int8_mean_px, "max": result.int8_max_px},
        "rows": [row.to_dict() for row in result.parity.rows],
        "outputs": result.parity.outputs(),
    }
    write_atomic(out / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    pictures = _pictures(found, f"{capture.name}, int8 student", made[0].contract)
    for name, png in pictures.items():
        write_atomic(out / f"{name}.png", png)
    height, width = capture.size
    contract = made[0].contract
    facts = {
        "capture": f"{capture.name} ({capture.format}, {width}×{height}, {capture.bit_depth} bit)",
        "student": f"{checkpoint.name}, int8, {sum(p.numel() for p in checkpoint.student.parameters()):,} parameters",
        "grid": f"input step {contract.inputs[0].scale:.5f}, disparity step {contract.output('disparity').scale:.4f} "
        f"px at {contract.working_width} px width",
        "int8 against float": f"{result.int8_mean_px:.3f} px on average, {result.int8_max_px:.2f} px at worst",
        "samples": f"{made[0].manifest.parity['samples']}: tiles of the capture, and full-range random inputs",
        "time": f"{result.seconds:.0f} s",
    }
    figures = (
        Figure("left view, as a person would see it", view_png(capture.left)),
        Figure("right view", view_png(capture.right)),
        *(Figure(f"{name} of the int8 student", png) for name, png in pictures.items()),
    )
    write_html(
        Page("dpocket: from a dual-pixel capture to four artifacts", result.parity, facts, figures), out / "report.html"
    )


def _pictures(found: Prediction, title: str, contract: Contract) -> dict[str, bytes]:
    """PNGs by the name of the output."""
    made = {"disparity": disparity_png(found.disparity, title)}
    if found.confidence is not None:
        made["confidence"] = confidence_png(found.confidence, title, contract.output("confidence").within_px)
    return made
