"""One process that damages artifacts, reads and runs them, and tells what came of each."""

from __future__ import annotations

import json
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from ctypes import c_double, c_int64
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from benchmarks.fuzzing.mutations import Seed, mutated
from benchmarks.fuzzing.packages import mutated_package
from runtime_py.captures import open_capture
from runtime_py.errors import ArtifactError, CaptureError
from runtime_py.interpreter import Interpreter
from runtime_py.program import Program
from runtime_py.readers import READERS, read

SECONDS, GROWTH = 5.0, 1 << 30
"""What one file may take."""

DIALECTS: Mapping[str, tuple[str, ...]] = {
    "tflite": ("xnnpack", "litert-reference"),
    "pte": ("xnnpack",),
    "onnx": ("onnx-qdq",),
    "mlpackage": ("coreml-fp16",),
}


@dataclass
class Progress:
    """Numbers that the worker shares with its parent and that outlive it."""

    current: c_int64
    results: c_int64
    refused: c_int64
    slowest: c_double


class TooSlow(BaseException):
    """No Exception: nothing may catch it on its way."""


def work(
    kind: str, artifacts: Sequence[Mapping[str, Seed]], first: int, last: int, defects: Path, progress: Progress
) -> None:
    """Files number `first` to `last`; a defect is written to `defects` and the next file follows."""
    warnings.simplefilter("ignore")
    _alarm()
    _bounded_memory()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        for number in range(first, last):
            progress.current.value = number
            files = damaged(kind, artifacts, number)
            started = time.perf_counter()
            defect = outcome(kind, files, number, Path(scratch), progress)
            took = time.perf_counter() - started
            progress.slowest.value = max(progress.slowest.value, took)
            if not defect and took > SECONDS:
                defect = f"took {took:.1f} s"
            if defect:
                save(defects, kind, number, files, defect)
    progress.current.value = last


def damaged(kind: str, artifacts: Sequence[Mapping[str, Seed]], number: int) -> dict[str, bytes]:
    """File number so-and-so: the same for the same artifacts. In a folder one file is damaged, the larger ones less."""
    rng = random.Random(f"{kind} {number}")
    artifact = rng.choices(artifacts, [_weight(a) for a in artifacts])[0]
    chosen = rng.choices(list(artifact), [len(s.fields) + 1 for s in artifact.values()])[0]
    files = {name: seed.content for name, seed in artifact.items()}
    if kind == "dpz":
        return {"": mutated_package(rng, artifact[""], [a[""] for a in artifacts])}
    others = [seed for a in artifacts for name, seed in a.items() if name == chosen]
    files[chosen] = mutated(rng, artifact[chosen], others)
    return files


def _weight(artifact: Mapping[str, Seed]) -> float:
    """Large files take longer and consist mostly of weights."""
    return 1 / (1 + sum(len(seed.content) for seed in artifact.values()) / 4000)


def outcome(kind: str, files: Mapping[str, bytes], number: int, scratch: Path, progress: Progress) -> str:
    """Empty for a result, an ArtifactError or a CaptureError, which are counted; otherwise what went wrong."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        if kind == "dpz":
            _open(files[""], scratch)
        else:
            program = _read(kind, files, scratch)
            dialects = DIALECTS[kind]
            interpreter = Interpreter(program, dialects[number % len(dialects)])
            interpreter.run(_inputs(program))
        progress.results.value += 1
    except (ArtifactError, CaptureError) as e:
        if isinstance(e.__cause__, MemoryError):
            return f"ran out of memory: {e}"
        progress.refused.value += 1
    except TooSlow:
        return f"too slow\n{traceback.format_exc()}"
    except BaseException as e:
        if isinstance(e, KeyboardInterrupt):
            raise
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


def save(defects: Path, kind: str, number: int, files: Mapping[str, bytes], story: str) -> None:
    """The damaged artifact and what it did, named by its number."""
    place = defects / f"{kind}-{number}.{kind}"
    for name, content in files.items():
        path = place / name if name else place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (defects / f"{kind}-{number}.json").write_text(json.dumps({"number": number, "story": story}, indent=1))


def _read(kind: str, files: Mapping[str, bytes], scratch: Path) -> Program:
    if "" in files:
        return READERS[f".{kind}"](files[""], f"damaged.{kind}")
    place = scratch / f"damaged.{kind}"
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return read(place)


def _open(content: bytes, scratch: Path) -> None:
    path = scratch / "damaged.dpz"
    path.write_bytes(content)
    open_capture(path)


def _inputs(program: Program) -> dict[str, Any]:
    tensors = [program.tensors[i] for i in program.inputs]
    return {t.name: np.ones([n if n >= 0 else 1 for n in t.shape], t.dtype) for t in tensors}


def _alarm() -> None:
    def ring(signum: int, frame: FrameType | None) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, ring)


def _bounded_memory() -> None:
    """Address space may grow by GROWTH from here on, where the system counts it (Linux)."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
