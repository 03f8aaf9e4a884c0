"""The jobs behind `dpocket run` and `dpocket parity`: from files to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from runtime_py.captures import captures_in, open_capture
from runtime_py.captures.capture import DPCapture
from runtime_py.errors import ContractError
from runtime_py.files import write_atomic
from runtime_py.manifest import contract_of
from runtime_py.parity.budget import load_budget
from runtime_py.parity.matrix import Parity, run_parity
from runtime_py.parity.samples import Sample, capture_samples, random_samples
from runtime_py.student import Student

Progress = Callable[[str, int, int], None]

RANDOM_SAMPLES = 2
"""Full-range random inputs that join the tiles of the captures in every parity run."""


def disparity_to_folder(student: Student, capture: DPCapture, out: Path) -> str:
    """Write what `student` says of `capture`, in stored orientation; returns a line for the terminal.

    `disparity.pfm` (float32 px) and `disparity.png`, and of a student with a confidence `confidence.pfm` (float32,
    0..1) and `confidence.png`. A confidence of an earlier run that would not belong to this disparity is removed.
    """
    from runtime_py.captures.pfm import write_pfm
    from runtime_py.pictures import confidence_png, disparity_png

    found = student.predict_of(capture)
    write_pfm(out / "disparity.pfm", found.disparity)
    write_atomic(out / "disparity.png", disparity_png(found.disparity, capture.name))
    low, high = float(found.disparity.min()), float(found.disparity.max())
    height, width = found.disparity.shape
    told = f"{capture.name}: {width}×{height}, disparity {low:+.2f} to {high:+.2f} px"
    if found.confidence is None:
        for name in ("confidence.pfm", "confidence.png"):
            (out / name).unlink(missing_ok=True)
        return f"{told}; {out}/disparity.pfm, disparity.png"
    within_px = student.contract.output("confidence").within_px
    write_pfm(out / "confidence.pfm", found.confidence)
    write_atomic(out / "confidence.png", confidence_png(found.confidence, capture.name, within_px))
    return (
        f"{told}, confidence {float(found.confidence.mean()):.2f} on average; "
        f"{out}/disparity.pfm, disparity.png, confidence.pfm, confidence.png"
    )


def find_captures(path: Path) -> list[DPCapture]:
    """The capture at `path`, or every capture in the folder.

    Raises CaptureError when there is none, or naming one that is damaged.
    """
    return captures_in(path) if Path(path).is_dir() else [open_capture(path)]


def parity_samples(artifacts: Sequence[Path], captures: Sequence[DPCapture]) -> list[Sample]:
    """Tiles of `captures` and full-range random inputs for artifacts of one student.

    Raises ContractError when the artifacts' contracts are of different sizes or preprocessing.
    """
    contracts = [contract_of(Path(path)) for path in artifacts]
    anchor = next((c for c in contracts if c.inputs[0].dtype == "int8"), contracts[0])
    for path, contract in zip(artifacts, contracts, strict=True):
        if contract.inputs[0].plane() != anchor.inputs[0].plane() or contract.preprocess != anchor.preprocess:
            raise ContractError(f"{Path(path).name} has another input size or preprocessing than the other artifacts")
    samples = [sample for capture in captures for sample in capture_samples(anchor, capture)]
    return samples + random_samples(anchor, RANDOM_SAMPLES)


def parity_on_captures(
    artifacts: Sequence[Path],
    captures: Path,
    budget: Path | None = None,
    json_file: Path | None = None,
    html_file: Path | None = None,
    progress: Progress | None = None,
) -> Parity:
    """`dpocket parity`: run, compare, and write the figures and the page that were asked for.

    Capture packages with a phone's outputs have these compared as well.
    """
    import json

    from runtime_py.parity.device import with_devices
    from runtime_py.parity.report import Page, write_html

    limits = load_budget(budget)
    opened = find_captures(captures)
    samples = parity_samples(artifacts, opened)
    found = with_devices(run_parity(artifacts, samples, limits, progress), artifacts, opened, limits)
    if json_file is not None:
        rows = [row.to_dict() for row in found.rows]
        summary = {
            "captures": [c.name for c in opened],
            "samples": len(samples),
            "rows": rows,
            "outputs": found.outputs(),
        }
        write_atomic(json_file, (json.dumps(summary, indent=1) + "\n").encode())
    if html_file is not None:
        facts = {"captures": ", ".join(c.name for c in opened), "samples": str(len(samples))}
        write_html(Page("Parity on real captures", found, facts), html_file)
    return found
