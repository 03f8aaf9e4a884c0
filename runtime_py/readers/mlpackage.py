"""`.mlpackage` folders (ML programs of Core ML) into `Program`s. Field numbers are of coremltools' Model.proto."""

from __future__ import annotations

import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from runtime_py.errors import ArtifactError
from runtime_py.program import Program
from runtime_py.readers.assembly import LARGEST_TOTAL, TOTAL_PER_BYTE, Assembly
from runtime_py.readers.layout import without_transposes
from runtime_py.readers.mil import Function, MilReader
from runtime_py.readers.mil_blob import BlobFile
from runtime_py.readers.mil_call import Call, Scope
from runtime_py.readers.mil_constants import COMPRESSED, Parts
from runtime_py.readers.mil_ops import OPERATIONS
from runtime_py.readers.protobuf import Message

MANIFEST = "Manifest.json"
ML_PROGRAM = 502
MODEL_PATH = "@model_path/"
LARGEST_FILE = 1 << 32
"""Bytes of a file inside a package."""


def read_mlpackage(path: Path) -> Program:
    """The ML program of a package as a Program; boundary tensors keep the file's names, shapes and order of axes.

    Half-float tensors stay half floats (dialect "coreml-fp16"). uint8 values become int8 with a zero point lower by
    128, but for an input, which is an image of 8-bit grey and stays uint8. Metadata is the model's user-defined
    one. Raises ArtifactError with the place for anything damaged, foreign or not supported.
    """
    package = Package(Path(path))
    model = Message(package.model(), str(path), "the model")
    function = function_of(model, package)
    assembly = Assembly(str(path), package.size)
    translated = translate(function, assembly, _metadata(model))
    # Half floats are widened while running.
    wide = sum(4 * math.prod(t.shape) for t in translated.tensors if t.dtype == "float16" and t.data is None)
    if wide > LARGEST_TOTAL + TOTAL_PER_BYTE * package.size:
        raise assembly.error("its tensors declare more bytes than makes sense for a file of its size")
    return without_transposes(translated)


def function_of(model: Message, package: Package) -> Function:
    """The ML program's function. Raises ArtifactError for another kind of model, or what is damaged."""
    if not model.has(ML_PROGRAM):
        raise model.error("is no ML program (an older kind of Core ML model): convert it to 'mlprogram'")
    return MilReader(package.blobs).function(model.required(ML_PROGRAM, "the ML program"))


def translate(function: Function, assembly: Assembly, metadata: dict[str, bytes]) -> Program:
    """A function's operations in order, each by the table of translators."""
    unknown = {o.type for o in function.operations} - {"const", *COMPRESSED, *OPERATIONS}
    if unknown:
        known = ", ".join(OPERATIONS)
        raise assembly.error(f"it uses {', '.join(sorted(unknown))}; operations that are known: {known}")
    scope = Scope(assembly)
    inputs = tuple(scope.taken(named, f"{assembly.source}, the inputs") for named in function.inputs)
    for operation in function.operations:
        if operation.type in OPERATIONS:
            OPERATIONS[operation.type](Call(scope, operation))
        else:
            _constant(Call(scope, operation))
    for codes, image in scope.images.items():
        if assembly[codes].quant is None:
            raise assembly.error(f"its input '{assembly[image].name}' is uint8 and is not taken by a dequantize")
    missing = [name for name in function.outputs if name not in scope.tensors]
    if missing:
        raise assembly.error(f"its output '{missing[0]}' is never written")
    return assembly.program(inputs, tuple(scope.tensors[name] for name in function.outputs), metadata)


def _constant(call: Call) -> None:
    out, place = call.output, call.place
    if call.operation.type == "const":
        value = call.literal("val")
    else:
        with np.errstate(all="ignore"):
            value = COMPRESSED[call.operation.type](Parts(call.literals(), place))
        call.require(value.shape == out.shape, f"declares the shape {out.shape}, its parts give {value.shape}")
    call.require(out.name not in call.scope.constants and out.name not in call.scope.tensors, "is written twice")
    call.scope.constants[out.name] = value


def _metadata(model: Message) -> dict[str, bytes]:
    description = model.message(2, "the description")
    metadata = None if description is None else description.message(100, "the metadata")
    entries = () if metadata is None else metadata.messages(100, "metadata entry")
    return {entry.text(1): bytes(entry.data(2)) for entry in entries}


class Package:
    """The files of a package; every path must lie inside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_dir():
            what = "is a file; an .mlpackage is a folder: unpack it first" if path.exists() else "does not exist"
            raise ArtifactError(f"{path} cannot be read: it {what}")
        self._model = self._model_path()
        self.size = 0
        self._blobs: dict[str, BlobFile] = {}

    def model(self) -> bytes:
        """The bytes of the root model."""
        return self._bytes(self._model)

    def blobs(self, name: str) -> BlobFile:
        """A blob file, which a program names from the folder of its model."""
        if name not in self._blobs:
            if not name.startswith(MODEL_PATH):
                raise self._error(f"weights are in '{name}', which does not begin with {MODEL_PATH}")
            relative = self._model.parent / name.removeprefix(MODEL_PATH)
            self._blobs[name] = BlobFile(self._bytes(relative), f"{self._path}, {relative}")
        return self._blobs[name]

    def _model_path(self) -> PurePosixPath:
        """Where the manifest says that the root model is."""
        self.size = 0
        try:
            manifest: Any = json.loads(self._bytes(PurePosixPath(MANIFEST)))
            entry = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
            path = PurePosixPath("Data", str(entry["path"]))
        except (ValueError, KeyError, TypeError, RecursionError) as e:
            raise self._error(f"{MANIFEST} names no root model ({type(e).__name__} {e})") from e
        if path.suffix != ".mlmodel":
            raise self._error(f"its root model is {path}, which is no .mlmodel")
        return path

    def _bytes(self, relative: PurePosixPath) -> bytes:
        try:
            whole = (self._path / relative).resolve()
            if not whole.is_relative_to(self._path.resolve()):
                raise self._error(f"{relative} lies outside the package")
            if not whole.is_file():
                raise self._error(f"{relative} is missing")
            if whole.stat().st_size > LARGEST_FILE:
                raise self._error(f"{relative} has more than {LARGEST_FILE} bytes")
            data = whole.read_bytes()
        except (OSError, ValueError) as e:
            raise self._error(f"{relative} cannot be read: {getattr(e, 'strerror', None) or e}") from e
        self.size += len(data)
        return data

    def _error(self, sentence: str) -> ArtifactError:
        return ArtifactError(f"{self._path} cannot be used: {sentence}")
