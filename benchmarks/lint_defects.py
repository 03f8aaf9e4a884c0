"""Does the lint of captures find a defect that was made on purpose, in every real capture, and nothing in sound ones?

Run from the repository's root: `python -m benchmarks.lint_defects CAPTURES [--json FILE]`, where CAPTURES is a folder
tree of sound captures. A cell is the measure of the finding, `missed`, or `-` where the capture cannot have the defect.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime_py.captures import find_captures, open_capture
from runtime_py.captures.capture import DPCapture
from runtime_py.captures.descriptor import FILE
from runtime_py.captures.lint import findings
from runtime_py.errors import CaptureError, DpocketError
from runtime_py.files import write_atomic

BLACK = 64 / 1023
"""Black level of a phone's 10-bit readout."""

GAMMA = 2.2


@dataclass(frozen=True)
class Defect:
    """`make` returns the capture with the defect, None where it cannot have it; any of `checks` counts as found."""

    make: Callable[[DPCapture], DPCapture | None]
    checks: tuple[str, ...]


def _sound(capture: DPCapture) -> DPCapture:
    return capture


def _swapped(capture: DPCapture) -> DPCapture | None:
    if capture.truth is None:
        return None
    return replace(capture, left=capture.right, right=capture.left)


def _swapped_blind(capture: DPCapture) -> DPCapture:
    return replace(capture, left=capture.right, right=capture.left, truth=None)


def _other_axis(capture: DPCapture) -> DPCapture:
    return replace(capture, dp_axis="horizontal" if capture.dp_axis == "vertical" else "vertical")


def _black_left_in(capture: DPCapture) -> DPCapture:
    left, right = (v * np.float32(1 - BLACK) + np.float32(BLACK) for v in (capture.left, capture.right))
    return replace(capture, left=left, right=right)


def _half_the_lines(capture: DPCapture) -> DPCapture:
    def kept(view: NDArray[np.float32]) -> NDArray[np.float32]:
        return view[::2] if capture.dp_axis == "horizontal" else view[:, ::2]

    return replace(capture, left=kept(capture.left), right=kept(capture.right), truth=None)


def _displaced(pixels: float) -> Callable[[DPCapture], DPCapture]:
    def make(capture: DPCapture) -> DPCapture:
        across = (0.0, pixels) if capture.dp_axis == "horizontal" else (pixels, 0.0)
        height, width = capture.size
        move = np.array([[1, 0, across[0]], [0, 1, across[1]]])
        moved = cv2.warpAffine(
            capture.right, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        return replace(capture, right=np.asarray(moved, np.float32))

    return make


def _overexposed(capture: DPCapture) -> DPCapture:
    """Exposed so that 3 % of the left view reach full scale."""
    gain = np.float32(1 / max(float(np.percentile(capture.left, 97)), 1e-6))
    left, right = (np.minimum(v * gain, np.float32(1)) for v in (capture.left, capture.right))
    return replace(capture, left=left, right=right)


def _eight_bit_file(gamma: float) -> Callable[[DPCapture], DPCapture]:
    """The capture through 16-bit files that hold 8-bit data, with a tone curve or without one."""

    def make(capture: DPCapture) -> DPCapture:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for side, view in (("left", capture.left), ("right", capture.right)):
                eight = np.rint(np.clip(view, 0, 1) ** (1 / gamma) * 255).astype(np.uint16)
                write_atomic(folder / f"{side}.png", bytes(cv2.imencode(".png", eight * 257)[1]))
            told = {"gamma": gamma, "dp_axis": capture.dp_axis}
            write_atomic(folder / FILE, json.dumps(told).encode())
            return replace(open_capture(folder), truth=capture.truth)

    return make


DEFECTS: dict[str, Defect] = {
    "none": Defect(_sound, ()),
    "swapped": Defect(_swapped, ("swapped",)),
    "swapped, no truth": Defect(_swapped_blind, ("swapped",)),
    "wrong axis": Defect(_other_axis, ("axis", "misalignment")),
    "black 64/1023": Defect(_black_left_in, ("black-level",)),
    "half the lines": Defect(_half_the_lines, ("aspect",)),
    "1 px across": Defect(_displaced(1), ("misalignment",)),
    "0.5 px across": Defect(_displaced(0.5), ("misalignment",)),
    "3 % clipped": Defect(_overexposed, ("saturation",)),
    "8 bit in 16, linear": Defect(_eight_bit_file(1.0), ("levels",)),
    "8 bit in 16, curve": Defect(_eight_bit_file(GAMMA), ("levels",)),
}


def cells(capture: DPCapture) -> dict[str, str]:
    """What the lint says of each defect made in `capture`."""
    return {name: _cell(capture, defect) for name, defect in DEFECTS.items()}


def _cell(capture: DPCapture, defect: Defect) -> str:
    broken = defect.make(capture)
    if broken is None:
        return "-"
    found = {f.check: f for f in findings(broken)}
    if not defect.checks:
        return ", ".join(f"false {check} {f.value:.2g}" for check, f in found.items()) or "nothing"
    hit = next((found[check] for check in defect.checks if check in found), None)
    return "missed" if hit is None else f"{hit.check} {hit.value:+.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    table: dict[str, dict[str, str]] = {}
    print("| capture |", " | ".join(DEFECTS), "|\n|" + "---|" * (len(DEFECTS) + 1))
    try:
        for left, chosen in find_captures(arguments.captures, deep=True).items():
            try:
                capture = chosen.read(left)
            except CaptureError as e:
                print(f"skipped: {e}", file=sys.stderr)
                continue
            name = f"{capture.format} {capture.name}"
            table[name] = cells(capture)
            print(f"| {name} |", " | ".join(table[name].values()), "|", flush=True)
        found = [sum(row[d] not in ("missed", "-", "nothing") for row in table.values()) for d in DEFECTS]
        possible = [sum(row[d] != "-" for row in table.values()) for d in DEFECTS]
        print("| found |", " | ".join(f"{f} of {n}" for f, n in zip(found, possible, strict=True)), "|")
        if arguments.json:
            write_atomic(arguments.json, (json.dumps(table, indent=1) + "\n").encode())
    except DpocketError as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
