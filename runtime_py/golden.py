"""Golden vectors for runtimes in other languages.

`python -m runtime_py.golden FOLDER` writes core.json and core.bin (format: `vectors.py`; cases: `golden_cases.py`): the
files in `android_demo/tests/golden/`, which tests on both sides read. `--pair ARTIFACT CAPTURE` writes pair.json and
pair.bin instead: inputs of that artifact and what the reference gives for them, for a self-test on a device.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from runtime_py.errors import DpocketError
from runtime_py.vectors import Case, write_vectors

CORE, PAIR = "core", "pair"
"""Stems of the two sets of files."""


def pair_cases(artifact: Path, capture: Path) -> list[Case]:
    """One tile of a capture and one of full-range random integers, and what the reference interpreter gives for them.

    Case "pair": arrays `input.<name>` and `output.<name>` as stored, in the artifact's layout; settings: `student` and
    `sha256` of the artifact. Raises DpocketError for a damaged artifact or capture.
    """
    from runtime_py import load_student
    from runtime_py.captures import open_capture
    from runtime_py.files import sha256_of
    from runtime_py.parity.samples import capture_samples, random_samples

    student = load_student(artifact)
    samples = [capture_samples(student.contract, open_capture(capture))[0], *random_samples(student.contract, 1)]
    settings = {"student": student.contract.student, "artifact": artifact.name, "sha256": sha256_of(artifact)}
    cases = []
    for sample in samples:
        inputs = sample.stored(student.contract)
        outputs = student.run(inputs)
        arrays = {f"input.{name}": value for name, value in inputs.items()}
        arrays |= {f"output.{name}": outputs[name] for name in (spec.name for spec in student.contract.outputs)}
        cases.append(Case("pair", sample.name, settings, arrays))
    return cases


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m runtime_py.golden", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder that the two files are written to")
    parser.add_argument("--pair", nargs=2, type=Path, metavar=("ARTIFACT", "CAPTURE"), help="vectors of one artifact")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.pair:
            write_vectors(chosen.folder, PAIR, pair_cases(*chosen.pair))
        else:
            from runtime_py.golden_cases import core_cases

            write_vectors(chosen.folder, CORE, core_cases())
    except DpocketError as e:
        print(e, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
