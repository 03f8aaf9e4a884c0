"""The student on emulated ARM64 CPUs: its integers, and what an inference costs in instructions.

    python -m android_demo.arm64.sweep [--plain DIR] [--json FILE]

Exports the int8 student at both precisions, runs the four artifacts through the app's own engine and ExecuTorch's
library on every CPU of cpus.py under qemu-user, on tiles of the capture that ships and on full-range random input, and
compares with x86-64 and with the reference interpreter. `--plain` is a folder of benchmarks/plain_routes.py, whose
artifacts are counted too. Exit 1 when a bar is not kept; 2 with a sentence when something cannot be done; 77 when the
machine lacks the tools (with the line that installs them). An instruction is no unit of time: counts say what a change
costs, exactly, and not how long a phone takes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from android_demo.arm64.cpus import CPUS
from android_demo.arm64.toolchain import BUILD, WHEELS, Toolchain, build
from android_demo.arm64.trial import INSTRUCTIONS_BAR, Trial, cost_bars, own_trial, plain_trial, witnesses
from android_demo.tools.toolbox import ROOT, Unavailable
from runtime_py.errors import DpocketError
from runtime_py.files import sha256_of, write_atomic
from runtime_py.job import parity_samples
from runtime_py.parity.samples import Sample
from runtime_py.quiet import quiet

STUDENT = ROOT / "training" / "weights" / "pyramid-int8.safetensors"
CAPTURE = ROOT / "runtime_py" / "samples" / "20261122_120000_000_left.pgm"
PLAIN = {"litert_fp32.tflite", "litert_int8.tflite", "executorch_fp32.pte", "executorch_int8.pte"}
COUNTED = ("cortex-a53", "cortex-a76")
"""The CPUs that plain artifacts are counted on."""

SKIPPED = 77
"""The exit code of a step that this machine cannot run, as in automake's tests."""

Say = Callable[[str], None]


def student_artifacts(checkpoint: Path, folder: Path, say: Say) -> list[Path]:
    """The student's .tflite and .pte at int8 and fp32, int8 first."""
    from convert.student import export_checkpoint
    from training.checkpoint import load_checkpoint

    made = []
    for precision in ("int8", "fp32"):
        say(f"exporting {precision}")
        with quiet(native=True):
            exported = export_checkpoint(load_checkpoint(checkpoint), ["litert", "executorch"], precision, folder)
        made += [artifact.path for artifact in exported]
    return made


def samples_of(artifacts: Sequence[Path], tiles: int | None = None) -> list[Sample]:
    """Tiles of the capture that ships (all, or the first so many) and full-range random input."""
    from convert.parity import spread
    from runtime_py.captures import open_capture

    found = parity_samples(list(artifacts), [open_capture(CAPTURE)])
    return found if tiles is None else spread(found, tiles)


def own_trials(tools: Toolchain, artifacts: Sequence[Path], samples: Sequence[Sample], say: Say) -> list[Trial]:
    """Every artifact on every CPU."""
    trials = []
    for artifact in artifacts:
        with quiet(native=True):
            held_against = witnesses(artifact, samples)
        for cpu in CPUS:
            trials.append(own_trial(tools, cpu, artifact, held_against))
            say(line(trials[-1]))
    return trials


def plain_trials(tools: Toolchain, folder: Path, say: Say) -> list[Trial]:
    """Every artifact of the plain routes that is in `folder`, on the CPUs that are counted."""
    trials = []
    for name in sorted(PLAIN):
        if not (folder / name).is_file():
            say(f"{folder / name} is not there: python -m benchmarks.plain_routes says how to make it")
            continue
        for cpu in COUNTED:
            trials.append(plain_trial(tools, cpu, folder / name))
            say(line(trials[-1]))
    return trials


def line(trial: Trial) -> str:
    """A trial in a line."""
    millions = trial.instructions / 1e6
    told = f"{trial.made_by:8}{trial.runtime:11}{trial.precision:5}{trial.cpu:12}{millions:8.1f} M instructions"
    if trial.integers is not None:
        told += f", {trial.differing_from_x86} and {trial.differing_from_reference} of {trial.integers} integers differ"
    if trial.deviation_from_x86 is not None and trial.deviation_from_reference is not None:
        pair = (max(trial.deviation_from_x86.values()), max(trial.deviation_from_reference.values()))
        told += ", {:.1e} and {:.1e} of the range".format(*pair)
    return told


def judged(trials: Sequence[Trial]) -> tuple[list[str], list[str]]:
    """What is told of the costs, and what is broken of the bars."""
    told, broken = [], [sentence for trial in trials for sentence in trial.broken()]
    for runtime, share in cost_bars(trials):
        told.append(f"{runtime}: int8 costs {share:.0%} of float32's instructions on cortex-a76")
        if share > INSTRUCTIONS_BAR:
            broken.append(f"{told[-1]}; at most {INSTRUCTIONS_BAR:.0%} is allowed")
    return told, broken


def report(trials: Sequence[Trial], samples: Sequence[Sample], artifacts: Sequence[Path], broken: Sequence[str]) -> str:
    """Everything as JSON, with the hashes of what was run; no times, no paths."""
    pinned = [text.split()[0] for text in WHEELS.read_text().splitlines() if "==" in text]
    content = {
        "wheels": pinned,
        "artifacts": {path.name: sha256_of(path) for path in artifacts},
        "samples": [sample.name for sample in samples],
        "bars_broken": list(broken),
        "trials": [trial.to_dict() for trial in trials],
    }
    return json.dumps(content, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes as in the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--student", type=Path, default=STUDENT)
    parser.add_argument("--plain", type=Path, help="folder of benchmarks/plain_routes.py")
    parser.add_argument("--tiles", type=int, help="tiles of the capture at most (all of them)")
    parser.add_argument("--json", type=Path, default=BUILD / "arm64.json")
    given = parser.parse_args(arguments)

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        if given.plain is not None and not given.plain.is_dir():
            raise DpocketError(f"there is no folder {given.plain}; python -m benchmarks.plain_routes makes it")
        tools = build()
        artifacts = student_artifacts(given.student, BUILD / "student", say)
        samples = samples_of(artifacts, given.tiles)
        say(f"{len(samples)} samples; differences are from x86-64 and from the reference interpreter")
        trials = own_trials(tools, artifacts, samples, say)
        if given.plain is not None:
            trials += plain_trials(tools, given.plain, say)
            artifacts += sorted(path for path in given.plain.iterdir() if path.name in PLAIN)
        told, broken = judged(trials)
        write_atomic(given.json, report(trials, samples, artifacts, broken).encode())
    except Unavailable as e:
        print(f"skipped: {e}", file=sys.stderr)
        return SKIPPED
    except DpocketError as e:
        print(f"sweep: {e}", file=sys.stderr)
        return 2
    for text in told:
        say(text)
    for text in broken:
        print(f"BROKEN: {text}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
