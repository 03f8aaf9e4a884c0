"""An artifact on an emulated CPU: its outputs, and what an inference cost in instructions."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from android_demo.arm64.toolchain import Toolchain
from runtime_py.errors import ArtifactError

RUNTIMES = {".tflite": "litert", ".pte": "executorch"}
TIME_LIMIT_S = 3600.0

Stacks = Sequence[NDArray[Any]]
"""Per input or output an array whose first axis is the inference."""


@dataclass(frozen=True)
class Emulated:
    """`outputs`: per output the packed bytes of all inferences; `instructions`: guest instructions of each."""

    outputs: tuple[bytes, ...]
    instructions: tuple[int, ...]

    @property
    def steady(self) -> int:
        """Instructions of the last inference: the first also sets up and resolves symbols."""
        return self.instructions[-1]

    @property
    def repeatability(self) -> float:
        """Relative difference of the last two inferences; their inputs differ."""
        last, before = self.instructions[-1], self.instructions[-2]
        return abs(last - before) / last


def emulate(tools: Toolchain, cpu: str, artifact: Path, inputs: Stacks, names: Sequence[str]) -> Emulated:
    """Run `artifact` for every row of `inputs` on one core of `cpu`.

    `names` are its inputs and then its outputs, in the order of `inputs` and of the answer; a .pte knows none, so that
    only their number counts there. Raises ArtifactError when the artifact has another order, or when the runner or
    qemu fails, with the last lines of what it said.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = [folder / f"input{i}" for i in range(len(inputs))]
        made = [folder / f"output{i}" for i in range(len(names) - len(inputs))]
        for path, stack in zip(given, inputs, strict=True):
            path.write_bytes(np.ascontiguousarray(stack).tobytes())
        runner: list[Path] = [tools.run_litert, tools.litert_library] if artifact.suffix == ".tflite" else []
        runner = runner or [tools.run_executorch]
        counted = folder / "count"
        command = ["qemu-aarch64", "-cpu", cpu, "-L", tools.prefix(cpu), "-plugin", tools.plugin]
        done = subprocess.run(
            [str(word) for word in [*command, *runner, artifact, *given, *made]],
            env={**os.environ, "DPOCKET_COUNT": str(counted)},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            said = " / ".join(done.stderr.strip().splitlines()[-3:])
            raise ArtifactError(f"{artifact.name} does not run on {cpu} (exit {done.returncode}): {said}")
        told = re.findall(r"^(?:input|output) (\S+) type", done.stdout, re.MULTILINE)
        if told and told != list(names):
            raise ArtifactError(f"{artifact.name} has {', '.join(told)} in this order, expected {', '.join(names)}")
        counts = re.findall(r"^inference \d+: (\d+)$", counted.read_text(), re.MULTILINE)
        return Emulated(tuple(path.read_bytes() for path in made), tuple(int(n) for n in counts))
