"""Do several processes that share each batch train as one does?

`python -m benchmarks.two_processes [--processes 2] [--set name=value ...] [--json FILE]` trains a tiny student in one
process, and again in several started by torchrun (gloo, CPU), each with its share of the same batches, and compares the
losses step by step. They must agree within 1e-5.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors.torch import load_file

from benchmarks.tiny_run import train
from runtime_py.files import write_atomic

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Curves:
    """Losses per step of one process and of several; largest differences of the losses and of the final weights."""

    one: list[float]
    several: list[float]
    loss: float
    relative_loss: float
    weight: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        curves = compared(Path(folder), arguments.processes, arguments.settings)
    for step in range(0, len(curves.one), max(1, len(curves.one) // 6)):
        print(f"step {step + 1:4}  one {curves.one[step]:.7f}  {arguments.processes} {curves.several[step]:.7f}")
    print(f"largest difference of the loss {curves.loss:.2g} (relative {curves.relative_loss:.2g}), ", end="")
    print(f"of a weight {curves.weight:.2g}")
    if arguments.json:
        write_atomic(arguments.json, json.dumps(asdict(curves), indent=1).encode())
    sys.exit(0 if curves.loss <= TOLERANCE else 1)


def compared(folder: Path, processes: int, settings: list[str]) -> Curves:
    """Both runs in `folder`."""
    one = train(folder / "one", folder / "cache", settings)
    several = _together(folder, processes, settings)
    weights, other = (load_file(folder / name / "student.safetensors") for name in ("one", "several"))
    pairs = list(zip(one, several, strict=True))
    return Curves(
        one,
        several,
        max(abs(a - b) for a, b in pairs),
        max(abs(a - b) / abs(a) for a, b in pairs),
        max(float((weights[name] - other[name]).abs().max()) for name in weights),
    )


def _together(folder: Path, processes: int, settings: list[str]) -> list[float]:
    """The losses that the first of the processes was told."""
    losses = folder / "losses.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "benchmarks.tiny_run", "--out", str(folder / "several"), "--cache", str(folder / "cache")]
    command += ["--losses", str(losses)] + [word for setting in settings for word in ("--set", setting)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    found: list[float] = json.loads(losses.read_text())
    return found


if __name__ == "__main__":
    main()
