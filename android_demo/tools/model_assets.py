"""The assets of the APK: the int8 student for both runtimes, its contract, and a golden pair for the start-up test."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from android_demo.tools.toolbox import BUILD, ROOT, call, digest_of, is_current, note_digest
from runtime_py.errors import DpocketError
from runtime_py.files import atomic_directory, write_atomic
from runtime_py.manifest import contract_of, manifest_path

WEIGHTS = ROOT / "training" / "weights" / "pyramid-int8.safetensors"
CAPTURE = ROOT / "runtime_py" / "samples"
FOLDER = BUILD / "assets"
TOOLS = ("torch", "torchao", "executorch", "flatbuffers", "numpy")
MODELS = ("student_int8.tflite", "student_int8.pte")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def inputs_digest() -> str:
    """Digest of everything that the assets follow from: weights, converters and the reference, installed tools."""
    sources = [p for room in ("convert", "runtime_py", "training") for p in (ROOT / room).rglob("*.py")]
    weights = WEIGHTS.parent.glob(f"{WEIGHTS.stem}.*")
    return digest_of([*sorted(sources), *sorted(weights), *map(installed, TOOLS)])


def installed(package: str) -> str:
    """`package==version` as it is installed here, or `package absent`."""
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return f"{package} absent"


def export(folder: Path) -> None:
    """The student's artifacts into `folder`, by this Python's dpocket. Raises DpocketError with its words."""
    command: list[str | Path] = [sys.executable, "-m", "dpocket", "export", WEIGHTS, "--out", folder, "--no-parity"]
    command += ["--target", "litert,executorch", "--precision", "int8"]
    call(command, "exporting the student (it needs dpocket[train,convert])", folder=ROOT, environment=ONE_THREAD)


def fill(exported: Path, folder: Path) -> None:
    """Copy the models and manifests of a folder of artifacts into `folder`, with contract.json and the golden pair.

    Raises DpocketError when a model is missing there.
    """
    if absent := [name for name in MODELS if not (exported / name).is_file()]:
        raise DpocketError(f"{exported} holds no {', '.join(absent)}; `dpocket export` with int8 makes them")
    for name in MODELS:
        for file in (exported / name, manifest_path(exported / name)):
            shutil.copyfile(file, folder / file.name)
    write_atomic(folder / "contract.json", contract_of(exported / MODELS[0]).to_json().encode())
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "runtime_py.golden",
        folder,
        "--pair",
        folder / MODELS[0],
        sample_capture(),
    ]
    call(command, "making the golden pair", folder=ROOT, environment=ONE_THREAD)


def sample_capture() -> Path:
    """The left view of the capture that ships. Raises DpocketError when the samples are not there."""
    found = sorted(p for p in CAPTURE.iterdir() if "left" in p.name) if CAPTURE.is_dir() else []
    if not found:
        raise DpocketError(f"{CAPTURE} holds no sample capture; the checkout is not whole")
    return found[0]


@functools.cache
def make(folder: Path = FOLDER) -> Path:
    """The folder of assets; made anew, at most once a process, when something changed that they follow from."""
    digest = inputs_digest()
    if is_current(folder, digest):
        return folder
    scratch = BUILD / f"export.{os.getpid()}"
    try:
        export(scratch)
        with atomic_directory(folder) as staged:
            fill(scratch, staged)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    note_digest(folder, digest)
    return folder
